"""What a bank's free text tells of the payer: a name, an e-mail, Interac's reference."""

import re
from collections.abc import Iterable
from html import unescape
from itertools import takewhile

# Formats allow some hundred characters; the raw text is kept whole beside it.
LONGEST = 2000
LONGEST_NAME = 120

# Bounded everywhere: a line of a million letters must not take a minute.
_EMAIL = re.compile(
    r"(?<![\w.+@-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![\w@])"
)
# Case-sensitive, 8 to 12 signs, begins CA or C1; a digit tells CA4kq9Tz from CAMPBELL.
_INTERAC = re.compile(
    r"(?<![A-Za-z0-9])(?:C1|CA(?=[A-Za-z]{0,9}\d))[A-Za-z0-9]{6,10}(?![A-Za-z0-9])"
)
_E_TRANSFER = (
    r"(?:INTERAC )?(?:E-?TRANSFER|E-?TRF|E-?TFR|E-?TRNSFR|(?:VIREMENT|TRANSFERT|VIR)"
    r"(?: (?:ÉLECTRONIQUE|ELECTRONIQUE))?(?: INTERAC(?: E-?TRANSFER)?)?)"
)
_NAMED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"{_E_TRANSFER}\s*-\s*(?:AUTODEPOSIT|DEPOT AUTOMATIQUE|DÉPÔT AUTOMATIQUE)\s+(?P<name>.+)",
        rf"{_E_TRANSFER}\s*(?:-\s*)?(?:(?:RECEIVED|RECVD|REÇU|RECU) )?(?:FROM|DE)\b\s*[:/-]?\s*"
        r"(?P<name>.+)",
        rf"{_E_TRANSFER}\s*(?:-\s*)?(?:(?:REÇU|RECU) )?D['’]\s*(?P<name>.+)",
        rf"{_E_TRANSFER}\s+(?:RECEIVED|RECVD|REÇU|RECU)\s*[:/-]?\s+(?P<name>.+)",
        rf"{_E_TRANSFER}\s*:\s*(?P<name>.+)",
        rf"INTERNET BANKING {_E_TRANSFER}\s+(?:\d+\s+)?(?P<name>.+)",
    )
)
# A number of more figures than any sign has: of some thousands Python reads none at all.
_HUGE = re.compile(r"&#[0-9A-Fa-fXx]{9,};?")
_NO_NAME = re.compile(r"[\d@*#/]")


def joined(texts: Iterable[str | None]) -> str:
    """The texts that say something, once each, with single spaces; cut where no bank goes."""
    said = dict.fromkeys(" ".join(text[:LONGEST].split()) for text in texts if text)
    return " ".join(filter(None, said))[:LONGEST]


def unescaped(text: str) -> str:
    """HTML's names and numbers of signs as the signs themselves."""
    return unescape(_HUGE.sub("\ufffd", text))


def email_in(text: str) -> str:
    """The first e-mail address in a text, or nothing."""
    found = _EMAIL.search(text) if "@" in text else None
    return found[0] if found else ""


def interac_reference_in(text: str) -> str:
    """Interac's own reference in a text, its case kept, or nothing."""
    found = _INTERAC.search(text)
    return found[0] if found else ""


def e_transfer_name(text: str) -> str:
    """Who sent an e-Transfer, as banks' descriptions name them, or nothing."""
    for pattern in _NAMED:
        named = pattern.search(text)
        if named:
            return _clean_name(named["name"])
    return ""


def _clean_name(text: str) -> str:
    """The words in front of the references, numbers and e-mails that may follow a name."""
    words = takewhile(lambda word: not _NO_NAME.search(word), text.split())
    return " ".join(words).strip(" -:,;")[:LONGEST_NAME]
