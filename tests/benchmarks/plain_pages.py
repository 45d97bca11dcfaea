"""The portal with two plain pages beside it, to measure its own against.

They go through the same server, hooks and headers: `/bench/empty` answers with nothing,
`/bench/page` renders a page of 15 KB by a small Jinja template.
"""

import sys

from flask import Flask, Response, render_template_string

from portal.app import create_app
from portal.serving.server import WholeRequests, load_around, run_server
from portal.settings import Settings, load_settings

ROWS = 120
TEMPLATE = """<!doctype html><html lang="en"><head><title>{{ title }}</title></head><body>
<h1>{{ title }}</h1><table>{% for row in rows %}
<tr><td>{{ row.number }}</td><td>{{ row.name }}</td><td>{{ row.amount }}</td><td>paid</td>
<td><a href="/somewhere/{{ row.number }}">Open this line of the table</a></td></tr>
{% endfor %}</table></body></html>
"""


def load() -> WholeRequests:
    """The application of the server process, from the environment."""
    return load_around(create)


def create(settings: Settings) -> Flask:
    app = create_app(settings)
    app.add_url_rule("/bench/empty", view_func=empty)
    app.add_url_rule("/bench/page", view_func=page)
    return app


def empty() -> Response:
    return Response()


def page() -> str:
    rows = [{"number": n, "name": f"Donor {n}", "amount": n * 7} for n in range(ROWS)]
    return render_template_string(TEMPLATE, title="A plain page", rows=rows)


if __name__ == "__main__":
    run_server(load_settings(), "127.0.0.1", int(sys.argv[1]), "tests.benchmarks.plain_pages:load")
