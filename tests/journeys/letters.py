"""What donors are sent and read: their mail, the document of their gift, and in which words."""

import io
import unicodedata
from typing import Any

from pypdf import PdfReader

from portal.i18n import gettext, use_locale
from tests.journeys.browser import Visitor
from tests.journeys.giving import Donor

TITLE = "Acknowledgement of your gift"
CLAIM = "This letter acknowledges that we received your gift."


def read_pdf(pdf: bytes) -> str:
    """All text of a PDF on one line."""
    pages = PdfReader(io.BytesIO(pdf)).pages
    return " ".join(" ".join(page.extract_text() for page in pages).split())


def said(lang: str, text: str) -> str:
    """A text of ours in a donor's language."""
    with use_locale(lang):
        return gettext(text)


def squeeze(text: str) -> str:
    """Without spaces, which a PDF sets where its lines end."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def open_mail(visitor: Visitor, donor: Donor, count: int = 1) -> dict[str, Any]:
    """Open the newest of the donor's mails in the mailbox, once so many have come, and no more."""
    message, *older = visitor.demo.await_messages(donor.email, count)
    assert len(older) == count - 1
    visitor.open(f"{visitor.demo.mailbox}{message['url']}")
    return message


def check_language(pdf: bytes, lang: str, title: str) -> None:
    """The document names its language, and its title is in it."""
    reader = PdfReader(io.BytesIO(pdf))
    assert reader.trailer["/Root"]["/Lang"] == lang  # type: ignore[index]  # a PDF dictionary
    assert reader.metadata
    assert str(reader.metadata.title).startswith(title)


def check_receipt(pdf: bytes, lang: str, title: str, *told: str) -> None:
    """The same, and its text has the title and whatever is to be told."""
    check_language(pdf, lang, title)
    text = squeeze(read_pdf(pdf))
    for wanted in (title, *told):
        assert squeeze(wanted) in text, wanted
