"""The web application, wired together."""

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from portal.clock import Clock, SystemClock
from portal.database import Database
from portal.giving.blueprint import set_up_giving
from portal.health import blueprint as health
from portal.jobs import Jobs
from portal.paths import PACKAGE, TEMPLATES
from portal.payments.gateway import Gateway
from portal.payments.webhook import blueprint as webhooks
from portal.regions.queries import CatalogueCache
from portal.settings import Settings
from portal.staff.blueprint import set_up_staff
from portal.web import Services, set_up_web

LARGEST_REQUEST_BYTES = 1_000_000


def create_app(settings: Settings, clock: Clock | None = None) -> Flask:
    """Every page of the product over one database; nothing is served before it is called."""
    app = Flask("portal", template_folder=str(TEMPLATES), static_folder=str(PACKAGE / "static"))
    app.secret_key = settings.secret_key.get_secret_value()
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_REQUEST_BYTES
    database = Database(settings.database_url, pool_size=settings.threads + 2)
    app.extensions["portal"] = Services(
        settings=settings,
        database=database,
        clock=clock or SystemClock(),
        jobs=Jobs(database),
    )
    app.extensions["gateway"] = Gateway(settings)
    app.extensions["catalogue"] = CatalogueCache(database)
    set_up_web(app)
    for blueprint in (webhooks, health):
        app.register_blueprint(blueprint)
    set_up_giving(app)
    set_up_staff(app)
    if settings.trusted_proxies:
        hops = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)  # type: ignore[method-assign]  # Flask's documented way
    return app
