"""How French sets its signs, for tests of French texts."""

import re

# No sentences: addresses, times and ratios (2:1), the fields of a bank's file (:20:).
CODE = re.compile(r"https?://\S*|\d:\d\d?|:\d\d\w?:")
WRONG = re.compile(r"(?<!\u202f)[;?!»]|«(?!\u202f)|(?<!\u00a0):|[ \u202f]\u00a0|[ \u00a0]\u202f")


def wrong_signs(french: str) -> list[str]:
    """Each sign that stands without the space French sets there, with what is around it.

    A narrow no-break space before ; ? ! », and after «; a no-break space before the colon.
    """
    text = CODE.sub("", french)
    return [text[max(0, at.start() - 20) : at.end() + 5] for at in WRONG.finditer(text)]
