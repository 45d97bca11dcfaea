"""Reading a region's address format, issuer, receipt scheme and funds from its document."""

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from portal.regions.addresses import AddressFormat, Province
from portal.regions.catalogue import Fund, Issuer, ReceiptScheme
from portal.regions.fields import Fields

IGNORED_IN_POSTAL_CODES = " -.–—"


def read_timezone(fields: Fields) -> str:
    name = fields.text("timezone")
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise fields.wrong("timezone", "is a time zone such as America/Toronto") from None
    return name


def read_address(fields: Fields) -> AddressFormat:
    address = AddressFormat(
        line1_label=fields.texts("line1_label"),
        line2_label=fields.texts("line2_label", optional=True),
        city_label=fields.texts("city_label"),
        province_label=fields.texts("province_label", optional=True),
        postal_label=fields.texts("postal_label", optional=True),
        postal_pattern=fields.text("postal_pattern", ""),
        postal_example=fields.text("postal_example", ""),
        postal_canonical=fields.text("postal_canonical", r"\g<0>"),
        postal_ignored=fields.text("postal_ignored", IGNORED_IN_POSTAL_CODES),
        required=fields.strings("required", ()),
        provinces=fields.each("provinces", _province),
    )
    if not {*address.required} <= {*address.labels}:
        raise fields.wrong("required", f"names fields with a label: {', '.join(address.labels)}")
    _check_postal(fields, address)
    return address


def _check_postal(fields: Fields, address: AddressFormat) -> None:
    try:
        cleaned = address.clean_postal_code(address.postal_example)
    except (re.error, IndexError) as error:
        raise fields.wrong("postal_pattern", f"is a regular expression ({error})") from None
    if address.postal_pattern and cleaned != address.postal_example:
        raise fields.wrong("postal_example", "is a code of the pattern, written canonically")


def _province(fields: Fields) -> Province:
    return Province(code=fields.text("code"), names=fields.texts("names"))


def read_issuer(fields: Fields) -> Issuer:
    accent = fields.text("accent", "")
    if accent and not re.fullmatch(r"#[0-9a-f]{6}", accent):
        raise fields.wrong("accent", "is a colour such as #1d4f91")
    return Issuer(
        key=fields.text("key"),
        legal_name=fields.text("legal_name"),
        registration_label=fields.texts("registration_label", optional=True),
        registration_number=fields.text("registration_number", ""),
        registration_kind=fields.text("registration_kind", ""),
        address_lines=fields.strings("address_lines"),
        country=fields.text("country"),
        email=fields.text("email"),
        phone=fields.text("phone", ""),
        website=fields.text("website", ""),
        timezone=read_timezone(fields),
        place=fields.text("place"),
        signatory_name=fields.text("signatory_name"),
        signatory_title=fields.texts("signatory_title"),
        accent=accent,
    )


def read_receipt(fields: Fields) -> ReceiptScheme:
    return ReceiptScheme(
        key=fields.text("key"),
        title=fields.texts("title"),
        statements=fields.texts_list("statements"),
        needs_address=fields.flag("needs_address", False),
        show_registration=fields.flag("show_registration", False),
        authority_name=fields.texts("authority_name", optional=True),
        authority_url=fields.texts("authority_url", optional=True),
        paper=fields.choice("paper", ("a4", "us-letter"), "a4"),
    )


def read_fund(fields: Fields) -> Fund:
    return Fund(
        key=fields.text("key"),
        names=fields.texts("names"),
        descriptions=fields.texts("descriptions"),
        modes=fields.strings("modes", ()),
    )
