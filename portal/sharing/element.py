"""The element `<portal-give>` for other people's pages. Pure but for the file it is made from.

`/embed.js` follows what is newest. `/embed/v1.<mark>.js` never changes, so that a page can say by
a hash (SRI) which bytes it trusts; an address whose mark is another's is none.
"""

import base64
import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache

from portal import PACKAGE
from portal.i18n import LANGUAGES, gettext, use_locale

SOURCE = PACKAGE / "static" / "embed.js"
MARK_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Element:
    """The script's bytes; `mark` is in its lasting address, `integrity` what a page may ask for."""

    body: bytes
    mark: str
    integrity: str

    @property
    def path(self) -> str:
        return f"/embed/v1.{self.mark}.js"


@lru_cache(maxsize=4)
def make_element(base_url: str) -> Element:
    """The element of the portal at an address, with what it says in every language."""
    words = {}
    for lang in LANGUAGES:
        with use_locale(lang):
            words[lang] = [
                gettext("Give with %(code)s", code="{code}"),
                gettext("Giving form with the code %(code)s", code="{code}"),
            ]
    said = json.dumps(words, ensure_ascii=True, separators=(",", ":"))
    text = SOURCE.read_text().replace('"{PORTAL}"', json.dumps(base_url.rstrip("/")))
    body = text.replace('"{WORDS}"', said).encode()
    digest = hashlib.sha384(body).digest()
    return Element(body, digest.hex()[:MARK_DIGITS], f"sha384-{base64.b64encode(digest).decode()}")
