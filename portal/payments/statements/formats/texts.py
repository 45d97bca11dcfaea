"""What a bank's free text tells of the payer, and XML from strangers, without a document type."""

import codecs
import re
from collections.abc import Callable, Container, Iterable
from html import unescape
from itertools import takewhile
from pathlib import Path
from typing import BinaryIO
from xml.parsers import expat

from portal.i18n import gettext
from portal.payments.statements.formats.entries import StatementError

# A year of a busy account's movements is about a tenth of it.
FILE_LIMIT = 20 * 1024 * 1024

# The first bytes of files that clerks take for statements.
MAGIC = (
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP / XLSX"),
    (b"\xd0\xcf\x11\xe0", "XLS"),
    (b"\x1f\x8b", "GZIP"),
    (b"\x89PNG", "PNG"),
    (b"\xff\xd8\xff", "JPEG"),
)
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# cp1252 has five empty places; a file that uses one is ISO 8859-1.
EIGHT_BIT = ("utf-8", "cp1252", "latin-1")

_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1f]")


def read_limited(stream: BinaryIO) -> bytes:
    """All of an upload, reading no more than the limit and one byte of a larger one."""
    content = stream.read(FILE_LIMIT + 1)
    check_size(len(content))
    return content


def read_file(path: Path) -> bytes:
    """All of a file; one that is too large is refused by its size, unread."""
    try:
        check_size(path.stat().st_size)
        with path.open("rb") as stream:
            return read_limited(stream)
    except OSError as error:
        raise StatementError(
            gettext("The file %(name)s can’t be opened.", name=path.name)
        ) from error


def check_size(size: int, limit: int = FILE_LIMIT) -> None:
    """Refuse a file of more bytes than the limit."""
    if size > limit:
        raise StatementError(
            gettext(
                "The file is larger than %(limit)s MB. Export fewer months at a time.",
                limit=limit // (1024 * 1024),
            )
        )


def decode(content: bytes) -> str:
    """The file's text in whichever encoding its bank uses, without byte order mark."""
    check_size(len(content))
    refuse_foreign(content)
    text = _decode(content).removesuffix("\x1a")
    if not text.strip():
        raise StatementError(gettext("The file is empty."))
    found = _NO_TEXT.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise StatementError(gettext("The file contains characters that no text file has."), line)
    return text


def refuse_foreign(content: bytes) -> None:
    """Refuse pictures, archives and printed statements by their first bytes."""
    for magic, kind in MAGIC:
        if content.startswith(magic):
            raise StatementError(
                gettext(
                    "This is a %(kind)s file. Export the statement as CSV, camt, MT940 or OFX.",
                    kind=kind,
                )
            )


def _decode(content: bytes) -> str:
    for encoding in _candidates(content):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise StatementError(gettext("The file’s encoding is broken. Export it again."))


def _candidates(content: bytes) -> tuple[str, ...]:
    for mark, encoding in BYTE_ORDER_MARKS:
        if content.startswith(mark):
            return (encoding,)
    start = content[:200]
    # Latin text in UTF-16 has a NUL in every pair: second in little endian, first in big.
    if start[1::2].count(0) > len(start) // 3:
        return ("utf-16-le",)
    if start[::2].count(0) > len(start) // 3:
        return ("utf-16-be",)
    return EIGHT_BIT


# Formats allow some hundred characters; the raw text is kept whole beside it.
LONGEST = 2000
LONGEST_NAME = 120

# Bounded everywhere: a line of a million letters must not take a minute.
_EMAIL = re.compile(
    r"(?<![\w.+@-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![\w@])"
)
# Case-sensitive, 8 to 12 characters, begins CA or C1; a digit tells CA4kq9Tz from CAMPBELL.
_INTERAC = re.compile(
    r"(?<![A-Za-z0-9])(?:C1|CA(?=[A-Za-z]{0,9}\d))[A-Za-z0-9]{6,10}(?![A-Za-z0-9])"
)
_E_TRANSFER = (
    r"(?:INTERAC )?(?:E-?TRANSFER|E-?TRF|E-?TFR|E-?TRNSFR|\bEMT|EMAIL MONEY TRANSFER"
    r"|(?:VIREMENT|TRANSFERT|VIR)(?: (?:[ÉE]LECTRONIQUE|ELECT|PAR COURRIEL))?"
    r"(?: INTERAC(?: E-?TRANSFER)?)?)"
)
_BY_ITSELF = r"(?:AUTO-?DEPOSIT|D[ÉE]P[ÔO]T AUTO(?:MATIQUE)?)"
_CAME = rf"(?:{_BY_ITSELF}|DEPOSIT|D[ÉE]P[ÔO]T|RECEIVED|RECVD|REC'D|RE[ÇC]U|CR[ÉE]DIT)"
_FROM = r"(?:(?:FROM|BY|DE LA PART DE|PAR|DE)\b|D')\s{0,3}[:/-]?"
_NAMED = tuple(
    re.compile(pattern + r"\s{0,3}(?P<name>.+)", re.IGNORECASE)
    for pattern in (
        rf"{_E_TRANSFER}(?:[\s:-]{{1,3}}(?:{_CAME}|SENT|ENVOY[ÉE])){{0,2}}[\s:-]{{0,3}}{_FROM}",
        rf"{_E_TRANSFER}(?:[\s:-]{{1,3}}{_CAME}){{1,2}}(?:\s{{0,3}}[:/-])?\s",
        rf"{_BY_ITSELF}[\s:-]{{1,3}}{_E_TRANSFER}\s",
        rf"{_E_TRANSFER}\s{{0,3}}[:/]",
        rf"{_E_TRANSFER}[\s-]{{1,3}}\d{{4,20}}\s",
        rf"INTERNET BANKING {_E_TRANSFER}\s",
    )
)
_PLAIN = str.maketrans({"‐": "-", "‑": "-", "–": "-", "’": "'", "®": "", "™": ""})
_AFTER = re.compile(rf"[\s-]{{1,3}}{_BY_ITSELF}\W{{0,3}}\Z", re.IGNORECASE)
# What a bank says in a name's place.
_NOBODY = frozenset("fee fees frais cancel cancelled canceled annulé annule reversal".split())
# A number of more figures than any character has: of some thousands Python reads none at all.
_HUGE = re.compile(r"&#[0-9A-Fa-fXx]{9,};?")
_NO_NAME = re.compile(r"[\d@*#/]")


def joined(texts: Iterable[str | None]) -> str:
    """The texts that say something, once each, with single spaces; cut where no bank goes."""
    said = dict.fromkeys(" ".join(text[:LONGEST].split()) for text in texts if text)
    return " ".join(filter(None, said))[:LONGEST]


def unescaped(text: str) -> str:
    """HTML's names and numbers of characters as the characters themselves."""
    return unescape(_HUGE.sub("\ufffd", text))


def email_in(text: str) -> str:
    """The first e-mail address in a text, or nothing."""
    found = _EMAIL.search(text) if "@" in text else None
    return found[0] if found else ""


def interac_reference_in(text: str) -> str:
    """Interac's own reference in a text, its case kept, or nothing."""
    found = _INTERAC.search(text)
    return found[0] if found else ""


def e_transfer_name(text: str) -> str:
    """Who sent an e-Transfer, as banks' descriptions name them, or nothing."""
    plain = text[:LONGEST].translate(_PLAIN)
    for pattern in _NAMED:
        named = pattern.search(plain)
        if named:
            return _clean_name(named["name"])
    return ""


def _clean_name(text: str) -> str:
    """The words in front of the references, numbers and e-mails that may follow a name."""
    one = _AFTER.sub("", text.strip("/ ").partition("/")[0])
    words = list(takewhile(lambda word: not _NO_NAME.search(word), one.split()))
    if words and words[0].casefold() in _NOBODY:
        return ""
    return " ".join(words).strip(" -:,;")[:LONGEST_NAME]


# ISO 20022 nests about fifteen deep.
DEEPEST = 60

_DECLARED = re.compile(rb"""\s*<\?xml[^>]{0,80}\sencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_ENCODINGS = re.compile(r"utf-?8|us-ascii|iso-?8859-\d{1,2}|(?:windows-|cp)125\d")


class Element:
    """An element by its local name, whatever its namespace; `raw` as it stood in the file."""

    __slots__ = ("attributes", "children", "line", "name", "raw", "text")

    def __init__(self, name: str, attributes: dict[str, str], line: int) -> None:
        self.name = name
        self.attributes = attributes
        self.line = line
        self.children: list[Element] = []
        self.text = ""
        self.raw = ""

    def all(self, path: str) -> list["Element"]:
        """Every element at a path of local names, such as `Refs/EndToEndId`."""
        found = [self]
        for name in path.split("/"):
            found = [child for each in found for child in each.children if child.name == name]
        return found

    def first(self, path: str) -> "Element | None":
        """The first element at a path."""
        found = self.all(path)
        return found[0] if found else None

    def text_at(self, *paths: str) -> str:
        """The text of the first of some paths that has any."""
        for path in paths:
            for element in self.all(path):
                if element.text.strip():
                    return " ".join(element.text.split())
        return ""


class ElementReader:
    """Reads an XML file and hands over each element whose local name is `wanted`, once whole.

    An element inside a wanted one is part of it; those in `kept_raw` keep their source text.
    `seen` is told the name and line of every other start.
    """

    def __init__(
        self,
        wanted: Container[str],
        kept_raw: Container[str],
        take: Callable[[Element], None],
        seen: Callable[[str, int], None],
    ) -> None:
        self._wanted = wanted
        self._kept_raw = kept_raw
        self._take = take
        self._seen = seen
        self._open: list[tuple[Element, int]] = []
        self._depth = 0
        self._parts: list[str] = []
        self._content = b""

    def read(self, content: bytes) -> None:
        """Read all of it. Raises StatementError with the line where it is no plain XML."""
        self._content = as_utf8(content)
        self._parser = parser = expat.ParserCreate("utf-8", namespace_separator=" ")
        parser.buffer_text = True
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._parts.append
        try:
            parser.Parse(self._content, True)
        except expat.ExpatError as error:
            raise StatementError(
                gettext("The XML is broken or cut off."), parser.CurrentLineNumber
            ) from error

    def _refuse_doctype(self, *_declared: object) -> None:
        raise StatementError(
            gettext("The XML declares entities or a document type, which no bank’s file does."),
            self._parser.CurrentLineNumber,
        )

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(" ")[2]
        line = self._parser.CurrentLineNumber
        self._depth += 1
        if self._depth > DEEPEST:
            raise StatementError(gettext("The XML is nested too deeply."), line)
        self._parts.clear()
        if not self._open and local not in self._wanted:
            self._seen(local, line)
            return
        element = Element(local, attributes, line)
        if self._open:
            self._open[-1][0].children.append(element)
        self._open.append((element, self._parser.CurrentByteIndex))

    def _end(self, _name: str) -> None:
        self._depth -= 1
        if self._open:
            self._close(*self._open.pop())
        self._parts.clear()

    def _close(self, element: Element, began: int) -> None:
        if not element.children:
            element.text = "".join(self._parts)
        if element.name in self._kept_raw:
            end = self._content.find(b">", self._parser.CurrentByteIndex) + 1
            element.raw = self._content[began:end].decode()
        if not self._open:
            self._take(element)


def as_utf8(content: bytes) -> bytes:
    """The file in UTF-8, from the encoding that its marks or its declaration name."""
    declared = _DECLARED.match(content)
    if declared is None or content.startswith(codecs.BOM_UTF8):
        return decode(content).encode()
    encoding = declared[1].decode("ascii").lower()
    if not _ENCODINGS.fullmatch(encoding):
        raise StatementError(gettext("The XML’s encoding is unknown."), 1)
    try:
        return content.decode(encoding).encode()
    except (LookupError, UnicodeDecodeError) as error:
        raise StatementError(gettext("The file’s encoding is broken. Export it again.")) from error
