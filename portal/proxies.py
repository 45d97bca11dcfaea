"""Whether a proxy stands in front that the settings don't know of.

Behind one, every visitor seems to come from the proxy's own address, which is often loopback:
what is for loopback alone would be public, and all visitors would share one network's limits.
"""

from collections.abc import Mapping
from typing import Any

from flask import Flask, current_app, request

from portal.logs import get_logger
from portal.web import services

log = get_logger()

CUSTOMARY = "HTTP_X_FORWARDED_"
# Who asks: by RFC 7239, by what came before it, and by single proxies' and networks' own names.
NAMING = tuple(
    f"HTTP_{name}"
    for name in (
        "FORWARDED X_FORWARDED_FOR X_REAL_IP X_CLIENT_IP X_CLUSTER_CLIENT_IP FORWARDED_FOR"
        " X_ORIGINAL_FORWARDED_FOR CF_CONNECTING_IP TRUE_CLIENT_IP FASTLY_CLIENT_IP FLY_CLIENT_IP"
        " X_ENVOY_EXTERNAL_ADDRESS X_AZURE_CLIENTIP"
    ).split()
)
# What else says that somebody passed a request on: RFC 9110, RFC 8586, and one large network.
OTHERS = ("HTTP_VIA", "HTTP_CDN_LOOP", "HTTP_X_AMZN_TRACE_ID", "HTTP_X_FORWARDED")
PASSED_ON = frozenset((*NAMING, *OTHERS))
REPORTED = "unknown_proxy_reported"
UNKNOWN_PROXY = "unknown proxy"


def watch_for_proxies(app: Flask) -> None:
    """Look at every request, unless the settings know of proxies; report the first once."""
    app.before_request(_report_once)


def is_by_unknown_proxy() -> bool:
    """Whether this request was passed on by somebody that the settings don't know of."""
    return not services().settings.trusted_proxies and _is_passed_on(request.environ)


def _is_passed_on(environ: Mapping[str, Any]) -> bool:
    return any(name in PASSED_ON or name.startswith(CUSTOMARY) for name in environ)


def read_unknown_proxy() -> str:
    """Whom a proxy that the settings don't know of names as asking; empty without one.

    Anybody can write it, so it may tell visitors apart and grants nothing.
    """
    names = NAMING if is_by_unknown_proxy() else ()
    return " ".join(request.environ[name] for name in names if name in request.environ)


def _report_once() -> None:
    report_unknown_proxy(current_app, request.environ)


def report_unknown_proxy(app: Flask, environ: Mapping[str, Any]) -> None:
    """Say once that a proxy stands in front, where this request shows one that is not known."""
    if app.extensions[REPORTED] or app.extensions["portal"].settings.trusted_proxies:
        return
    if _is_passed_on(environ):
        app.extensions[REPORTED] = True
        log.error("unknown_proxy", advice="set PORTAL_TRUSTED_PROXIES to how many stand in front")
