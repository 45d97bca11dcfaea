"""What tax laws ask of a donor as the donor and staff type it: what their pages share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from portal.forms import ChoiceField, LineField, PortalForm
from portal.i18n import gettext
from portal.receipts.donor_numbers import Bearer, keep_number
from portal.receipts.operations import state_numbers
from portal.receipts.register import Receipt
from portal.regions.donor_numbers import LONGEST, RULES, group_kinds, list_kinds
from portal.regions.schemes import NumberKind, ReceiptField, ReceiptScheme
from portal.services import Act

WRONG = "This is no number of that kind: enter it like %(example)s"


@dataclass(frozen=True, slots=True)
class Said:
    """A number that was typed and is right, in place of the others of its field."""

    kind: NumberKind
    text: str
    country: str
    instead_of: tuple[NumberKind, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """A field of the form that its schemes ask, and what may stand in it."""

    field: LineField
    kinds: tuple[NumberKind, ...]
    is_needed: bool

    @property
    def choices(self) -> list[tuple[str, str]]:
        """What to choose from, where there are several kinds."""
        several = self.kinds if len(self.kinds) > 1 else ()
        return [(kind.value, kind.label) for kind in several]

    @property
    def wants_country(self) -> bool:
        return any(RULES[kind].wants_country for kind in self.kinds)


class NumberForm(PortalForm):
    """One line for each field that is asked; only what is typed is kept, in place of what was."""

    name = ChoiceField(ask="Choose in whose name")
    id_kind = ChoiceField(ask="Choose which number it is")
    id_number = LineField(longest=LONGEST)
    id_country = ChoiceField(ask="Choose a country from the list")
    tax_reference = LineField(longest=LONGEST)
    donor_phone = LineField(longest=LONGEST)
    trading_name = LineField(longest=LONGEST)

    def __init__(
        self,
        schemes: Sequence[ReceiptScheme],
        names: Mapping[str, str],
        countries: Mapping[str, str],
        *args: object,
        **kwargs: object,
    ) -> None:
        super().__init__(*args, **kwargs)
        kinds = group_kinds(list_kinds(schemes))
        needed = {name for scheme in schemes for name in scheme.requires}
        self.asked = [
            Asked(self[field.value], own, field in needed - {ReceiptField.TRADING_NAME})
            for field, own in kinds.items()
        ]
        self.names = names
        self.countries = [("", ""), *countries.items()]
        self.name.options = tuple(names)
        self.id_kind.options = ("", *NumberKind)
        self.id_country.options = ("", *countries)

    def read(self) -> list[Said]:
        """What was typed; nothing where the form now tells what is wrong."""
        self.validate()
        said = [*self._read_all()]
        if not said and not self.problems:
            self.refuse(self.asked[0].field.name, gettext("Enter what is to be kept"))
        return [] if self.problems else said

    def _read_all(self) -> Iterator[Said]:
        for one in self.asked:
            if one.field.data and not one.field.errors and (said := self._read(one)):
                yield said

    def _read(self, one: Asked) -> Said | None:
        chosen = one.kinds[0] if len(one.kinds) == 1 else self.id_kind.data
        if chosen not in one.kinds:
            self.refuse("id_kind", gettext(self.id_kind.ask))
            return None
        kind = NumberKind(chosen)
        rule = RULES[kind]
        text, country = (
            rule.read(one.field.data),
            self.id_country.data if rule.wants_country else "",
        )
        if not text:
            self.refuse(one.field.name, gettext(WRONG, example=rule.example))
        if rule.wants_country and not country:
            self.refuse("id_country", gettext(self.id_country.ask))
        return Said(kind, text, country, one.kinds)


def keep(act: Act, subject: str, bearer: Bearer, said: Sequence[Said]) -> list[Receipt]:
    """Keep what was said of somebody; the receipts that say it now, and are on their way."""
    for one in said:
        is_new = keep_number(
            act, bearer, one.kind, one.text, country=one.country, instead_of=one.instead_of
        )
        if is_new:
            act.note("donor_number_keep", subject, {"kind": one.kind.value})
    return state_numbers(act, bearer)
