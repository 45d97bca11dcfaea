"""Whether the domain of our letters' sender says who may send for it: SPF, DKIM and DMARC.

Receivers put letters of a domain that does not into spam, or refuse them
(https://support.google.com/mail/answer/81126). Without a resolver nothing is found wrong.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

import dns.exception
import dns.rdatatype
import dns.resolver

from portal.commands.findings import Finding
from portal.mail.smtp import wire_address
from portal.settings import Settings

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
