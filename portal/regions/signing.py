"""Who receives a region's gifts and signs for them, and what is signed. Pure."""

import re
from dataclasses import dataclass, field
from typing import Annotated, Literal

from portal.regions.fields import Flag, OptionalTexts, PictureName, Texts, Timezone, holding


@dataclass(frozen=True, slots=True, kw_only=True)
class Issuer:
    """The body that receives the gifts of a region and signs for them.

    `registration_kind` names the rule its number is checked by, if there is one
    (`portal.regions.operations`); `accent` is a CSS colour, `timezone` an IANA
    name, `logo` and `signature` the names of pictures.
    """

    key: str
    legal_name: str
    registration_label: OptionalTexts = field(default_factory=dict)
    registration_number: str = ""
    registration_kind: str = ""
    address_lines: tuple[str, ...]
    country: str
    email: str
    phone: str = ""
    website: Annotated[
        str, holding(re.compile(r"(https?://\S+)?").fullmatch, "is an address with https://")
    ] = ""
    timezone: Timezone
    place: str
    signatory_name: str
    signatory_title: Texts
    accent: Annotated[
        str, holding(re.compile("(#[0-9a-f]{6})?").fullmatch, "is a colour such as #1d4f91")
    ] = ""
    logo: PictureName = ""
    signature: PictureName = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiptScheme:
    """What a region's acknowledgement says: its title and the sentences its law asks for.

    `needs_address` asks the donor's address on the form; `paper` is a typst paper name.
    """

    key: str
    title: Texts
    statements: tuple[Texts, ...] = ()
    needs_address: Flag = False
    show_registration: Flag = False
    authority_name: OptionalTexts = field(default_factory=dict)
    authority_url: OptionalTexts = field(default_factory=dict)
    paper: Literal["a4", "us-letter"] = "a4"
