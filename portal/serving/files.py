"""How many connections this system lets a process have open."""

import resource
from contextlib import suppress

from portal.serving.limits import Limits

# Files that are no visitor's: the database's, the log's, the libraries'.
OWN = 200
# A connection, and the file of its body where that is large.
EACH = 2


def raise_limit() -> None:
    """Ask for as many files as all connections may need; processes started later have it too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OWN + EACH * Limits().all_connections
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def most_connections() -> int:
    """How many connections a process may have, so that files are left for all else.

    The server stops accepting for good where there is no file for one more.
    """
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = Limits().all_connections
    return most if soft == resource.RLIM_INFINITY else max(16, min(most, (soft - OWN) // EACH))
