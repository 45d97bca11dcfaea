"""What a receipt prints of a giver, judged where it is typed: names, and an address.

An address is judged by the rules of a region.
"""

from collections.abc import Iterable
from typing import Any, Protocol

from portal.i18n import gettext, pick
from portal.receipts.fonts import list_undrawable
from portal.regions.addresses import AddressFormat

ADDRESS_FIELDS = ("address_line1", "address_line2", "city", "province", "postal_code", "country")
MOST_SIGNS = 5


class Typed(Protocol):
    """A form: fields by name, each with `data` and `errors`."""

    def __contains__(self, name: str) -> bool: ...
    def __getitem__(self, name: str) -> Any: ...
    def refuse(self, name: str, sentence: str) -> None:
        """Put a sentence at a field."""


def check_signs(form: Typed, names: Iterable[str]) -> None:
    """Refuse what a receipt could not show: a name must not lose a part of itself there."""
    for name in names:
        lost = list_undrawable(form[name].data or "") if name in form else ()
        if lost and not form[name].errors:
            signs = " ".join(lost[:MOST_SIGNS])
            form.refuse(name, gettext("Leave out %(signs)s: a receipt can’t show it", signs=signs))


def check_postal_code(form: Typed, address: AddressFormat) -> None:
    """Write a code the one way it is kept, or refuse it."""
    if "postal_code" not in form or not form["postal_code"].data:
        return
    clean = address.clean_postal_code(form["postal_code"].data)
    if clean is not None:
        form["postal_code"].data = clean
    elif not form["postal_code"].errors:
        form.refuse(
            "postal_code",
            gettext(
                "Enter a %(label)s like %(example)s",
                label=inside(pick(address.postal_label)),
                example=address.postal_example,
            ),
        )


def check_province(form: Typed, address: AddressFormat) -> None:
    """Write a province by its code, or refuse it; where a region lists none, any will do."""
    if "province" not in form or not form["province"].data or not address.provinces:
        return
    province = address.province(form["province"].data)
    if province is not None:
        form["province"].data = province.code
    else:
        form.refuse("province", gettext("Choose one from the list"))


def inside(label: str) -> str:
    """A label as it stands inside a sentence: `postal code`, but `ZIP code`."""
    return label[:1].lower() + label[1:] if label[1:2].islower() else label
