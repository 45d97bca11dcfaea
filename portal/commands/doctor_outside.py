"""What the doctor asks of others: the sender's domain (SPF, DKIM, DMARC), and Stripe's settings."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import dns.exception
import dns.rdatatype
import dns.resolver
import sqlalchemy as sa

from portal.commands.installation import make_providers
from portal.database import Database, Document
from portal.gifts.models import Subscription
from portal.mail.bounces import bounces_account
from portal.mail.imap import ImapError, try_account
from portal.mail.smtp import wire_address
from portal.payments.stripe.gateway import (
    API_VERSION,
    Gateway,
    StripeRefused,
    StripeUnavailable,
)
from portal.payments.stripe.readers import READERS
from portal.payments.stripe.reading import STRIPE
from portal.regions.catalogue import Frequency
from portal.regions.queries import load_catalogue, means_of, narrow
from portal.settings import Settings
from portal.webhooks import PATH


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at, and what was found."""

    what: str
    is_well: bool
    text: str


ASK_SECONDS = 3.0
DNS_PORT = 53


class CouldNotAsk(Exception):
    """No answer came, which says nothing of what there is."""


class Resolver:
    """Name servers: this machine's own, or one by its `address[:port]`.

    One that did not answer is not asked again, so that nobody waits for it twice. That a name is
    missing counts by one alone that knows the world's: a network of its own has its own names.
    """

    def __init__(self, address: str = "", seconds: float = ASK_SECONDS) -> None:
        self._address, self._seconds, self._away = address, seconds, ""

    def list_texts(self, name: str) -> list[str]:
        """The TXT records of a name, each with its parts joined; `CouldNotAsk` without answer."""
        found = self._ask(name, dns.rdatatype.TXT)
        if not found and not self._ask(".", dns.rdatatype.NS):
            self._away = "the name server knows a network of its own alone"
            raise CouldNotAsk(self._away)
        return [b"".join(record.strings).decode(errors="replace") for record in found]

    def _ask(self, name: str, kind: dns.rdatatype.RdataType) -> list[Any]:
        if self._away:
            raise CouldNotAsk(self._away)
        try:
            return list(self._open().resolve(name, kind, search=False))
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.resolver.LifetimeTimeout, dns.resolver.NoResolverConfiguration) as error:
            self._away = type(error).__name__
            raise CouldNotAsk(self._away) from error
        except (dns.exception.DNSException, OSError, ValueError, OverflowError) as error:
            raise CouldNotAsk(type(error).__name__) from error

    def _open(self) -> dns.resolver.Resolver:
        opened = dns.resolver.Resolver(configure=not self._address)
        if self._address:
            host, port = split_address(self._address)
            opened.nameservers, opened.port = [host], port
        opened.lifetime = self._seconds
        return opened


def split_address(address: str) -> tuple[str, int]:
    """`192.0.2.1`, `192.0.2.1:5353`, `2001:db8::1` or `[2001:db8::1]:5353`, apart."""
    matched = re.fullmatch(r"\[(.+)\](?::(\d+))?|([^:]+)(?::(\d+))?", address)
    if not matched:
        return address, DNS_PORT
    return matched[1] or matched[3], int(matched[2] or matched[4] or DNS_PORT)


def examine_sender(settings: Settings, resolver: Resolver) -> Iterator[Finding]:
    """A finding for each of `RECORDS`; none where no letter leaves, as in a demo."""
    if not settings.mail_url or settings.environment == "demo":
        return
    try:
        domain = wire_address(settings.mail_from).rpartition("@")[2]
    except UnicodeError:
        yield Finding("sender", False, "PORTAL_MAIL_FROM is no address: its domain can't be one")
        return
    for what, look in RECORDS.items():
        try:
            yield Finding(what, True, look(domain, settings, resolver))
        except Missing as error:
            yield Finding(what, False, str(error))
        except CouldNotAsk as error:
            yield Finding(what, True, f"could not ask about {domain} ({error})")


class Missing(Exception):
    """A record is not there or says nothing; the sentence tells what to do."""


def look_for_spf(domain: str, _settings: Settings, resolver: Resolver) -> str:
    """One record that names the servers which send for the domain (RFC 7208, 3 and 4.5)."""
    texts = resolver.list_texts(domain)
    found = [text for text in texts if re.match(r"v=spf1( |$)", text, re.IGNORECASE)]
    if not found:
        raise Missing(
            f"{domain} does not say who may send for it: add a TXT record v=spf1 … -all that "
            "names your mail server"
        )
    if len(found) > 1:
        raise Missing(f"{domain} has {len(found)} SPF records, so none counts: make them one")
    if re.search(r" \+?all\b", found[0], re.IGNORECASE):
        raise Missing(f"{domain} lets everybody send for it: end its SPF record with -all")
    return f"{domain} says who may send for it"


def look_for_dkim(domain: str, settings: Settings, resolver: Resolver) -> str:
    """The key of each selector that the settings name (RFC 6376, 3.6)."""
    if not settings.dkim_selectors:
        return (
            "not looked for: set PORTAL_DKIM_SELECTORS to what your mail server signs with (s= "
            "in a letter's DKIM-Signature)"
        )
    for selector in settings.dkim_selectors:
        name = f"{selector}._domainkey.{domain}"
        keys = [_tags(text).get("p") for text in resolver.list_texts(name)]
        if not any(key is not None for key in keys):
            raise Missing(f"{name} has no key: add the TXT record that your mail provider gives")
        if not any(keys):
            raise Missing(f"the key at {name} was withdrawn: name the selector that is in use")
    return f"{domain} has a key for {', '.join(settings.dkim_selectors)}"


def look_for_dmarc(domain: str, _settings: Settings, resolver: Resolver) -> str:
    """What becomes of letters that are not ours, said by the domain or one above it.

    The way up ends below the top-level domain (RFC 7489, 6.6.3 asks a list of public suffixes,
    which would say no more here).
    """
    found = next(_policies(domain, resolver), None)
    if found is None:
        raise Missing(f"_dmarc.{domain} is missing: add a TXT record v=DMARC1; p=quarantine")
    where, policies = found
    if len(policies) > 1:
        raise Missing(f"{where} has {len(policies)} DMARC records, so none counts: leave one")
    wish = _tags(policies[0]).get("p", "none").lower()
    if wish not in WISHES:
        raise Missing(f"{where} says p={wish}: make it {', '.join(WISHES[:-1])} or {WISHES[-1]}")
    return f"{where} says p={wish}"


WISHES = ("none", "quarantine", "reject")


def _policies(domain: str, resolver: Resolver) -> Iterator[tuple[str, list[str]]]:
    labels = domain.rstrip(".").split(".")
    for start in range(max(1, len(labels) - 1)):
        where = ".".join(["_dmarc", *labels[start:]])
        found = [text for text in resolver.list_texts(where) if re.match(r"v=DMARC1\s*(;|$)", text)]
        if found:
            yield where, found


def _tags(text: str) -> dict[str, str]:
    """`v=DKIM1; k=rsa; p=…` by name."""
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip(): "".join(value.split()) for name, _, value in pairs}


RECORDS: dict[str, Callable[[str, Settings, Resolver], str]] = {
    "spf": look_for_spf,
    "dkim": look_for_dkim,
    "dmarc": look_for_dmarc,
}


ALL_EVENTS = "*"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """The webhook endpoints of the account: those that lead to `url`, and the others."""

    url: str
    ours: list[Document]
    others: list[Document]

    @property
    def enabled(self) -> list[Document]:
        return [one for one in self.ours if one["status"] == "enabled"]


def sort_endpoints(endpoints: list[Document], base_url: str) -> Endpoints:
    """Which of Stripe's endpoints are this portal's, at the address that donors see."""
    url = base_url + PATH
    ours = [one for one in endpoints if _plain(one["url"]) == _plain(url)]
    return Endpoints(url, ours, [one for one in endpoints if one not in ours])


def _plain(url: str) -> tuple[str, str, int | None, str]:
    """An address without what may differ in writing: case of the host, a standard port, a slash."""
    parts = urlsplit(url)
    port = parts.port or {"https": 443, "http": 80}.get(parts.scheme)
    return parts.scheme, parts.hostname or "", port, parts.path.rstrip("/")


def tell_absent(found: Endpoints) -> str:
    if found.ours:
        return ""
    elsewhere = next((one["url"] for one in found.others if one["url"].endswith(PATH)), "")
    if elsewhere:
        return f"Stripe sends its events to {elsewhere}: change that endpoint's URL to {found.url}"
    return f"Stripe sends no events here: add a webhook endpoint {found.url}"


def tell_disabled(found: Endpoints) -> str:
    is_off = found.ours and not found.enabled
    return f"Stripe's endpoint {found.url} is disabled: enable it there" if is_off else ""


def tell_version(found: Endpoints) -> str:
    """An endpoint's version can't be changed (https://docs.stripe.com/api/webhook_endpoints)."""
    versions = {one["api_version"] or "the account's version" for one in found.enabled}
    other = sorted(versions - {API_VERSION})
    if not other:
        return ""
    return (
        f"Stripe's endpoint speaks {', '.join(other)} and the portal reads {API_VERSION}: add "
        "one of that version, put its secret into PORTAL_STRIPE_WEBHOOK_SECRETS, remove the other"
    )


def tell_events(found: Endpoints) -> str:
    sent = {name for one in found.enabled for name in one["enabled_events"]}
    missing = [name for name in READERS if name not in sent]
    if not found.enabled or ALL_EVENTS in sent or not missing:
        return ""
    return f"Stripe's endpoint does not send {', '.join(missing)}: add them to its events"


def tell_twins(found: Endpoints) -> str:
    count = len(found.enabled)
    if count < 2:
        return ""
    return f"{count} of Stripe's endpoints send the same here: remove all but one"


ENDPOINT_CHECKS: tuple[Callable[[Endpoints], str], ...] = (
    tell_absent,
    tell_disabled,
    tell_version,
    tell_events,
    tell_twins,
)


def judge_endpoints(found: Endpoints) -> Iterator[Finding]:
    """A finding for each fault of `ENDPOINT_CHECKS`, or the good one: pure."""
    faults = [fault for check in ENDPOINT_CHECKS if (fault := check(found))]
    yield from (Finding("webhooks", False, fault) for fault in faults)
    if not faults:
        yield Finding("webhooks", True, f"{found.url} gets all that the portal reads")


def examine_endpoints(settings: Settings) -> Iterator[Finding]:
    """What Stripe sends, where and in which version, against what is read here."""
    if not settings.has_stripe:
        return
    try:
        listed = Gateway(settings).list_webhook_endpoints()
    except (StripeUnavailable, StripeRefused) as error:
        yield _could_not_ask("webhooks", error, "Webhook Endpoints")
        return
    yield from judge_endpoints(sort_endpoints(listed, settings.base_url))


def _could_not_ask(what: str, error: Exception, right: str) -> Finding:
    """No fault: whether the key works at all is told apart, and a right may well be left out."""
    return Finding(
        what, True, f"could not ask ({error}): a key that may read {right} lets this be checked"
    )


# What a donor's page at Stripe has to allow, and where that is set there.
PORTAL_FEATURES = {
    "payment_method_update": "let customers update their payment methods",
}
WHERE = "in Stripe, under Settings, Billing, Customer portal"


def judge_portal(configuration: Document | None) -> Iterator[Finding]:
    """What the default configuration of the Customer Portal lacks, or the good finding: pure."""
    if configuration is None:
        allow = ", ".join(PORTAL_FEATURES.values())
        text = f"its settings were never saved, so no donor can change a card: {WHERE}, {allow}"
        yield Finding("customer portal", False, text)
        return
    features = configuration["features"]
    off = [how for name, how in PORTAL_FEATURES.items() if not features[name]["enabled"]]
    yield from (Finding("customer portal", False, f"{WHERE}, {how}") for how in off)
    if not off:
        yield Finding("customer portal", True, "donors can change the card of a monthly gift")


def examine_portal(database: Database, settings: Settings) -> Iterator[Finding]:
    """Stripe's page for monthly donors, where there are any or may be."""
    if not settings.has_stripe or not _needs_portal(database, settings):
        return
    try:
        configuration = Gateway(settings).find_portal_configuration()
    except (StripeUnavailable, StripeRefused) as error:
        yield _could_not_ask("customer portal", error, "the Customer Portal")
        return
    yield from judge_portal(configuration)


CHARGED = sa.select(Subscription.id).where(Subscription.provider == STRIPE)


def _needs_portal(database: Database, settings: Settings) -> bool:
    """Whether Stripe charges somebody every month, or a region offers that."""
    with database.read() as session:
        catalogue = load_catalogue(session)
        has_plan = session.scalar(CHARGED.limit(1)) is not None
    regions = narrow(catalogue, means_of(settings, make_providers(settings))).open
    modes = (mode for region in regions for mode in region.offered if mode.provider == STRIPE)
    return has_plan or any(Frequency.MONTHLY in mode.frequencies for mode in modes)


def examine_bounces(settings: Settings) -> Finding:
    """Whether the mailbox that letters come back to can be read, where there is one."""
    account = bounces_account(settings)
    if account is None:
        return Finding("bounces", True, "no mailbox is set: staff don’t see what comes back")
    try:
        try_account(account)
    except ImapError as error:
        return Finding("bounces", False, f"PORTAL_BOUNCES_IMAP_URL, {account.host}: {error.reason}")
    return Finding("bounces", True, f"{account.host}: {account.folder} is read as {account.user}")
