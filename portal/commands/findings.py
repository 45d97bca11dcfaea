"""What the doctor hands back."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what was found."""

    what: str
    is_well: bool
    text: str
