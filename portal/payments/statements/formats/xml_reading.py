"""XML from strangers: no document type, hence no entities of its own, bombs or outside files.

Elements are handed over one by one and forgotten, so that memory stays flat.
"""

import codecs
import re
from collections.abc import Callable, Container
from xml.parsers import expat

from portal.i18n import gettext
from portal.payments.statements.formats.entries import StatementError
from portal.payments.statements.formats.texts import decode

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
