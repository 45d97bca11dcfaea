"""Who sends a giving form, and the one cookie that an answer to it may set.

Pages carry no cookie, so that any cache may serve them; the answer to a form that began a gift
sets one. It belongs to the form's addresses alone, lives as long as a twin is looked for, and
holds keyed hashes and no personal data.
"""

from flask import request

from portal.giving.operations import TWIN_WINDOW, Started
from portal.giving.twins import Sender, hear_browser, tell_browser
from portal.giving.visitors import Answer
from portal.limits import anonymise
from portal.proxies import read_unknown_proxy
from portal.web import client_key, services

COOKIE, COOKIE_PATH = "started", "/give"


def read_sender() -> Sender:
    """Who sent the form, as far as their own gift may be shown to them."""
    secret = _secret()
    return Sender(network=_network(secret), told=hear_browser(secret, _cookie()))


def _network(secret: str) -> str:
    """The visitor's network; behind an unknown proxy all seem to come from the proxy's.

    What that proxy says is not believed for limits, but it tells visitors apart.
    """
    told = read_unknown_proxy()
    return anonymise(secret, f"{client_key()} {told}") if told else client_key()


def remember_start(response: Answer, started: Started) -> Answer:
    """Tell the browser which gift it began, for as long as a form is known again."""
    secret = _secret()
    response.set_cookie(
        COOKIE,
        tell_browser(secret, hear_browser(secret, _cookie()), started.mark),
        max_age=TWIN_WINDOW,
        path=COOKIE_PATH,
        secure=services().settings.is_secure,
        httponly=True,
        samesite="Lax",
    )
    return response


def _cookie() -> str:
    return request.cookies.get(COOKIE, "")


def _secret() -> str:
    return services().settings.secret_key.get_secret_value()
