"""The web application, wired together."""

from collections.abc import Callable, Iterable
from functools import partial

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from portal import PACKAGE, TEMPLATES
from portal.account.blueprint import set_up_account
from portal.areas import set_up_areas
from portal.clock import Clock
from portal.commands.installation import make_services, prove_outside
from portal.giving.blueprint import set_up_giving
from portal.giving.form.cache import PageCache
from portal.giving.form.making import preview_form
from portal.health import blueprint as health
from portal.partners.blueprint import set_up_partners
from portal.proxies import REPORTED, watch_for_proxies
from portal.settings import Settings
from portal.signin.sessions import LIFETIME
from portal.staff.blueprint import set_up_staff
from portal.web import set_up_web
from portal.webhooks import ShortWay
from portal.webhooks import blueprint as webhooks

LARGEST_REQUEST_BYTES = 1_000_000


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """Every page of the product over one database; nothing is served before it is called."""
    app = make_app()
    furnish(app, settings, clock)
    return app


def make_app() -> Flask:
    """The routes, hooks and templates alone; it serves nothing until it is furnished."""
    app = Flask("portal", template_folder=str(TEMPLATES), static_folder=str(PACKAGE / "static"))
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST_BYTES
    set_up_web(app)
    watch_for_proxies(app)
    for blueprint in (webhooks, health):
        app.register_blueprint(blueprint)
    set_up_areas(app, LIFETIME)
    set_up_giving(app)
    set_up_partners(app)
    set_up_account(app)
    set_up_staff(app)
    return app


def furnish(app: Flask, settings: Settings, clock: Clock | None = None) -> None:
    """Give the app what its pages work with; a second time, all of it anew."""
    onward = _behind_proxies(app, settings.trusted_proxies)
    app.wsgi_app = ShortWay(app, onward)  # type: ignore[method-assign]  # Flask's documented way
    app.secret_key = settings.secret_key.get_secret_value()
    app.config["SESSION_COOKIE_SECURE"] = settings.is_secure
    app.extensions |= {
        "portal": make_services(settings, clock, pool_size=settings.threads + 2),
        "giving_pages": PageCache(),
        "preview": preview_form,
        "doctor": prove_outside,
        REPORTED: False,
    }


def _behind_proxies(app: Flask, hops: int) -> Callable[..., Iterable[bytes]]:
    """The app's own entry, which believes so many proxies about who asks."""
    plain = partial(Flask.wsgi_app, app)
    return ProxyFix(plain, x_for=hops, x_proto=hops, x_host=hops) if hops else plain
