"""What a person said of themself on one form; a gift keeps its own copy."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class DonorDetails:
    """Name, address and wishes as typed for one gift; empty text where nothing was given.

    `country` is ISO 3166-1 alpha-2, `locale` the language of the form (`fr_CA`).
    """

    first_name: str
    last_name: str
    email: str
    address_line1: str = ""
    address_line2: str = ""
    city: str = ""
    province: str = ""
    postal_code: str = ""
    country: str = ""
    locale: str = "en"
    dedication: str = ""
    anonymous: bool = False
    consent_news: bool = False

    @property
    def name(self) -> str:
        return f"{self.first_name} {self.last_name}".strip()
