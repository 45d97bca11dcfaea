"""What the process that others are copied from loads: everything that they need, at once."""

from portal.commands.installation import load_all

load_all()
