"""What a visitor reads who is refused before the app has a say: both languages at once."""

from collections.abc import Iterator

from portal.i18n import gettext, use_locale

LANGUAGES = ("en", "fr")


def refusal(status: int) -> tuple[list[tuple[bytes, bytes]], bytes]:
    """Headers and body of an answer in plain text; the connection is closed behind it."""
    text = "\n".join(_sentences(status)).encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(text)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        (b"connection", b"close"),
    ]
    if status in {429, 503}:
        headers.append((b"retry-after", b"60"))
    return headers, text


def _sentences(status: int) -> Iterator[str]:
    for language in LANGUAGES:
        with use_locale(language):
            yield _sentence(status)
    yield ""


def _sentence(status: int) -> str:
    if status == 408:
        return gettext("The request took too long to arrive. Please send it again.")
    if status == 429:
        return gettext("Too many requests come from your network at once. Try again in a minute.")
    if status == 503:
        return gettext("We can’t take this just now. Please try again in a minute.")
    return gettext("Something went wrong on our side. Please try again in a minute.")
