"""What a gift's page says while it is to be paid by instructions."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from portal.gifts.lifecycle import Status
from portal.gifts.models import Gift
from portal.giving.texts import StatusMessage, coded_money, copied_money
from portal.i18n import gettext, pick
from portal.money import Money
from portal.payments.proofs import MOST_PROOFS
from portal.payments.transfers import ProofFile, TransferWatch
from portal.regions.catalogue import (
    QUESTION,
    QUESTION_IF_ASKED,
    Detail,
    Mode,
    Proof,
    Texts,
)

if TYPE_CHECKING:
    from segno import QRCode

# A bank's app reads at most this much (EPC069-12, section 3).
EPC_MOST_MINOR = 99_999_999_999


@dataclass(frozen=True, slots=True)
class Code:
    """An SVG without styles of its own, what it is called, and whether a desk is its place.

    `is_for_desk` marks a code that leads a phone to this page, of no use on the phone itself.
    """

    svg: str
    caption: str
    is_for_desk: bool = False


def draw_code(mode: Mode, due: Money, reference: str, page: str) -> Code:
    """The most useful code for a mode; `page` is the address of the gift's own page."""
    if _is_epc(mode, due):
        caption = gettext("Scan with your bank’s app: everything is filled in.")
        return Code(_svg(epc_code(mode, due, reference), caption), caption)
    if mode.link:
        caption = gettext("Scan to open your wallet.")
        address = mode.filled_link(amount=due.plain(), reference=reference)
        return Code(_svg(_qr(address), caption), caption)
    if mode.key == "wallet_code" and mode.recipient:
        caption = gettext("Scan with your wallet to get the code.")
        return Code(_svg(_qr(mode.recipient), caption), caption)
    caption = gettext("Scan to go on from your phone.")
    return Code(_svg(_qr(page), caption), caption, is_for_desk=True)


def _qr(text: str) -> "QRCode":
    import segno  # noqa: PLC0415 - pages with a code are few

    return segno.make_qr(text, error="m")


def _is_epc(mode: Mode, due: Money) -> bool:
    has_iban = mode.account is not None and mode.account.kind == "iban"
    return has_iban and due.currency == "EUR" and 0 < due.minor <= EPC_MOST_MINOR


def epc_code(mode: Mode, due: Money, reference: str) -> "QRCode":
    """A SEPA transfer of `due` to the mode's account, as a bank's app reads it."""
    from segno.helpers import make_epc_qr  # noqa: PLC0415 - as for every code

    values = mode.account.values if mode.account else {}
    return make_epc_qr(
        name=values["holder"],
        iban=values["iban"].replace(" ", ""),
        amount=due.decimal,
        text=reference,
        bic=values.get("bic"),
        encoding="utf-8",
    )


def _svg(code: "QRCode", title: str) -> str:
    """Dark on light in every colour scheme, as cameras want it."""
    return str(
        code.svg_inline(
            scale=4,
            border=3,
            dark="#000",
            light="#fff",
            title=title,
            svgclass="qr",
            lineclass=None,
            omitsize=True,
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """Where a transfer stands: `due` is what is still open, `received` what has come.

    `was_taken_back` says that money once noted for the gift was another's or went back.
    """

    mode: Mode
    received: Money
    due: Money
    watch: TransferWatch | None
    proofs: Sequence[ProofFile]
    was_taken_back: bool
    now: datetime

    @property
    def is_said_paid(self) -> bool:
        return self.watch is not None and self.watch.word_at is not None

    @property
    def is_awaited(self) -> bool:
        """Whether it was sent, as far as we know: what is left is to wait for it."""
        return self.is_said_paid and not self.received

    @property
    def is_over(self) -> bool:
        """Whether the time we gave has run out."""
        return self.watch is not None and self.watch.expires_at <= self.now

    @property
    def takes_proofs(self) -> bool:
        return self.mode.proof is not Proof.NONE and len(self.proofs) < MOST_PROOFS

    @property
    def wants_proof(self) -> bool:
        """Whether a proof is asked for and none came yet."""
        return self.mode.proof is Proof.WANTED and not self.proofs


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """The instructions as the page shows them; `amount` is what is to be sent now.

    `copied_amount` is for a person's bank form; links and codes, which machines read, have
    the plain amount instead. `lines` are where to send it, `fallback` what a bank asks only if
    it doesn't know that the money is deposited by itself.
    """

    amount: str
    copied_amount: str
    steps: list[str]
    lines: tuple[Detail, ...]
    fallback: tuple[Detail, ...]
    reference_label: str
    link: str
    code: Code


def make_sheet(gift: Gift, transfer: Transfer, page: str) -> Sheet:
    """The instructions of one gift; `page` is its whole address, for the code of a phone."""
    mode = transfer.mode
    amount = coded_money(transfer.due)
    fallback = mode.security.lines if mode.security and mode.security.autodeposit else ()
    return Sheet(
        amount=amount,
        copied_amount=copied_money(transfer.due),
        steps=mode.filled_steps(amount=amount, reference=gift.reference),
        lines=tuple(line for line in mode.particulars if line not in fallback),
        fallback=tuple(replace(line, label=_plain_label(line)) for line in fallback),
        reference_label=_name_reference(mode),
        link=mode.filled_link(amount=transfer.due.plain(), reference=gift.reference),
        code=draw_code(mode, transfer.due, gift.reference, page),
    )


# Modes that are no message of any bank or wallet.
ON_PAPER = frozenset({"cheque", "cash"})


def _name_reference(mode: Mode) -> str:
    if mode.key in ON_PAPER:
        return gettext("Your reference")
    return gettext("Your reference (message)")


def _plain_label(line: Detail) -> Texts:
    """A question's label says no more that it may be asked: the fold around it does."""
    return QUESTION if line.label == QUESTION_IF_ASKED else line.label


def tell_transfer(gift: Gift, transfer: Transfer) -> StatusMessage:
    """The state of an open gift that is paid by instructions, in words."""
    if gift.status is Status.PARTLY_PAID:
        return tell_part(transfer.received, gift.money, transfer.due)
    if transfer.is_said_paid:
        return _look_out(transfer)
    if transfer.is_over:
        return _explain_late()
    if transfer.was_taken_back:
        return _explain_taken_back()
    return _wait_for_transfer(transfer.mode)


def tell_reminders(gift: Gift, *, are_stopped: bool) -> StatusMessage:
    """Whether the reminders of a gift go on, as their own page says it."""
    if are_stopped:
        return StatusMessage(
            "check",
            "good",
            gettext("No more reminders will come"),
            gettext(
                "You hear from us again about the gift %(reference)s only when its money arrives.",
                reference=gift.reference,
            ),
        )
    return StatusMessage(
        "mail",
        "",
        gettext("Stop the reminders of this gift?"),
        gettext(
            "The gift %(reference)s stays as it is, and you can still send it.",
            reference=gift.reference,
        ),
    )


def tell_part(received: Money, whole: Money, due: Money) -> StatusMessage:
    return StatusMessage(
        "clock",
        "wait",
        gettext("A part of your gift has arrived"),
        gettext(
            "%(received)s of %(whole)s has arrived; %(due)s is still open. You can send the "
            "rest with the same reference.",
            received=coded_money(received),
            whole=coded_money(whole),
            due=coded_money(due),
        ),
    )


def _look_out(transfer: Transfer) -> StatusMessage:
    text = (
        gettext("Thank you for telling us. Please add a picture of the confirmation.")
        if transfer.wants_proof
        else gettext("Thank you for telling us. There is nothing more to do.")
    )
    return StatusMessage(
        "clock",
        "wait",
        gettext("We are looking out for your gift"),
        f"{text} "
        + gettext(
            "As soon as the money has arrived, this page says so and you get a document for your "
            "gift."
        ),
    )


def _explain_late() -> StatusMessage:
    return StatusMessage(
        "clock",
        "wait",
        gettext("We have not seen your gift in time"),
        gettext(
            "It is set aside, and nothing is owed. If you have sent it already, or still wish "
            "to, use the same reference: it will be matched when it arrives."
        ),
    )


def _explain_taken_back() -> StatusMessage:
    return StatusMessage(
        "back",
        "wait",
        gettext("We are waiting for your gift again"),
        gettext(
            "A payment was noted for it and taken back: it belonged to another gift, or the "
            "bank returned it. If you believe that this is wrong, please write to us."
        ),
    )


def _wait_for_transfer(mode: Mode) -> StatusMessage:
    return StatusMessage(
        "clock",
        "wait",
        gettext("One step left: send your gift"),
        gettext(
            "Your gift by %(mode)s is noted. It is complete once it has arrived.",
            mode=pick(mode.label),
        ),
    )
