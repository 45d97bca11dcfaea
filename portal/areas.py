"""The areas that people sign in to: each has a cookie of its own, under its own path alone.

So donors' pages never meet one, and nobody's session of one area is read in another.
"""

from datetime import timedelta

from flask import Flask, request
from flask.sessions import SecureCookieSessionInterface
from flask_wtf.csrf import CSRFProtect

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
