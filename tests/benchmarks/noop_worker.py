"""A worker that knows one job more, which does nothing: `python -m … NAME`."""

import sys

from portal.commands.installation import make_services
from portal.logs import set_up_logging
from portal.settings import load_settings
from portal.worker import TASKS, run_worker

NOOP = "noop"

if __name__ == "__main__":
    settings = load_settings()
    set_up_logging(settings.log_format)
    TASKS[NOOP] = lambda _services, _subject: None
    run_worker(make_services(settings), name=sys.argv[1])
