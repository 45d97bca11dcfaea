"""Settings: read once from the environment, typed, frozen; wrong ones stop the start."""

import re
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

STRIPE_API = "https://api.stripe.com"
# RFC 6376, 3.1; some providers' have a low line.
SELECTOR = r"[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class SettingsError(Exception):
    """A setting is missing or wrong; the text says which and what to do."""


class Settings(BaseSettings):
    """Every setting, from `PORTAL_<NAME>`. README's table is tested against this class."""

    model_config = SettingsConfigDict(env_prefix="PORTAL_", frozen=True, extra="ignore")

    secret_key: SecretStr = Field(
        description="At least 32 random characters; signs sessions and form tickets, and encrypts "
        "donors’ tax numbers."
    )
    former_secret_keys: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(),
        description="Secret keys of before, comma-separated: they still read what they encrypted.",
    )
    database_url: str = Field(
        default="sqlite:///portal.db",
        description="`sqlite:///FILE`, or `postgresql://…` once you outgrow it.",
    )
    base_url: str = Field(
        default="http://127.0.0.1:8000",
        description="The address donors see, without a slash at the end.",
    )
    environment: str = Field(
        default="production", description="`production`, or `demo` for a sample installation."
    )
    stripe_secret_key: SecretStr = Field(
        default=SecretStr(""), description="`sk_live_…` or `sk_test_…`; empty: no Stripe modes."
    )
    stripe_webhook_secrets: Annotated[tuple[SecretStr, ...], NoDecode] = Field(
        default=(), description="Webhook secrets, comma-separated; two while one is rolled."
    )
    stripe_api_base: str = Field(
        default=STRIPE_API, description="Stripe's address; the sandbox's for a trial."
    )
    stripe_requests: int = Field(
        default=100,
        ge=5,
        description="Requests a second that Stripe takes from this machine; with several, a share.",
    )
    stripe_requests_by_endpoint: int = Field(
        default=25,
        ge=5,
        description="The same for one endpoint; beyond it donors wait on a page of their own.",
    )
    mail_url: str = Field(
        default="", description="`smtp://user:password@host:587` or `smtps://…`; empty: no mail."
    )
    mail_from: str = Field(
        default="giving@localhost.localdomain", description="The sender of receipts."
    )
    mail_per_minute: int = Field(
        default=120,
        ge=1,
        le=100_000,
        description="Letters a minute when a year’s receipts are sent; other mail goes at once.",
    )
    dkim_selectors: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="The selectors your mail server signs with (DKIM), comma-separated, for "
        "`portal doctor` to look for.",
    )
    country_header: str = Field(
        default="", description="A header your proxy sets with the visitor's country, or empty."
    )
    trusted_proxies: int = Field(
        default=0, ge=0, le=5, description="How many proxies stand in front and set X-Forwarded-*."
    )
    notices_imap_url: SecretStr = Field(
        default=SecretStr(""),
        description="Interac’s notices: `imaps://user:password@host/FOLDER`, or empty.",
    )
    bounces_imap_url: SecretStr = Field(
        default=SecretStr(""),
        description="Letters that come back: `imaps://user:password@host/FOLDER`, or empty.",
    )
    trusted_mail_server: str = Field(
        default="",
        description="The name your mail server writes into Authentication-Results, or empty.",
    )
    metrics_token: SecretStr = Field(
        default=SecretStr(""), description="Bearer token for /metrics; empty: loopback only."
    )
    free_starts: int = Field(
        default=200,
        ge=0,
        description="Payments that begin at Stripe in ten minutes, by everybody together, before "
        "each browser has to solve a puzzle first; 0: always.",
    )
    free_starts_by_network: int = Field(
        default=30,
        ge=0,
        description="The same for the visitors of one network, in an hour.",
    )
    threads: int = Field(default=16, ge=1, le=512, description="Request threads a web process.")
    workers: int = Field(default=1, ge=1, le=64, description="Web processes.")
    log_format: str = Field(default="json", description="`json` or `text`.")
    regions: str = Field(
        default="",
        description="The folder of your own regions’ files; empty: the samples, for a demo alone.",
    )
    support_email: str = Field(
        default="", description="Where donors can ask for help; empty: the region's issuer."
    )

    uploads: str = Field(
        default="",
        description="The folder for donors’ proofs, never served; empty: beside the database.",
    )
    upload_megabytes: int = Field(
        default=10, ge=1, le=50, description="The largest proof a donor may send, in MB."
    )

    seal_key: str = Field(
        default="",
        description="The file of the key that seals documents; empty: `seal.pem` beside the "
        "database, where there is one.",
    )
    seal_tsa_url: str = Field(
        default="",
        description="A time-stamp authority (RFC 3161) that is asked for each seal, or empty.",
    )

    @field_validator("stripe_webhook_secrets", "dkim_selectors", mode="before")
    @classmethod
    def _split_list(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("former_secret_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        """A key may have a comma itself: the whole counts as one, too."""
        if isinstance(value, str):
            parts = (part.strip() for part in (value, *value.split(",")))
            return tuple(dict.fromkeys(filter(None, parts)))
        return value

    @field_validator("dkim_selectors")
    @classmethod
    def _are_selectors(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(SELECTOR, one) for one in value):
            raise ValueError("are names as in s= of a letter's DKIM-Signature, comma-separated")
        return value

    @field_validator("secret_key")
    @classmethod
    def _long_enough(cls, value: SecretStr) -> SecretStr:
        if len(value.get_secret_value()) < 32:
            raise ValueError("needs at least 32 random characters")
        return value

    @field_validator("base_url")
    @classmethod
    def _no_trailing_slash(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("is no web address")
        return value.rstrip("/")

    @field_validator("notices_imap_url", "bounces_imap_url")
    @classmethod
    def _imap_over_tls(cls, value: SecretStr) -> SecretStr:
        parts = urlsplit(value.get_secret_value())
        if value.get_secret_value() and (
            parts.scheme != "imaps" or not parts.hostname or not parts.username
        ):
            raise ValueError("is `imaps://user:password@host/FOLDER`")
        return value

    @field_validator("seal_tsa_url")
    @classmethod
    def _is_web_address(cls, value: str) -> str:
        parts = urlsplit(value)
        if value and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("is no web address")
        return value

    @field_validator("environment")
    @classmethod
    def _known_environment(cls, value: str) -> str:
        if value not in {"production", "demo"}:
            raise ValueError("is `production` or `demo`")
        return value

    @model_validator(mode="after")
    def _live_keys_go_to_stripe_only(self) -> Self:
        if self.is_live and self.stripe_api_base != STRIPE_API:
            raise ValueError(
                "a live Stripe key is only ever sent to Stripe: unset PORTAL_STRIPE_API_BASE"
            )
        if self.stripe_api_base != STRIPE_API and (
            urlsplit(self.stripe_api_base).hostname not in LOOPBACK
        ):
            raise ValueError("PORTAL_STRIPE_API_BASE is Stripe's address or one on this machine")
        return self

    @property
    def is_live(self) -> bool:
        """Whether the Stripe key moves real money."""
        return self.stripe_secret_key.get_secret_value().startswith(("sk_live_", "rk_live_"))

    @property
    def has_stripe(self) -> bool:
        return bool(self.stripe_secret_key.get_secret_value())

    @property
    def is_secure(self) -> bool:
        """Whether donors come over https, so that cookies may be marked Secure."""
        return self.base_url.startswith("https://")

    @property
    def uploads_path(self) -> Path:
        """Where proofs are kept; with PostgreSQL and several machines it must be shared."""
        if self.uploads:
            return Path(self.uploads)
        return self._beside / "uploads"

    @property
    def seal_path(self) -> Path:
        """The key that seals documents; every machine needs the same."""
        return Path(self.seal_key) if self.seal_key else self._beside / "seal.pem"

    @property
    def _beside(self) -> Path:
        """The folder of the database, or the one we were started in."""
        return self.sqlite_path.parent if self.sqlite_path else Path()

    @property
    def upload_bytes(self) -> int:
        """The largest proof, in bytes."""
        return self.upload_megabytes * 1_000_000

    @property
    def sqlite_path(self) -> Path | None:
        """The database file, where the database is SQLite."""
        prefix = "sqlite:///"
        if not self.database_url.startswith(prefix):
            return None
        return Path(self.database_url.removeprefix(prefix))


def load_settings(**given: object) -> Settings:
    """Settings from the environment and `given`; `SettingsError` names what is wrong."""
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic validates each value
    except ValidationError as error:
        raise SettingsError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    lines = []
    for item in error.errors(include_input=False, include_url=False):
        name = "PORTAL_" + "_".join(str(part) for part in item["loc"][:1]).upper()
        what = item["msg"].removeprefix("Value error, ")
        lines.append(f"{name}: {what}." if item["loc"] else f"{what}.")
    return "The settings are not usable. " + " ".join(lines)
