"""Account particulars by country: which fields a transfer needs, checked and written properly.

IBAN: ISO 13616 (modulus 97). BIC: ISO 9362. ABA routing numbers: weights 3-7-1. NUBAN: the
Central Bank of Nigeria's standard, weights 3-7-3 over bank code and serial number.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stdnum import bic, iban
from stdnum.exceptions import ValidationError
from stdnum.us import rtn

from portal.regions.records import Flag, Texts

Check = Callable[[str], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One line of a transfer's particulars; `copy` offers a button that copies the value.

    `compact` is what the button copies where that differs from how the value is written.
    """

    label: Texts
    value: str
    copy: Flag = True
    compact: str = ""

    @property
    def copied(self) -> str:
        return self.compact or self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where a transfer goes: `kind` is a key of `SCHEMES`, `values` are canonical by field."""

    kind: str
    values: Mapping[str, str]

    @property
    def lines(self) -> tuple[Detail, ...]:
        """The fields that are set, labelled, in the order the country writes them."""
        return tuple(
            Detail(
                label=FIELDS[name].label,
                value=self.values[name],
                compact=self.values[name].replace(" ", "") if name == "iban" else "",
            )
            for name in SCHEMES[self.kind].fields
            if name in self.values
        )


@dataclass(frozen=True, slots=True)
class AccountField:
    """A field's label, what it should be, and a check that returns it canonical, or None."""

    label: Texts
    what: str
    check: Check


@dataclass(frozen=True, slots=True)
class Scheme:
    """The fields of one kind of account, in order; those in `optional` may be left out.

    `number` is what the kind's account number has to match.
    """

    fields: tuple[str, ...]
    optional: frozenset[str] = frozenset()
    number: str = r"[A-Z0-9]{4,34}"


def _text(value: str) -> str | None:
    cleaned = " ".join(value.split())
    return cleaned if 0 < len(cleaned) <= 70 else None


def _plain(value: str) -> str:
    return re.sub(r"[\s-]", "", value).upper()


def _digits(count: int, group: int = 0) -> Check:
    """Exactly so many digits, written in groups with hyphens where there are groups."""

    def check(value: str) -> str | None:
        plain = _plain(value)
        if not re.fullmatch(rf"\d{{{count}}}", plain, flags=re.ASCII):
            return None
        step = group or count
        return "-".join(plain[at : at + step] for at in range(0, count, step))

    return check


def _checked(module: object, write: Callable[[str], str]) -> Check:
    """A number whose check digits `stdnum` knows."""

    def check(value: str) -> str | None:
        try:
            return write(str(module.validate(value)))  # type: ignore[attr-defined]  # each module of stdnum has it
        except ValidationError:
            return None

    return check


def _number(value: str) -> str | None:
    """An account number with its spaces and hyphens, as its bank writes it."""
    cleaned = " ".join(value.split()).upper()
    return cleaned if re.fullmatch(r"[A-Z0-9][A-Z0-9 -]*", cleaned, flags=re.ASCII) else None


def _ifsc(value: str) -> str | None:
    plain = _plain(value)
    return plain if re.fullmatch(r"[A-Z]{4}0[A-Z0-9]{6}", plain, flags=re.ASCII) else None


def is_nuban(bank_code: str, number: str) -> bool:
    """Whether the last of ten digits is the check digit over the bank's code and the others."""
    digits = [int(character) for character in bank_code + number[:-1]]
    total = sum(
        digit * weight for digit, weight in zip(digits, (3, 7, 3) * len(digits), strict=False)
    )
    return (10 - total % 10) % 10 == int(number[-1])


FIELDS: dict[str, AccountField] = {
    "holder": AccountField(
        {"en": "Account name", "fr": "Titulaire du compte"},
        "is a name of 70 letters at most",
        _text,
    ),
    "bank": AccountField({"en": "Bank", "fr": "Banque"}, "is a bank's name", _text),
    "branch": AccountField({"en": "Branch", "fr": "Agence"}, "is a branch's name or number", _text),
    "iban": AccountField(
        {"en": "IBAN", "fr": "IBAN"},
        "is an IBAN with right check digits",
        _checked(iban, iban.format),
    ),
    "bic": AccountField(
        {"en": "BIC (SWIFT)", "fr": "BIC (SWIFT)"},
        "is a BIC of 8 or 11 characters",
        _checked(bic, str),
    ),
    "sort_code": AccountField(
        {"en": "Sort code", "fr": "Code guichet (sort code)"}, "is six digits", _digits(6, 2)
    ),
    "routing_number": AccountField(
        {"en": "Routing number (ABA)", "fr": "Numéro d’acheminement (ABA)"},
        "is nine digits with a right check digit",
        _checked(rtn, str),
    ),
    "institution": AccountField(
        {"en": "Institution number", "fr": "Numéro d’institution"}, "is three digits", _digits(3)
    ),
    "transit": AccountField(
        {"en": "Transit number", "fr": "Numéro de transit"}, "is five digits", _digits(5)
    ),
    "bsb": AccountField({"en": "BSB", "fr": "Code BSB"}, "is six digits", _digits(6, 3)),
    "bank_code": AccountField(
        {"en": "Bank code", "fr": "Code de la banque"}, "is three digits", _digits(3)
    ),
    "branch_code": AccountField(
        {"en": "Branch code", "fr": "Code d’agence"}, "is six digits", _digits(6)
    ),
    "ifsc": AccountField({"en": "IFSC", "fr": "IFSC"}, "is an IFSC such as SMPL0000000", _ifsc),
    "account_number": AccountField(
        {"en": "Account number", "fr": "Numéro de compte"},
        "is an account number of this kind",
        _number,
    ),
}

SCHEMES: dict[str, Scheme] = {
    "iban": Scheme(("holder", "iban", "bic", "bank"), frozenset({"bic", "bank"})),
    "uk": Scheme(("holder", "sort_code", "account_number"), number=r"\d{8}"),
    "us": Scheme(
        ("holder", "bank", "routing_number", "account_number"),
        frozenset({"bank"}),
        number=r"\d{4,17}",
    ),
    "ca": Scheme(("holder", "institution", "transit", "account_number"), number=r"\d{7,12}"),
    "au": Scheme(("holder", "bsb", "account_number"), number=r"\d{5,9}"),
    "nz": Scheme(("holder", "account_number"), number=r"\d{15,16}"),
    "za": Scheme(("holder", "bank", "branch_code", "account_number"), number=r"\d{6,13}"),
    "in": Scheme(("holder", "bank", "ifsc", "account_number"), number=r"\d{9,18}"),
    "nuban": Scheme(("holder", "bank", "bank_code", "account_number"), number=r"\d{10}"),
    "local": Scheme(
        ("holder", "bank", "branch", "account_number", "bic"),
        frozenset({"bank", "branch", "bic"}),
    ),
}


def is_number_of(kind: str, number: str) -> bool:
    """Whether an account number has the length and characters of its kind."""
    return re.fullmatch(SCHEMES[kind].number, _plain(number), flags=re.ASCII) is not None
