"""A picture as a part of a desk's form."""

from wtforms import FileField, HiddenField

from portal.forms import TickField
from portal.i18n import gettext
from portal.regions.branding import MOST_BYTES, NotAPicture, TooLarge, make_picture
from portal.staff.regions.context import Context, Fields, Rows, Sent
from portal.staff.regions.parts import Part


class PicturePart(Part):
    """A picture: a new one, the one that is there, or none any more.

    The name of the one that is there goes along, so that no other mistake loses it.
    """

    def __init__(self, name: str, label: str, *, box: tuple[int, int], hint: str = "") -> None:
        super().__init__(name, label, hint=hint)
        self.box = box

    def fields(self, context: Context) -> Fields:
        kept = HiddenField(filters=(lambda name: name or "",))
        return {
            self.name: (FileField(), None),
            f"{self.name}_kept": (kept, context.document.get(self.name, "")),
            f"{self.name}_gone": (TickField(), False),
        }

    def rows(self, context: Context) -> Rows:
        yield (self.control(self.name, look="picture"),)

    def read(self, form: Sent, context: Context) -> object:
        kept, upload = form[f"{self.name}_kept"], form[self.name].data
        if form[f"{self.name}_gone"].data:
            kept.data = ""
        content = upload.read(MOST_BYTES + 1) if hasattr(upload, "read") else b""
        if content:
            kept.data = self._make(form, context, content) or kept.data
        return self.say(kept.data, context)

    def _make(self, form: Sent, context: Context, content: bytes) -> str:
        try:
            made = make_picture(content, box=self.box)
        except TooLarge:
            form.refuse(self.name, gettext("Choose a smaller picture, of 10 MB at most"))
        except NotAPicture:
            form.refuse(
                self.name, gettext("Choose a picture (PNG, JPEG or WebP); this file is none")
            )
        else:
            context.pictures.append(made)
            return made.name
        return ""
