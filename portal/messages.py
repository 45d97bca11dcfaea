"""Letters from templates: a subject, a text and an HTML body, in the reader's language.

A message is a folder `templates/email/<message>/` with `subject.txt`, `body.txt` and
`body.html`. Nothing in a letter comes from elsewhere: no picture, no tracking.
"""

from functools import cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from portal.i18n import direction, gettext, html_lang, ngettext, use_locale
from portal.paths import TEMPLATES
from portal.plain import clean_line, drop_hidden


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES / "email"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {"_": gettext, "gettext": gettext, "ngettext": ngettext}
    return environment


def render_letter(message: str, locale: str, **values: object) -> tuple[str, str, str]:
    """Subject, text body and HTML body of `message`.

    A value that a template needs and nobody gave is an error, never an empty place.
    """
    with use_locale(locale):
        given = {**values, "html_lang": html_lang(locale), "direction": direction(locale)}
        subject, text, html = (
            _templates().get_template(f"{message}/{part}").render(given)
            for part in ("subject.txt", "body.txt", "body.html")
        )
    return clean_line(subject), drop_hidden(text).strip() + "\n", drop_hidden(html)
