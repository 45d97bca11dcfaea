"""The giving pages' addresses and what their templates may call."""

from babel.lists import format_list
from flask import Blueprint, Flask, url_for

from portal.giving import embed, regions, verify
from portal.giving import regions as pictures
from portal.giving.form import views
from portal.giving.gift import views as gift_views
from portal.giving.texts import coded_money, currency_name, large_money, short_money
from portal.giving.visitors import ask_for_work
from portal.i18n import current_locale, pick
from portal.intake.admission import WorkNeeded
from portal.regions.catalogue import Region
from portal.web import services


def set_up_giving(app: Flask) -> None:
    """The giving pages on an app; it is given its services, gateway and catalogue later."""
    app.jinja_env.globals |= {
        "pick": pick,
        "short_money": short_money,
        "coded_money": coded_money,
        "large_money": large_money,
        "currency_name": currency_name,
        "theme_url": theme_url,
        "name_providers": name_providers,
        "show_logo": pictures.show_logo,
    }
    app.register_error_handler(WorkNeeded, ask_for_work)
    blueprint = Blueprint("giving", __name__)
    blueprint.get("/")(regions.chooser)
    blueprint.get("/give/<region>")(views.form)
    blueprint.post("/give/<region>")(views.give)
    blueprint.get("/c/")(regions.find_code)
    blueprint.get("/c/<code>")(regions.code)
    blueprint.get("/embed.js")(embed.embed_script)
    blueprint.get("/embed/v1.<mark>.js")(embed.embed_version)
    blueprint.get("/embed/style/<scheme>.css")(embed.embed_style)
    blueprint.get("/embed/<code>")(embed.embed_panel)
    blueprint.get("/gift/<token>")(gift_views.gift)
    blueprint.post("/gift/<token>/pay")(gift_views.pay)
    blueprint.get("/gift/<token>/pay")(gift_views.go_to_pay)
    blueprint.get("/gift/<token>/receipt.pdf")(gift_views.receipt)
    blueprint.post("/gift/<token>/paid")(gift_views.say_paid)
    blueprint.post("/gift/<token>/proof")(gift_views.send_proof)
    blueprint.post("/gift/<token>/mode")(gift_views.choose_mode)
    blueprint.get("/gift/<token>/reminders")(gift_views.reminders)
    blueprint.post("/gift/<token>/reminders")(gift_views.end_reminders)
    blueprint.get("/gift/<token>/monthly")(gift_views.monthly)
    blueprint.post("/gift/<token>/monthly")(gift_views.stop_monthly)
    blueprint.post("/gift/<token>/monthly/card")(gift_views.change_card)
    blueprint.get("/theme/<region>.css")(regions.theme)
    blueprint.get("/pictures/<name>")(pictures.picture)
    blueprint.get("/verify")(verify.verify)
    blueprint.post("/verify")(verify.send_verify)
    app.register_blueprint(blueprint)


def name_providers() -> str:
    """Who takes payments here, in a sentence of the current language."""
    return format_list(services().providers.titles, locale=current_locale())


def theme_url(region: Region) -> str:
    """A region's accent sheet, at an address that changes with the colour."""
    accent = region.issuer.accent.lstrip("#")
    return url_for("giving.theme", region=region.slug, v=accent)
