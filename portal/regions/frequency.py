"""How often a pledge is charged."""

from enum import StrEnum

from portal.i18n import gettext


class Frequency(StrEnum):
    """The values of the form field `frequency`; `label` speaks the current language."""

    ONCE = "once"
    MONTHLY = "monthly"

    @property
    def label(self) -> str:
        return gettext(_LABELS[self])


_LABELS = {Frequency.ONCE: "One time", Frequency.MONTHLY: "Every month"}
