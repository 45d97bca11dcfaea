"""Receipt schemes: what a document for a gift must show, by which law, from when until when.

A scheme is data of its region. A receipt takes the scheme that is in force on its own date, so that
a law which changes needs a second scheme and no code. An issuer is checked against a scheme before
the first number is given out by it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Annotated, Literal

from stdnum import luhn
from stdnum.au import abn
from stdnum.fr import siren
from stdnum.nz import ird
from stdnum.us import ein

from portal.i18n import Labelled
from portal.regions.records import (
    Day,
    Flag,
    Issuer,
    OptionalTexts,
    Texts,
    Whole,
    holding,
    wrong,
)


class ReceiptField(Labelled):
    """What a document can show of its issuer, its donor and its gift, with what it is called."""

    LEGAL_NAME = "legal_name", "Name of the issuer"
    ISSUER_ADDRESS = "issuer_address", "Address of the issuer"
    REGISTRATION = "registration", "Registration number"
    TAX_NUMBER = "tax_number", "Tax number of the issuer"
    EXEMPTION = "exemption", "Notice of exemption"
    PLACE = "place", "Place of issue"
    SIGNATORY = "signatory", "Name of who signs"
    SIGNATORY_TITLE = "signatory_title", "Title of who signs"
    AUTHORITY = "authority", "Tax authority"
    STATEMENT = "statement", "What the law says to state"
    NUMBER = "number", "Number of the document"
    ISSUED_ON = "issued_on", "Date of issue"
    RECEIVED_ON = "received_on", "Date received"
    AMOUNT = "amount", "Amount received"
    WORDS = "words", "Amount in words"
    ADVANTAGE = "advantage", "Value of what the donor received in return"
    ELIGIBLE = "eligible", "Eligible amount of the gift"
    PROPERTY = "property", "What was given"
    APPRAISER = "appraiser", "Appraised by"
    MODE = "mode", "Mode of payment"
    DONOR_NAME = "donor_name", "Name of the donor"
    FIRST_NAME = "first_name", "First name of the donor"
    DONOR_ADDRESS = "donor_address", "Address of the donor"
    DONOR_EMAIL = "donor_email", "E-mail address of the donor"
    DONOR_PHONE = "donor_phone", "Telephone number of the donor"
    PERSON_NATURE = "person_nature", "Nature of person"
    ID_TYPE = "id_type", "Type of identification"
    ID_COUNTRY = "id_country", "Country of issue"
    ID_NUMBER = "id_number", "Identification or registration number"
    TRADING_NAME = "trading_name", "Trading name"
    TAX_REFERENCE = "tax_reference", "Income tax reference number"


class NumberKind(Labelled):
    """A number, or the like, that a tax law asks of a donor (`portal.regions.donor_numbers`)."""

    ZA_INCOME_TAX = "za_income_tax", "Income tax reference number"
    ZA_ID = "za_id", "South African ID number"
    PASSPORT = "passport", "Passport"
    ZA_COMPANY = "za_company", "Company registration number"
    ZA_TRUST = "za_trust", "Trust registration number"
    PHONE = "phone", "Phone"
    TRADING_NAME = "trading_name", "Trading name"
    IN_PAN = "in_pan", "Permanent Account Number (PAN)"
    IE_PPSN = "ie_ppsn", "PPS number"


class SchemeClass(Labelled):
    """Whether a tax office takes a document as its receipt, or it only says that a gift came."""

    ACKNOWLEDGEMENT = "acknowledgement", "Acknowledgement"
    OFFICIAL = "official", "Official receipt"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptScheme:
    """A kind of document for a gift: its words, what it shows, and the law it follows.

    `needs_address` asks the donor's address on the form; `paper` is a typst paper name.
    `source` is where `law` can be read; `reviewer` and `reviewed_on` say who held the scheme
    against it. A scheme that is `binding` is a pattern whose words no one may change: it is in
    use once it was reviewed, here or by the issuer. `fields` are shown where there is something to
    show, and nothing is issued while one of `requires` is missing. `speech` is the one language of
    the document, where the law has one, and `issuer_country` where its issuer has to be.
    `donor_numbers` are what donors are asked for beside the form, for the document or a yearly
    file: without those that `requires` names, none is issued. Where its numbers must stand apart
    from the issuer's others, `series` is what they begin with. None is given for less than
    `minimum_minor` of a currency. Of what a donor got in return, a gift bears at most
    `advantage_most_percent` and `advantage_most_minor`; it is no advantage up to
    `advantage_free_percent` and up to `advantage_free_minor`. Where something was received,
    `returned` stands in place of `unreturned`; `intangible` where it was of the spirit alone.
    """

    key: str
    title: Texts
    statements: tuple[Texts, ...] = ()
    needs_address: Flag = False
    show_registration: Flag = False
    authority_name: OptionalTexts = field(default_factory=dict)
    authority_url: OptionalTexts = field(default_factory=dict)
    paper: Literal["a4", "us-letter"] = "a4"
    kind: SchemeClass = SchemeClass.ACKNOWLEDGEMENT
    law: str = ""
    source: Annotated[
        str, holding(re.compile(r"(https://\S+)?").fullmatch, "is an address with https://")
    ] = ""
    valid_from: Day = None
    valid_to: Day = None
    reviewer: str = ""
    reviewed_on: Day = None
    binding: Flag = False
    speech: str = ""
    fields: tuple[ReceiptField, ...] = ()
    requires: tuple[ReceiptField, ...] = ()
    registration_kind: str = ""
    tax_number_kind: str = ""
    issuer_country: str = ""
    donor_numbers: tuple[NumberKind, ...] = ()
    series: Annotated[
        str, holding(re.compile(r"([A-Z]{1,12})?").fullmatch, "is 1 to 12 capital letters")
    ] = ""
    minimum_minor: Mapping[str, Whole] = field(default_factory=dict)
    advantage_most_percent: Whole = 100
    advantage_most_minor: Mapping[str, Whole] = field(default_factory=dict)
    advantage_free_percent: Whole = 0
    advantage_free_minor: Mapping[str, Whole] = field(default_factory=dict)
    unreturned: OptionalTexts = field(default_factory=dict)
    returned: OptionalTexts = field(default_factory=dict)
    intangible: OptionalTexts = field(default_factory=dict)

    @property
    def is_official(self) -> bool:
        return self.kind is SchemeClass.OFFICIAL

    def is_in_force(self, day: date) -> bool:
        """Whether its law holds for a document of this day; both ends are included."""
        return (self.valid_from or day) <= day <= (self.valid_to or day)


def _is_canadian_charity(number: str) -> bool:
    """Nine digits with a Luhn check, RR and four digits (`stdnum.ca.bn` refuses RR)."""
    match = re.fullmatch(r"(\d{9})RR\d{4}", number.replace(" ", "").upper(), flags=re.ASCII)
    return match is not None and bool(luhn.is_valid(match.group(1)))


def _is_french_body(number: str) -> bool:
    """A SIREN, or an association's RNA: W and nine figures (2041-RD takes either)."""
    plain = number.replace(" ", "").upper()
    return bool(siren.is_valid(plain)) or re.fullmatch(r"W\d{9}", plain, re.ASCII) is not None


CHECKS: dict[str, Callable[[str], bool]] = {
    "ca_rr": _is_canadian_charity,
    "us_ein": lambda number: bool(ein.is_valid(number)),
    "au_abn": lambda number: bool(abn.is_valid(number)),
    "fr_siren_rna": _is_french_body,
    "nz_cc": lambda number: re.fullmatch(r"CC\s?\d{5}", number, re.ASCII) is not None,
    "nz_ird": lambda number: bool(ird.is_valid(number)),
    "za_pbo": lambda number: re.fullmatch(r"\d{9}", number.replace(" ", ""), re.ASCII) is not None,
}


def is_number(kind: str, number: str) -> bool:
    """Whether a number has the form and check digits of its kind; a kind without a rule: any."""
    check = CHECKS.get(kind)
    return check is None or check(number)


def issuer_value(name: ReceiptField, issuer: Issuer) -> str:
    """What an issuer has for one of the fields that are its own; empty where nothing is said."""
    values = {
        ReceiptField.LEGAL_NAME: issuer.legal_name,
        ReceiptField.ISSUER_ADDRESS: "".join(issuer.address_lines),
        ReceiptField.REGISTRATION: issuer.registration_number,
        ReceiptField.TAX_NUMBER: issuer.tax_number,
        ReceiptField.EXEMPTION: issuer.exemption,
        ReceiptField.PLACE: issuer.place,
        ReceiptField.SIGNATORY: issuer.signatory_name,
        ReceiptField.SIGNATORY_TITLE: "".join(issuer.signatory_title.values()),
    }
    return values.get(name, "").strip()


OF_ISSUER = (
    ReceiptField.LEGAL_NAME,
    ReceiptField.ISSUER_ADDRESS,
    ReceiptField.REGISTRATION,
    ReceiptField.TAX_NUMBER,
    ReceiptField.EXEMPTION,
    ReceiptField.PLACE,
    ReceiptField.SIGNATORY,
    ReceiptField.SIGNATORY_TITLE,
)


def list_issuer_lacks(issuer: Issuer, scheme: ReceiptScheme) -> tuple[ReceiptField, ...]:
    """What an issuer has still to say, or to say rightly, before the scheme's series opens."""
    lacking = [
        name for name in OF_ISSUER if name in scheme.requires and not issuer_value(name, issuer)
    ]
    if scheme.issuer_country not in {"", issuer.country}:
        lacking.append(ReceiptField.ISSUER_ADDRESS)
    if not is_number(scheme.registration_kind, issuer.registration_number):
        lacking.append(ReceiptField.REGISTRATION)
    if not is_number(scheme.tax_number_kind, issuer.tax_number):
        lacking.append(ReceiptField.TAX_NUMBER)
    return tuple(dict.fromkeys(lacking))


def is_reviewed(issuer: Issuer, scheme: ReceiptScheme) -> bool:
    """Whether somebody answers for a binding pattern: by name and with a date."""
    by_scheme = scheme.reviewer and scheme.reviewed_on
    by_issuer = issuer.official_reviewer and issuer.official_reviewed_on
    return not scheme.binding or bool(by_scheme or by_issuer)


def check_official(schemes: tuple[ReceiptScheme, ...]) -> tuple[ReceiptScheme, ...]:
    """Each is official, says its law, and no two are in force on one day."""
    days: list[tuple[date, date]] = []
    for at, scheme in enumerate(schemes):
        if not (scheme.is_official and scheme.law and scheme.source):
            raise wrong("is official, with its law and source", f"[{at}]")
        days.append((scheme.valid_from or date.min, scheme.valid_to or date.max))
    for (_, last), (first, _) in pairwise(sorted(days)):
        if first <= last:
            raise wrong("are in force one after the other: valid_to before the next valid_from")
    return schemes
