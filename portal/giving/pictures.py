"""The operator's pictures, at addresses that name their content: kept by every cache for ever."""

from flask import Response, abort, current_app, url_for
from markupsafe import Markup

from portal.regions.catalogue import Issuer
from portal.regions.pictures import find_picture
from portal.web import services

# As high as the brand; wide logos are as wide as they are.
LOGO = Markup('<img class="brand-logo" src="{}" alt="" height="40">')


def picture(name: str) -> Response:
    """One picture; what was never kept is not there."""
    with services().database.read() as session:
        found = find_picture(session, name) or abort(404)
        content, media_type = found.content, found.media_type
    response: Response = current_app.response_class(content, mimetype=media_type)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


def show_logo(issuer: Issuer | None) -> Markup:
    """The issuer's logo for the brand, beside its name; nothing where it has none."""
    if issuer is None or not issuer.logo:
        return Markup()
    return LOGO.format(url_for("giving.picture", name=issuer.logo))
