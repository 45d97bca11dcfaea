"""A self-hosted donation and partnership payment portal, and where its data files lie.

They lie beside the package in a checkout, inside it in a wheel.
"""

from pathlib import Path

__version__ = "0.1.0"

PACKAGE = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """The folder `templates` or `migrations`, wherever this copy of the product keeps it."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


TEMPLATES = resource("templates")
MIGRATIONS = resource("migrations")
