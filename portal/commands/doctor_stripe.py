"""Whether Stripe is set up for us: where it sends events, and its page for monthly donors."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import sqlalchemy as sa

from portal.commands.findings import Finding
from portal.commands.installation import make_providers
from portal.database import Database, Document
from portal.gifts.models import Subscription
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
