"""What the doctor finds of the domain that our letters come from."""

import socket

import pytest

from portal.commands.doctor_outside import Finding, Resolver, examine_sender, split_address
from portal.settings import Settings, SettingsError, load_settings
from tests.conftest import SECRET
from tests.dns_server import PRIVATE, Records, running_dns

SPF = "v=spf1 include:mail.example -all"
KEY = "v=DKIM1; k=rsa; p=" + "MIIBIjANBgkqhkiG" * 20
GOOD = {
    "give.example": ["another=thing", SPF],
    "s1._domainkey.give.example": [KEY],
    "_dmarc.give.example": ["v=DMARC1; p=reject; rua=mailto:a@give.example"],
}


def make_settings(sender: str = "giving@give.example", selectors: str = "s1") -> Settings:
    return load_settings(
        secret_key=SECRET,
        mail_url="smtp://127.0.0.1:9",
        mail_from=sender,
        dkim_selectors=selectors,
    )


def ask(
    records: Records, settings: Settings, refuses: frozenset[str] = frozenset()
) -> dict[str, Finding]:
    with running_dns(records, refuses) as address:
        return {one.what: one for one in examine_sender(settings, Resolver(address))}


def test_a_domain_that_says_all_is_well() -> None:
    assert ask(GOOD, make_settings()) == {
        "spf": Finding("spf", True, "give.example says who may send for it"),
        "dkim": Finding("dkim", True, "give.example has a key for s1"),
        "dmarc": Finding("dmarc", True, "_dmarc.give.example says p=reject"),
    }


@pytest.mark.parametrize(
    ("change", "what", "says"),
    [
        ({"give.example": []}, "spf", "add a TXT record v=spf1"),
        ({"give.example": ["v=spf10 -all"]}, "spf", "add a TXT record v=spf1"),
        ({"give.example": [SPF, "V=SPF1 -all"]}, "spf", "has 2 SPF records"),
        ({"give.example": ["v=spf1 mx +all"]}, "spf", "lets everybody send"),
        ({"give.example": ["v=spf1 all"]}, "spf", "lets everybody send"),
        ({"s1._domainkey.give.example": ["v=DKIM1"]}, "dkim", "has no key"),
        ({"s1._domainkey.give.example": ["v=DKIM1; p="]}, "dkim", "was withdrawn"),
        ({"_dmarc.give.example": ["v=spf1 -all"]}, "dmarc", "_dmarc.give.example is missing"),
        ({"_dmarc.give.example": ["v=DMARC1; p=reject"] * 2}, "dmarc", ""),
        ({"_dmarc.give.example": ["v=DMARC1; p=none", "v=DMARC1"]}, "dmarc", "2 DMARC records"),
        ({"_dmarc.give.example": ["v=DMARC1; p=maybe"]}, "dmarc", "make it none, quarantine or"),
    ],
)
def test_each_record_that_is_amiss_is_said(change: Records, what: str, says: str) -> None:
    found = ask({**GOOD, **change}, make_settings())
    # The same record twice is one.
    assert {name for name, one in found.items() if not one.is_well} == ({what} if says else set())
    assert says in found[what].text


@pytest.mark.parametrize("name", GOOD)
def test_each_record_that_is_absent_is_said(name: str) -> None:
    found = ask({one: texts for one, texts in GOOD.items() if one != name}, make_settings())
    assert [one.is_well for one in found.values()].count(False) == 1


def test_a_domain_above_speaks_for_those_below() -> None:
    below = {f"mail.{name}": texts for name, texts in GOOD.items() if "dmarc" not in name}
    below |= {"s1._domainkey.mail.give.example": [KEY]}
    settings = make_settings("giving@mail.give.example")
    found = ask({**below, "_dmarc.give.example": ["v=DMARC1; p=none"]}, settings)
    assert found["dmarc"] == Finding("dmarc", True, "_dmarc.give.example says p=none")
    top = ask({**below, "_dmarc.example": ["v=DMARC1; p=none"]}, settings)
    assert not top["dmarc"].is_well


def test_a_sender_in_another_script_is_asked_for_by_its_wire_name() -> None:
    records = {"xn--bcher-kva.example": [SPF], "_dmarc.xn--bcher-kva.example": ["v=DMARC1;p=none"]}
    found = ask(records, make_settings("giving@bücher.example", ""))
    assert [one.is_well for one in found.values()] == [True, True, True]
    assert "set PORTAL_DKIM_SELECTORS" in found["dkim"].text


def test_every_selector_needs_its_key() -> None:
    found = ask(GOOD, make_settings(selectors="s1, s2"))
    assert "s2._domainkey.give.example has no key" in found["dkim"].text


def test_a_record_that_could_not_be_asked_for_is_no_fault() -> None:
    found = ask(GOOD, make_settings(), frozenset({"give.example"}))
    assert found["spf"].is_well
    assert "could not ask" in found["spf"].text
    assert "p=reject" in found["dmarc"].text


def test_without_a_network_nothing_is_found_wrong() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        resolver = Resolver(f"127.0.0.1:{silent.getsockname()[1]}", seconds=0.1)
        found = list(examine_sender(make_settings(), resolver))
    text = "could not ask about give.example (LifetimeTimeout)"
    assert found == [Finding(what, True, text) for what in ("spf", "dkim", "dmarc")]


def test_a_network_of_its_own_says_nothing_of_the_world() -> None:
    found = ask({PRIVATE: []}, make_settings())
    assert [one.is_well for one in found.values()] == [True, True, True]
    assert "knows a network of its own alone" in found["spf"].text
    inside = ask({PRIVATE: [], **GOOD}, make_settings())
    assert "says who may send" in inside["spf"].text


def test_where_no_letter_leaves_nobody_is_asked() -> None:
    for values in ({"mail_url": ""}, {"environment": "demo", "mail_url": "smtp://127.0.0.1:9"}):
        settings = load_settings(secret_key=SECRET, **values)
        assert list(examine_sender(settings, Resolver("127.0.0.1:9"))) == []


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("192.0.2.1", ("192.0.2.1", 53)),
        ("192.0.2.1:5353", ("192.0.2.1", 5353)),
        ("2001:db8::1", ("2001:db8::1", 53)),
        ("[2001:db8::1]", ("2001:db8::1", 53)),
        ("[2001:db8::1]:5353", ("2001:db8::1", 5353)),
    ],
)
def test_a_resolver_may_have_a_port(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address) == parts


def test_a_resolver_that_is_no_address_could_not_be_asked() -> None:
    for address in ("no address", "127.0.0.1:99999"):
        found = list(examine_sender(make_settings(), Resolver(address)))
        assert all(one.is_well and "could not ask" in one.text for one in found)


@pytest.mark.parametrize("selectors", ["a b", "s1;s2", "s" * 64, "s1..s2", "é"])
def test_a_selector_that_is_none_stops_the_start(selectors: str) -> None:
    with pytest.raises(SettingsError, match="PORTAL_DKIM_SELECTORS"):
        make_settings(selectors=selectors)
