"""What a visitor's request says of where they are and what they read, and the puzzle's page.

The puzzle lets a browser work for its payment while very many begin.
"""

from typing import TypeVar

from flask import abort, current_app, g, render_template, request, url_for
from werkzeug.wrappers import Response

from portal import limits
from portal.codes.models import fetch_code
from portal.codes.parsing import normalise_code
from portal.codes.policy import is_hidden
from portal.codes.pots import see_pot
from portal.codes.terms import Code
from portal.giving.form.cache import PageCache
from portal.i18n import choose_language
from portal.intake.admission import Caller, Sender, hear_browser, tell_browser
from portal.intake.start import DUPLICATE_WINDOW, Started
from portal.limits import anonymise, make_puzzle
from portal.logs import get_logger
from portal.proxies import read_unknown_proxy
from portal.regions.catalogue import Catalogue, Region
from portal.web import accepted_languages, client_key, services, utc_now

log = get_logger()

ANSWER = "work"
LONGEST_ANSWER = 200
# The button that leads back to the giving form, with all that was typed.
CHANGE = "change_mode"


def read_caller() -> Caller:
    """Who sent a form that begins a payment, and the answer to a puzzle that came with it."""
    return Caller(client_key(), request.form.get(ANSWER, "")[:LONGEST_ANSWER])


def ask_for_work(_needed: Exception) -> Response:
    """The form that was sent, to be sent again with the answer to a puzzle."""
    settings, place = services().settings, request.view_args or {}
    log.warning("work_asked", endpoint=request.endpoint)
    g.csp_form_action = ("'self'", *services().providers.pay_origins)
    page = render_template(
        "giving/puzzle.html",
        puzzle=make_puzzle(settings, utc_now()),
        sent=[pair for pair in request.form.items(multi=True) if pair[0] != ANSWER],
        region=catalogue().by_slug(place.get("region", "")),
        back=url_for("giving.gift", token=place["token"]) if "token" in place else "",
        action=request.full_path.rstrip("?"),
        answer=ANSWER,
        change=CHANGE,
    )
    return keep_private(current_app.make_response((page, 428)))


GUESSES_AN_HOUR = 20
GUESSES_IN_A_CROWD = 4
GUESSES_OF_ALL = 400

Answer = TypeVar("Answer", bound=Response)


def catalogue() -> Catalogue:
    return services().catalogue


def page_cache() -> PageCache:
    found: PageCache = current_app.extensions["giving_pages"]
    return found


def look_up(text: str, region: Region | None = None) -> Code | None:
    """The code that is written so, as it stood a second ago; one that is not there is a guess.

    A secret code that is refused (in this region, or everywhere) is as one that is not there.

    However many bring a campaign's code, it is read once a second; what a form that is sent makes
    of it is decided afresh.
    """
    kept, name = page_cache(), normalise_code(text)
    code = kept.find_code(name)
    if code is None:
        code = fetch_code(services().database, name)
        if code is None or is_hidden(code, region, utc_now(), catalogue()):
            count_guess()
            return None
        code = see_pot(services().database, code)
        if not code.is_secret:
            kept.keep_code(name, code)
    return code


def visitor_country() -> str | None:
    """The country a trusted proxy saw, where one is configured."""
    header = services().settings.country_header
    return request.headers.get(header) if header else None


def visitor_language() -> str:
    """The product's language that suits the visitor: asked for in the address, else browser's."""
    return choose_language(request.args.get("lang", ""), accepted_languages())


def keep_private(response: Answer) -> Answer:
    """Mark a page as one visitor's own: kept by no cache, found by no search engine."""
    response.headers["Cache-Control"] = "private, no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def hold_to(an_hour: int, bucket: str) -> None:
    """Let one visitor do something so often an hour; more is answered by 429."""
    if not _count(bucket, client_key(), an_hour):
        abort(429)


def count_guess() -> None:
    """A code nobody has: a few an hour are slips, many are somebody trying them all.

    While everybody together tries very many, one visitor has few.
    """
    is_calm = _count("codes", "everybody", GUESSES_OF_ALL)
    hold_to(GUESSES_AN_HOUR if is_calm else GUESSES_IN_A_CROWD, "codes")


def _count(bucket: str, who: str, an_hour: int) -> bool:
    with services().database.write() as session:
        return limits.hit(session, bucket, who, limit=an_hour, seconds=3600, now=utc_now())


COOKIE, COOKIE_PATH = "started", "/give"


def read_sender() -> Sender:
    """Who sent the form, as far as their own gift may be shown to them."""
    secret = _secret()
    return Sender(network=_network(secret), marks=hear_browser(secret, _cookie()))


def _network(secret: str) -> str:
    """The visitor's network; behind an unknown proxy all seem to come from the proxy's.

    What that proxy says is not believed for limits, but it tells visitors apart.
    """
    proxy = read_unknown_proxy()
    return anonymise(secret, f"{client_key()} {proxy}") if proxy else client_key()


def remember_start(response: Answer, started: Started) -> Answer:
    """Tell the browser which gift it began, for as long as a form is known again."""
    secret = _secret()
    response.set_cookie(
        COOKIE,
        tell_browser(secret, hear_browser(secret, _cookie()), started.mark),
        max_age=DUPLICATE_WINDOW,
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
