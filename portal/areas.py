"""The areas that people sign in to: each has a cookie of its own, under its own path alone.

So donors' pages never meet one, and nobody's session of one area is read in another.
"""

from datetime import timedelta

from flask import Flask, Response, request
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect

from portal.i18n import current_locale, language, list_own_names

AREAS = ("staff", "partners", "account")

csrf = CSRFProtect()


def _area() -> str:
    """The area of this request's address; the first one's where it is of none."""
    first = request.path.split("/", 2)[1]
    return first if first in AREAS else AREAS[0]


class AreaSessions(SecureCookieSessionInterface):
    """Flask's sessions, with the cookie's name and path from the request's address."""

    def get_cookie_name(self, app: Flask) -> str:
        return _area()

    def get_cookie_path(self, app: Flask) -> str:
        return f"/{_area()}"


def set_up_areas(app: Flask, lifetime: timedelta) -> None:
    """The cookies of all areas, and the guard of their forms, which each area calls itself."""
    app.session_interface = AreaSessions()
    app.config.update(
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=lifetime,
        WTF_CSRF_CHECK_DEFAULT=False,
        WTF_CSRF_TIME_LIMIT=None,
    )
    csrf.init_app(app)


def keep_private(response: Response) -> Response:
    """Nothing of an area's pages stays in a cache or a search engine; no address leaves them."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["X-Robots-Tag"] = "noindex"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def list_languages() -> list[dict[str, object]]:
    """The languages that a page can be read in, each by its own name, with the way to it."""
    return [
        {
            "tag": tag,
            "name": name,
            "href": f"?lang={tag}",
            "current": tag == language(current_locale()),
        }
        for tag, name in list_own_names()
    ]
