"""How often a pledge is charged."""

from enum import StrEnum

from portal.i18n import gettext


class Frequency(StrEnum):
    """The values of the form field `frequency`; `label` speaks the current language."""

    ONCE = "once"
    MONTHLY = "monthly"

    @property
    def label(self) -> str:
        return gettext("Every month") if self is Frequency.MONTHLY else gettext("One time")
