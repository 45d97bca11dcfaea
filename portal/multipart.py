"""Forms sent in parts, as files are: a part that names no field is no field.

Werkzeug keeps such a part under the name None, which forms and guards that compare names can't
read (https://www.rfc-editor.org/rfc/rfc7578#section-4.2: each part must have a name).
"""

from typing import IO, Any

from flask import Request
from werkzeug.datastructures import FileStorage, MultiDict
from werkzeug.formparser import FormDataParser

Parsed = tuple[IO[bytes], MultiDict[str, str], MultiDict[str, Any]]


class NamedParts(FormDataParser):
    """Reads forms as Werkzeug does, and drops what has no name."""

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,
        content_length: int | None,
        options: dict[str, str] | None = None,
    ) -> Parsed:
        rest, form, files = super().parse(stream, mimetype, content_length, options)
        return rest, self._named(form), self._named(files)

    def _named(self, parts: MultiDict[str, Any]) -> MultiDict[str, Any]:
        """The parts with a name; a file without one is closed, as nobody else will."""
        for part in parts.getlist(None):  # type: ignore[call-overload]  # the name that no part has
            if isinstance(part, FileStorage):
                part.close()
        return self.cls((name, part) for name, part in parts.items(multi=True) if name is not None)


class PortalRequest(Request):
    """A request whose form has names alone."""

    form_data_parser_class = NamedParts
