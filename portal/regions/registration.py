"""Doubts about an issuer's registration number: said to staff, never in a donor's way."""

import re
from collections.abc import Callable

from stdnum import luhn
from stdnum.au import abn
from stdnum.us import ein

from portal.regions.catalogue import Issuer


def _is_canadian_charity(number: str) -> bool:
    """Nine digits with a Luhn check, RR and four digits (`stdnum.ca.bn` refuses RR)."""
    match = re.fullmatch(r"(\d{9})RR\d{4}", number.replace(" ", "").upper(), flags=re.ASCII)
    return match is not None and bool(luhn.is_valid(match.group(1)))


CHECKS: dict[str, Callable[[str], bool]] = {
    "ca_rr": _is_canadian_charity,
    "us_ein": lambda number: bool(ein.is_valid(number)),
    "au_abn": lambda number: bool(abn.is_valid(number)),
}


def is_number_doubtful(issuer: Issuer) -> bool:
    """Whether the number fails the check digits of its kind; kinds without a rule never do."""
    check = CHECKS.get(issuer.registration_kind)
    return check is not None and not check(issuer.registration_number)
