"""Correcting who gave and how they are reached, and sending again what they did not get."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from babel import Locale
from babel.core import get_global
from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from portal.forms import UNREACHABLE, ChoiceField, EmailField, LineField, PortalForm, TickField
from portal.gifts.contacts import CONTACT_FIELDS, Contact, contact_of
from portal.gifts.models import Gift, Plan
from portal.gifts.operations import fold_name, lock_gift
from portal.i18n import current_locale, gettext, ngettext, pick
from portal.jobs.promising import SendLetter, SendReceipt
from portal.mail.outbox import LetterKind
from portal.mail.smtp import can_reach
from portal.payments.manual_entries import (
    Corrected,
    NothingCorrected,
    ReceiptUndecided,
    correct_donor,
)
from portal.plain import shows_letter
from portal.receipts.pdf import ADDRESS_FIELDS, check_postal_code, check_province, check_signs
from portal.receipts.register import Receipt, find_receipt
from portal.regions.catalogue import Region
from portal.services import Act, take_key
from portal.settings import Settings
from portal.staff.access import current_actor, staff
from portal.staff.forms import LONGEST_REASON, make_once, read_once
from portal.staff.gifts.views import find_gift
from portal.staff.labels import CONTACT_FIELDS as LABELS
from portal.staff.labels import current_catalogue
from portal.web import services

KEEP, REPLACE = "keep", "replace"
UNKNOWN_COUNTRY = "ZZ"
NAMES = ("first_name", "last_name")
ADDRESS_LINES = tuple(name for name in ADDRESS_FIELDS if name != "country")


class ContactForm(PortalForm):
    """What is right, why, and what becomes of the receipt; a field not sent stays as it is.

    What is not changed is not judged: a gift may be older than the rules.
    """

    first_name = LineField()
    last_name = LineField()
    email = EmailField(ask="Enter an e-mail address", longest=254)
    address_line1 = LineField(longest=200)
    address_line2 = LineField(longest=200)
    city = LineField()
    province = LineField()
    postal_code = LineField(longest=20)
    country = ChoiceField(ask="Choose a country from the list")
    locale = ChoiceField(ask="Choose a language from the list")
    reason = LineField(ask="Enter a reason, for the gift’s history", longest=LONGEST_REASON)
    receipt = ChoiceField(ask="Choose whether the receipt stays or is replaced")
    resend = TickField()
    seen = LineField(longest=40)

    def __init__(
        self, sent: Mapping[str, str] | None, gift: Gift, region: Region | None, **first: Any
    ) -> None:
        super().__init__(sent, **{**contact_of(gift), "receipt": "", "seen": "", **first})
        self.before = contact_of(gift)
        self.region = region
        self.country.options = ("", *name_countries())
        self.locale.options = (*(region.locales if region else ()), gift.locale)
        self.receipt.options = ("", KEEP, REPLACE)

    def check(self, settings: Settings) -> bool:
        """Whether every field that is changed is right, and nobody else changed one meanwhile."""
        self.validate()
        self._check_address()
        check_signs(self, (*NAMES, *ADDRESS_FIELDS))
        for name in CONTACT_FIELDS:
            if name not in self.right:
                self[name].errors = []
        self._check_name()
        self._check_email(settings)
        self._check_seen()
        return not self.errors

    def _check_address(self) -> None:
        """By the region's rules where the donor lives there; elsewhere nobody knows them."""
        if self.region is None or self.country.data not in self.region.countries:
            return
        check_postal_code(self, self.region.address)
        check_province(self, self.region.address)
        if self.region.needs_address:
            for name in self.region.address.required:
                if not self[name].data:
                    self.refuse(name, gettext("Leave this filled in: the receipt must show it"))

    def _check_name(self) -> None:
        written = "".join(self[name].data for name in NAMES)
        if self.right.keys() & set(NAMES) and not shows_letter(written):
            self.refuse("last_name", gettext("Enter a first or a last name"))

    def _check_email(self, settings: Settings) -> None:
        is_new = "email" in self.right and not self.email.errors
        if is_new and not can_reach(settings, self.email.data):
            self.refuse("email", gettext(UNREACHABLE))

    def _check_seen(self) -> None:
        if self.seen.data not in {"", name_contact(self.before)}:
            self.form_errors.append(
                gettext(
                    "Someone corrected this gift after you opened the page. Its current "
                    "details are above: check yours and send them again"
                )
            )

    def _typed(self, name: str) -> str:
        typed: str = self[name].data
        return typed.lower() if name == "email" else typed

    @property
    def right(self) -> Contact:
        """The fields that are to be corrected."""
        typed = {name: self._typed(name) for name in CONTACT_FIELDS}
        return {name: text for name, text in typed.items() if text != self.before[name]}

    @property
    def labels(self) -> dict[str, str]:
        """What stands above the fields of the address: the region's words, or general ones."""
        own = self.region.address.labels if self.region else {}
        return {
            name: pick(own[name]) if name in own else gettext(LABELS[name])
            for name in ADDRESS_LINES
        }


def name_contact(contact: Contact) -> str:
    """A short name of what a gift has, by which another correction meanwhile shows."""
    written = json.dumps(dict(contact), sort_keys=True)
    return hashlib.sha256(written.encode()).hexdigest()[:16]


def name_countries() -> dict[str, str]:
    """Every country by its code (ISO 3166-1 alpha-2), sorted as the reader's language has them."""
    names = Locale.parse(current_locale()).territories
    codes = set(get_global("territory_languages")) - {UNKNOWN_COUNTRY}
    known = {code: str(names[code]) for code in codes & set(names) if code.isalpha()}
    return dict(sorted(known.items(), key=lambda pair: fold_name("", pair[1])))


def name_languages(locales: Iterable[str]) -> list[tuple[str, str]]:
    """Locales with their names in the reader's language: `fr_CA` is French (Canada)."""
    here = current_locale()
    return [
        (one, str(Locale.parse(one).get_display_name(here) or one))
        for one in dict.fromkeys(locales)
    ]


@staff.get("/gifts/<reference>/contact")
def contact(reference: str) -> ResponseReturnValue:
    gift, receipt = _load(reference)
    return _show(gift, receipt, _make_form(gift, resend=True), 200)


@staff.post("/gifts/<reference>/contact")
def send_contact(reference: str) -> ResponseReturnValue:
    gift, receipt = _load(reference)
    form = _make_form(gift, is_sent=True)
    if not form.check(services().settings):
        return _show(gift, receipt, form, 422)
    try:
        with services().write(current_actor()) as act:
            locked = lock_gift(act.session, gift.id)
            if not take_key(act, "contact_correct", f"gift:{gift.id}", read_once(request.form)):
                return redirect(url_for("staff.gift", reference=gift.reference), 303)
            done = _correct(act, locked, form)
            is_sent = form.resend.data and _send_again(act, locked, done)
    except ReceiptUndecided:
        form.refuse("receipt", gettext(form.receipt.ask))
        return _show(gift, receipt, form, 422)
    except NothingCorrected:
        form.form_errors.append(gettext("Nothing has changed: correct what is wrong"))
        return _show(gift, receipt, form, 422)
    _tell(form, locked, done, is_sent=is_sent)
    return redirect(url_for("staff.gift", reference=gift.reference), 303)


def _make_form(gift: Gift, *, is_sent: bool = False, resend: bool = False) -> ContactForm:
    region = current_catalogue().known(gift.region)
    return ContactForm(request.form if is_sent else None, gift, region, resend=resend)


def _correct(act: Act, gift: Gift, form: ContactForm) -> Corrected:
    """All in one transaction; the audit log has the fields, the gift's history their texts."""
    reason = form.reason.data
    done = correct_donor(
        act,
        gift,
        form.right,
        why=reason,
        replaces={KEEP: False, REPLACE: True}.get(form.receipt.data),
    )
    detail = {"reason": reason, "fields": list(form.right)}
    if done.receipts:
        detail["receipt"] = ", ".join(receipt.label for receipt in done.receipts)
    act.note("contact_correct", f"gift:{gift.id}", detail)
    return done


def _find_writer(form: ContactForm, gift: Gift) -> str | None:
    """Who charges a plan and knows its donor by the address that was wrong."""
    if "email" not in form.right or gift.plan_id is None:
        return None
    with services().database.read() as session:
        plan = session.get_one(Plan, gift.plan_id)
    provider = services().providers.find(plan.provider) if plan.running else None
    return provider.title if provider else None


def _tell(form: ContactForm, gift: Gift, done: Corrected, *, is_sent: bool) -> None:
    flash(gettext("The donor is corrected. What was there before stays in the gift’s history."))
    if provider := _find_writer(form, gift):
        flash(
            gettext(
                "%(provider)s has the former address of this monthly gift and writes to it by "
                "itself. Correct it there, too.",
                provider=provider,
            )
        )
    if done.receipts:
        labels = ", ".join(receipt.label for receipt in done.receipts)
        number = len(done.receipts)
        flash(
            ngettext(
                "New receipt: %(labels)s. It is being sent to the donor.",
                "New receipts: %(labels)s. They are being sent to the donor.",
                number,
                labels=labels,
            )
        )
    if is_sent:
        flash(gettext("What this gift’s donor needs is on its way to %(email)s.", email=gift.email))


def _send_again(act: Act, gift: Gift, done: Corrected) -> bool:
    """Whether there was something else to send: the receipt, or how to pay while it waits."""
    once = read_once(request.form)
    receipt = find_receipt(act.session, gift.id)
    if not gift.email or (receipt and receipt.id in {one.id for one in done.receipts}):
        return False
    if receipt is not None:
        act.promise(SendReceipt(receipt.id, once, act.actor))
        return True
    mode = act.catalogue.home_of(gift).mode
    if mode is None or not mode.is_instructed or not gift.status.is_open:
        return False
    about = f"{gift.reference}-{once}"
    act.promise(SendLetter(LetterKind.GIFT_INSTRUCTIONS, gift.id, about))
    return True


def _load(reference: str) -> tuple[Gift, Receipt | None]:
    """The gift and the receipt that stands; 404 for money that nobody is known to have given."""
    with services().database.read() as session:
        gift = find_gift(session, reference)
        receipt = find_receipt(session, gift.id)
    if gift.is_unattributed:
        abort(404)
    return gift, receipt


def _show(
    gift: Gift, receipt: Receipt | None, form: ContactForm, status: int
) -> ResponseReturnValue:
    shown = render_template(
        "staff/contact.html",
        gift=gift,
        receipt=receipt,
        form=form,
        countries=name_countries(),
        locales=name_languages(form.locale.options),
        seen=name_contact(contact_of(gift)),
        once=make_once(),
    )
    return shown, status
