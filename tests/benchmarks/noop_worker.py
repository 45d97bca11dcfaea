"""A worker that knows one job more, which does nothing: `python -m … NAME`."""

import sys

import portal.worker
from portal.commands.installation import make_services
from portal.jobs.crew import Work
from portal.logs import set_up_logging
from portal.settings import load_settings

NOOP = "noop"
known = portal.worker.list_works

if __name__ == "__main__":
    settings = load_settings()
    set_up_logging(settings.log_format)
    portal.worker.list_works = lambda services: known(services) | {NOOP: Work(lambda _jobs: {})}
    portal.worker.run_worker(make_services(settings), name=sys.argv[1])
