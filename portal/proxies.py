"""Whether a proxy stands in front that the settings don't know of.

Behind one, every visitor seems to come from the proxy's own address, which is often loopback:
what is for loopback alone would be public, and all visitors would share one network's limits.
"""

from flask import Flask, current_app, request

from portal.logs import get_logger
from portal.web import services

log = get_logger()

# RFC 7239, and the headers that came before it.
STANDARD = "HTTP_FORWARDED"
CUSTOMARY = "HTTP_X_FORWARDED_"
CUSTOMARY_FOR = "HTTP_X_FORWARDED_FOR"
REPORTED = "unknown_proxy_reported"
UNKNOWN_PROXY = "unknown proxy"


def watch_for_proxies(app: Flask) -> None:
    """Look at every request, unless the settings know of proxies; report the first once."""
    app.before_request(_report_once)


def is_by_unknown_proxy() -> bool:
    """Whether this request was passed on by somebody that the settings don't know of."""
    return not services().settings.trusted_proxies and any(
        name == STANDARD or name.startswith(CUSTOMARY) for name in request.environ
    )


def read_unknown_proxy() -> str:
    """Whom a proxy that the settings don't know of names as asking; empty without one.

    Anybody can write it, so it may tell visitors apart and grants nothing.
    """
    names = (STANDARD, CUSTOMARY_FOR) if is_by_unknown_proxy() else ()
    return " ".join(request.environ[name] for name in names if name in request.environ)


def _report_once() -> None:
    if not current_app.extensions.get(REPORTED) and is_by_unknown_proxy():
        current_app.extensions[REPORTED] = True
        log.error("unknown_proxy", advice="set PORTAL_TRUSTED_PROXIES to how many stand in front")
