"""The form of a region that is not in force yet, as staff look at it: it can't be sent."""

from flask import Response, current_app, request
from markupsafe import escape

from portal.giving.form.address import read_query
from portal.giving.form.making import find_link, make_alone
from portal.regions.catalogue import Region

POST = b'method="post"'
MAIN = b'<main id="main">'


def preview_form(region: Region, note: str) -> Response:
    """The donor's page, kept nowhere; what it would send leads back to the same page.

    Its page is made as every visitor's is, so that nothing about it differs but
    the `note` above it.
    """
    query = read_query(region, request.args)
    page = make_alone(region, find_link(query), 0)
    banner = f'<p class="column notice" role="status"><strong>{escape(note)}</strong></p>'
    body = page.plain.body.replace(POST, b'method="get"')
    body = body.replace(f'"/give/{region.slug}'.encode(), f'"{request.path}'.encode())
    body = body.replace(MAIN, MAIN + banner.encode(), 1)
    response: Response = current_app.response_class(body, mimetype="text/html")
    policy = dict(page.plain.headers)["Content-Security-Policy"]
    response.headers["Content-Security-Policy"] = policy
    return response
