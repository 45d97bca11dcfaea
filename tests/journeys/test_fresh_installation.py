"""An operator's first afternoon: from an empty PostgreSQL to two receipts in their own name.

As for good: the environment is production, nginx with the file that ships stands in front, and
web and worker are begun as their units begin them. What the product ships to show itself with is
nowhere to be seen.
"""

import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from pypdf import PdfReader

from portal.commands.installation import free_port
from tests.conftest import PostgresServer
from tests.demo_process import DemoProcess
from tests.deploy.nginx import HOST, NGINX, leading_to, running_nginx
from tests.deploy.test_files import DEPLOY
from tests.installation import PASSWORD, Installation, running_installation
from tests.journeys.browser import PHONE, Visitor, visiting
from tests.journeys.giving import Donor, fill_form, new_donor, pay_by_card
from tests.journeys.letters import open_mail, read_pdf, squeeze
from tests.journeys.staff import sign_in
from tests.journeys.test_transfers import picture
from tests.shipped import find_shipped
from tests.warm import settings_alone

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NGINX is None, reason="no nginx here"),
]

OWNER = "owner@example.org"
LEGAL_NAME, NUMBER, SIGNATORY = "Grace Chapel of Red Deer", "123456782 RR0001", "Ruth Kim"
ISSUER = {
    "legal_name": LEGAL_NAME,
    "registration_label_en": "Registration number",
    "registration_label_fr": "Numéro d’enregistrement",
    "registration_number": NUMBER,
    "address_lines": "12 Elm Street\nRed Deer AB  T4N 1A1",
    "place": "Red Deer, Alberta",
    "email": "giving@grace.example.org",
    "website": "https://grace.example.org",
    "signatory_name": SIGNATORY,
    "signatory_title_en": "Treasurer",
    "signatory_title_fr": "Trésorière",
    "accent": "#1d4f91",
}
CODE = "ROOF27"
FUND = {
    "names_en": "New roof",
    "names_fr": "Nouveau toit",
    "descriptions_en": "Keeps the rain out.",
    "descriptions_fr": "Garde la pluie dehors.",
}


class Guest(Visitor):
    """A visitor who looks on every page for what the product shows itself with."""

    def look(self) -> None:
        super().look()
        assert find_shipped(self.page.content()) == [], self.page.url


@pytest.fixture
def fresh(
    tmp_path: Path, postgres: PostgresServer, browser: Browser
) -> Iterator[tuple[Installation, str]]:
    """A database without a table, settings as the example has them, and nginx; nothing runs yet.

    And the address of the way that leads browsers to it by its name.
    """
    postgres.run("DROP DATABASE IF EXISTS fresh WITH (FORCE)")
    postgres.run("CREATE DATABASE fresh")
    (tmp_path / "nginx").mkdir()
    web_port = free_port()
    with running_nginx(web_port, tmp_path / "nginx") as nginx, leading_to(nginx) as way:
        settings = {
            "PORTAL_BASE_URL": f"https://{HOST}",
            "PORTAL_DATABASE_URL": postgres.url("fresh"),
            "PORTAL_METRICS_TOKEN": "a token of this test",
            "PORTAL_SEAL_KEY": str(tmp_path / "seal.pem"),
            "HTTPS_PROXY": way,
            "NO_PROXY": "127.0.0.1",
            "REQUESTS_CA_BUNDLE": str(nginx.trusted),
            "SSL_CERT_FILE": str(nginx.trusted),
        }
        hook = f"https://127.0.0.1:{nginx.port}/webhooks/stripe"
        folder = tmp_path / "portal"
        with running_installation(folder, hook, web_port=web_port, **settings) as installation:
            yield installation, way


def test_from_nothing_to_two_receipts_of_ones_own(
    fresh: tuple[Installation, str], browser: Browser
) -> None:
    installation, way = fresh
    begin(installation)
    place = installation.opened(f"https://{HOST}")
    with guest(browser, place, way) as owner, guest(browser, place, way, viewport=PHONE) as phone:
        show_nothing_yet(phone)
        sign_in(owner)
        make_issuer(owner)
        make_region(owner)
        make_mode(owner)
        make_fund(owner)
        find_form(phone)
        give_by_transfer(phone, owner, new_donor())
        give_by_card(phone, new_donor())
        make_code(installation)
        give_with_code(phone, owner, new_donor())
        assert "used 1" in installation.run("code", "show", CODE)
        look_around(owner)
    place.database.close()
    assert "[ ]" not in installation.run("init")


def begin(installation: Installation) -> None:
    """`portal init` as a person answers it; then what the units do, one after the other."""
    example = (DEPLOY / "portal.env.example").read_text()
    assert set(re.findall(r"^(PORTAL_\w+)=", example, re.M)) <= set(installation.settings)
    said = answer_init(installation.settings)
    assert "[x] The first administrator" in said
    assert f"[ ] Who receives the gifts: https://{HOST}/staff/issuers" in said
    assert find_shipped(said) == []
    port = str(installation.port)
    for part, unit in (("web", "portal-web.service"), ("worker", "portal-worker@.service")):
        before, words = read_unit(unit)
        for one in before:
            installation.run(*one)
        installation.start(part, *(port if word == "8000" else word for word in words))
    installation.await_ready()


def answer_init(settings: dict[str, str]) -> str:
    """Nothing can be given yet, so that it ends with 1."""
    ran = subprocess.run(
        [sys.executable, "-m", "portal", "init", "--email", OWNER],
        env=settings_alone(settings),
        input=f"{PASSWORD}\n{PASSWORD}\n",
        start_new_session=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1, ran.stderr
    return ran.stdout


def read_unit(name: str) -> tuple[list[list[str]], list[str]]:
    """What a unit runs before, and what it runs: the words after `portal`."""
    text = (DEPLOY / "systemd" / name).read_text().replace("%i", "1")
    found = re.findall(r"^(ExecStart\w*)=/opt/portal/bin/portal (.*)$", text, re.M)
    words = [(kind, shlex.split(line)) for kind, line in found]
    (main,) = (line for kind, line in words if kind == "ExecStart")
    return [line for kind, line in words if kind == "ExecStartPre"], main


@contextmanager
def guest(browser: Browser, place: DemoProcess, way: str, **options: Any) -> Iterator[Visitor]:
    """Somebody to whom the name of the portal leads."""
    given = {
        "proxy": {"server": way, "bypass": "127.0.0.1"},
        "ignore_https_errors": True,
        **options,
    }
    with visiting(browser, place, Guest, **given) as guest:
        yield guest


def show_nothing_yet(phone: Visitor) -> None:
    """Donors are told that there is nothing yet, whatever they ask for."""
    for path in ("/", "/give/ca", "/c/LWCAN"):
        phone.expect_status(503)
        phone.page.goto(f"https://{HOST}{path}")
        assert find_shipped(phone.page.content().replace("LWCAN", "")) == []
    phone.expected.clear()
    phone.problems.clear()


def keep(owner: Visitor, said: str) -> None:
    owner.press("Keep")
    assert said in owner.text(".notice")


def make_issuer(owner: Visitor) -> None:
    assert "To do" in owner.text("main")
    owner.follow("Who receives the gifts")
    owner.follow("New issuer")
    owner.fill(**ISSUER)
    choices = {"registration_kind": "ca_rr", "country": "CA", "timezone": "America/Edmonton"}
    for name, choice in choices.items():
        owner.page.locator(f"[name={name}]").select_option(choice)
    for name in ("logo", "signature"):
        file = {"name": f"{name}.png", "mimeType": "image/png", "buffer": picture()}
        owner.page.locator(f"[name={name}]").set_input_files(file)  # type: ignore[arg-type]  # a file's payload
    keep(owner, "The issuer is saved.")
    owner.follow(LEGAL_NAME)
    kept = owner.page.locator("img.kept-picture")
    assert kept.evaluate_all("all => all.map(one => one.naturalWidth)") == [60, 60]


def make_region(owner: Visitor) -> None:
    owner.follow("Regions")
    owner.follow("New region")
    owner.follow("Canada")
    owner.page.locator("[name=issuer]").select_option(label=LEGAL_NAME)
    keep(owner, "The region is saved.")


def make_mode(owner: Visitor) -> None:
    owner.follow("Interac e-Transfer")
    owner.fill(recipient="giving@grace.example.org")
    keep(owner, "saved")


def make_fund(owner: Visitor) -> None:
    owner.follow("a new one")
    owner.fill(**FUND)
    keep(owner, "The fund is saved.")


def find_form(phone: Visitor) -> None:
    """The one region there is, as it was saved last."""
    phone.open("/")
    phone.follow("Canada")
    assert LEGAL_NAME in phone.text()
    assert phone.page.locator("img[src^='/pictures/']").count() == 1


def choose_fund(phone: Visitor) -> None:
    phone.page.locator("#fund").select_option(label="New roof")


def give_by_transfer(phone: Visitor, owner: Visitor, donor: Donor) -> None:
    """The donor is shown where to send it; staff see that it came, and book it by their page."""
    phone.open("/give/ca")
    fill_form(phone, donor, mode="interac", amount="75.50")
    choose_fund(phone)
    phone.send()
    assert "giving@grace.example.org" in phone.text()
    reference = phone.page.locator("dd.reference").inner_text()
    owner.open(f"/staff/gifts/{reference}")
    owner.follow("Record a payment you have seen")
    owner.fill(why="Deposited, the bank’s own list")
    owner.press("Book it")
    check_document(phone, donor, "75.50", mails=2)


def give_by_card(phone: Visitor, donor: Donor) -> None:
    phone.open("/give/ca")
    fill_form(phone, donor, mode="card", amount="25.30")
    choose_fund(phone)
    phone.send()
    pay_by_card(phone)
    assert phone.heading() == "Thank you, Adaeze"
    check_document(phone, donor, "25.30")


def make_code(installation: Installation) -> None:
    """The operator's own code, of a partner who is made with it, by the command of the manual."""
    partner = ("--partner", "grace-choir", "--partner-name", "The choir of Grace Chapel")
    said = installation.run("code", "add", CODE, "--region", "ca", "--max-uses", "1", *partner)
    assert f"https://{HOST}/c/{CODE}" in said
    assert "Warning" not in said
    assert "used 0" in installation.run("code", "show", CODE)


def give_with_code(phone: Visitor, owner: Visitor, donor: Donor) -> None:
    """Its address leads to the form of its region; staff see it on the gift."""
    phone.open(f"/c/{CODE}")
    assert "The choir of Grace Chapel" in phone.text()
    fill_form(phone, donor, mode="interac", amount="12.50")
    phone.send()
    reference = phone.page.locator("dd.reference").inner_text()
    owner.open(f"/staff/gifts/{reference}")
    assert owner.text("a.code") == CODE
    assert "12.50" in owner.text("main")


def check_document(phone: Visitor, donor: Donor, amount: str, mails: int = 1) -> None:
    """The receipt comes by mail, and says who signs it for what, with the signature on it."""
    message = open_mail(phone, donor, mails)
    with phone.page.expect_navigation():
        phone.page.locator(".text a[href*='/gift/']").first.click()
    phone.look()
    path = str(phone.page.locator("a[href$='/receipt.pdf']").get_attribute("href"))
    pdf = phone.fetch(path)
    text = read_pdf(pdf)
    assert find_shipped(text + message["text"]) == []
    for told in (LEGAL_NAME, NUMBER, SIGNATORY, "New roof", amount, donor.last_name):
        assert squeeze(told) in squeeze(text), told
    assert [one for page in PdfReader(io.BytesIO(pdf)).pages for one in page.images]


def look_around(owner: Visitor) -> None:
    """All rooms of staff, by their own tabs."""
    owner.open("/staff/")
    tabs = owner.page.locator("nav.tabs a").all_inner_texts()
    assert len(tabs) == 9
    for name in tabs:
        owner.follow(name)
    owner.open("/staff/first-steps")
    assert "To do" not in owner.text("main")
