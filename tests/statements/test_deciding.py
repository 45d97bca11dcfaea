"""Lines decided by people: parts, splits, more than promised, nobody's, and taken back."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from portal.gifts.evidence import Claim, Source
from portal.gifts.lifecycle import FactKind, Status
from portal.gifts.models import Gift, GiftEvent
from portal.gifts.operations import lock_gift
from portal.mail.outbox import LetterKind
from portal.money import Money
from portal.payments.letters import send_letter
from portal.payments.manual_entries import correct_donor
from portal.payments.operations import accept
from portal.payments.statements.booking import MatchRefused, Share
from portal.payments.statements.decisions import claim_unattributed, confirm_many, settle_gift
from portal.payments.statements.match_run import BATCH, match_open_lines
from portal.payments.statements.models import LineState, PayerAlias
from portal.payments.statements.operations import ignore_lines, reopen_line
from portal.payments.statements.queries import find_line
from portal.payments.stripe.reading import stripe_claim
from portal.receipts.sending import send_receipt
from portal.staff.statements.line_views import SURE
from tests.conftest import NOW
from tests.statements.clerk import DAY, Clerk, rbc
from tests.workplace import act_in, at, make_settings

CAD = "CAD"


def share(gift: Gift, minor: int, **more: bool) -> Share:
    return Share(gift.id, Money(minor, CAD), **more)


def line_ids(clerk: Clerk) -> list[int]:
    return [line.id for line in clerk.lines()]


def test_a_part_waits_for_the_rest_without_a_receipt(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.keep(rbc(("first part", "50.00")) + b"")
    clerk.keep(rbc(("second part", "25.53"), day=DAY + timedelta(days=3)))
    first, second = line_ids(clerk)
    clerk.confirm(first, share(gift, 5000))
    partly = clerk.gift(gift)
    assert partly.status is Status.PARTLY_PAID
    assert partly.due == Money(2553, CAD)
    assert not clerk.receipts(gift)
    clerk.confirm(second, share(gift, 2553))
    assert clerk.status(gift) is Status.PAID
    receipt = clerk.standing(gift)
    assert receipt is not None
    assert receipt.money == Money(7553, CAD)
    assert receipt.snapshot["received_on"] == (DAY + timedelta(days=3)).isoformat()
    clerk.check()


def test_the_rest_of_a_partly_paid_gift_is_booked_by_itself(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.keep(rbc(("first part", "50.00")))
    clerk.confirm(line_ids(clerk)[0], share(gift, 5000))
    assert clerk.bring((gift.reference, "25.53")).automatic == 1
    assert clerk.status(gift) is Status.PAID
    clerk.check()


def test_a_person_may_say_that_a_part_is_all(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.keep(rbc(("all I could", "50.00")))
    (line,) = line_ids(clerk)
    clerk.confirm(line, share(gift, 5000, is_all=True))
    assert clerk.status(gift) is Status.PAID
    receipt = clerk.standing(gift)
    assert receipt is not None
    assert receipt.money == Money(5000, CAD)
    assert receipt.snapshot["amount_minor"] == 5000
    clerk.check()


def test_a_partly_paid_gift_is_settled_later_and_taken_back_with_its_payment(
    clerk: Clerk,
) -> None:
    gift = clerk.promise()
    clerk.keep(rbc(("part", "50.00")))
    (match,) = clerk.confirm(line_ids(clerk)[0], share(gift, 5000))
    with clerk.place.database.write() as session:
        settle_gift(
            act_in(session, NOW, clerk.services, actor="staff:7"), gift.id, why="told by phone"
        )
    assert clerk.status(gift) is Status.PAID
    unpaid = clerk.promise()
    with pytest.raises(MatchRefused), clerk.place.database.write() as session:
        settle_gift(
            act_in(session, NOW, clerk.services, actor="staff:7"), unpaid.id, why="nothing came"
        )
    clerk.undo(match.id)
    assert clerk.status(gift) is Status.PENDING
    assert clerk.standing(gift) is None
    clerk.check()


def test_more_than_promised_is_booked_only_when_it_is_meant(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.keep(rbc(("generous", "100.00")))
    (line,) = line_ids(clerk)
    with pytest.raises(MatchRefused, match=r"only waiting for .*75\.53"):
        clerk.confirm(line, share(gift, 10_000))
    clerk.confirm(line, share(gift, 10_000, may_exceed=True))
    receipt = clerk.standing(gift)
    assert receipt is not None
    assert receipt.money == Money(10_000, CAD)
    assert clerk.gift(gift).due == Money(0, CAD)
    clerk.check()


def test_a_second_payment_replaces_the_receipt_by_one_for_all(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.bring((gift.reference, "75.53"))
    clerk.keep(rbc(("once more", "20.00")))
    clerk.confirm(line_ids(clerk)[1], share(gift, 2000, may_exceed=True))
    first, second = clerk.receipts(gift)
    assert first.voided_at is not None
    assert second.money == Money(9553, CAD)
    assert first.label in second.snapshot["replaces"]
    assert "annule et remplace" in second.snapshot["replaces"]
    clerk.check()


def test_a_line_is_split_over_several_gifts_to_the_cent(clerk: Clerk) -> None:
    one, other = clerk.promise(), clerk.promise(money=Money(2001, CAD))
    clerk.keep(rbc(("for both of us", "95.54")))
    (line,) = line_ids(clerk)
    for wrong in (
        [share(one, 7553)],
        [share(one, 7553), share(other, 2002)],
        [share(one, 7553), share(one, 2001)],
        [share(one, 9554), share(other, 0)],
        [],
    ):
        with pytest.raises(MatchRefused):
            clerk.confirm(line, *wrong)
    matches = clerk.confirm(line, share(other, 2001), share(one, 7553))
    assert clerk.status(one) is clerk.status(other) is Status.PAID
    clerk.check()
    clerk.undo(matches[0].id)
    assert clerk.status(one) is clerk.status(other) is Status.PENDING
    assert clerk.balance("clearing:statement") == 0
    clerk.check()


def test_foreign_money_is_refused_with_a_sentence(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.keep(rbc((gift.reference, "75.53"), column="USD"))
    assert clerk.match().automatic == 0
    (line,) = line_ids(clerk)
    for money in (Money(7553, "USD"), Money(7553, CAD)):
        with pytest.raises(MatchRefused, match="not in the same currency"):
            clerk.confirm(line, Share(gift.id, money))
    assert clerk.status(gift) is Status.PENDING
    clerk.check()


@pytest.mark.parametrize("fact", [FactKind.EXPIRED, FactKind.FAILED])
def test_a_payment_revives_a_gift_that_had_ended(clerk: Clerk, fact: FactKind) -> None:
    gift = clerk.promise()
    ended = Claim(
        fact=fact, subject=f"gift-{gift.id}", occurred_at=NOW, source=Source.PERSON, actor="staff:1"
    )
    with clerk.place.database.write() as session:
        accept(act_in(session, NOW, clerk.services), gift.id, [ended])
    assert clerk.bring((gift.reference, "75.53")).automatic == 1
    assert clerk.status(gift) is Status.PAID
    clerk.check()


def test_money_nobody_claims_is_a_gift_without_a_donor(clerk: Clerk) -> None:
    clerk.bring(("from a friend", "33.07"))
    (line,) = line_ids(clerk)
    with clerk.place.database.write() as session:
        gift = claim_unattributed(act_in(session, NOW, clerk.services, actor="staff:7"), line)
    assert (gift.name, gift.status, gift.region) == ("", Status.PAID, "ca")
    assert gift.received == Money(3307, CAD)
    assert not clerk.receipts(gift)
    clerk.check()
    with pytest.raises(MatchRefused, match="in the meantime"):
        clerk.confirm(line, share(gift, 3307))


def test_a_donor_found_later_gets_the_money_that_nobody_claimed(clerk: Clerk) -> None:
    clerk.bring(("from a friend", "75.53"))
    (line,) = line_ids(clerk)
    with clerk.place.database.write() as session:
        nobody = claim_unattributed(act_in(session, NOW, clerk.services, actor="staff:7"), line)
    donor = clerk.promise()
    clerk.undo(clerk.matches()[0].id, "the donor wrote to us")
    assert clerk.status(nobody) is Status.EXPIRED
    clerk.match()
    suggested = {choice.gift_id for choice in suggested_for(clerk, line)}
    assert nobody.id not in suggested
    clerk.confirm(line, share(donor, 7553))
    assert clerk.status(donor) is Status.PAID
    assert clerk.standing(donor) is not None
    clerk.check()


def suggested_for(clerk: Clerk, line_id: int) -> list[object]:
    with clerk.place.database.read() as session:
        line = find_line(session, line_id)
    assert line is not None
    return [one.gift for one in line.suggestions]


def test_undoing_reverses_the_ledger_and_cancels_the_receipt(
    clerk: Clerk, inbox: tuple[object, int]
) -> None:
    gift = clerk.promise()
    clerk.bring((gift.reference, "75.53"))
    receipt = clerk.standing(gift)
    assert receipt is not None
    settings = make_settings(
        clerk.place.services.settings.database_url, None, mail_url=f"smtp://127.0.0.1:{inbox[1]}"
    )
    send_receipt(at(clerk.place.services, NOW, settings), receipt.id)
    (match,) = clerk.matches()
    clerk.undo(match.id, "a cousin’s transfer")

    after = clerk.gift(gift)
    assert (after.status, after.received_at, after.paid_minor) == (Status.PENDING, None, 0)
    assert clerk.balance("clearing:statement") == clerk.balance(f"income:{gift.fund}") == 0
    (void,) = clerk.receipts(gift)
    assert void.voided_at is not None
    assert "n’était pas destiné" in void.void_reason
    (line,) = clerk.lines()
    assert line.state is LineState.OPEN
    (job,) = (job for job in clerk.jobs("send_letter") if "cancelled" in job)
    assert job == f"send_letter-receipt_cancelled:{gift.id}:{match.subject}"
    send_letter(
        at(clerk.place.services, NOW, settings),
        LetterKind.RECEIPT_CANCELLED,
        gift.id,
        about=match.subject,
    )
    letters = inbox[0].list_messages()  # type: ignore[attr-defined]
    assert any("annulé" in letter.header("Subject") for letter in letters)
    clerk.check()

    with pytest.raises(MatchRefused, match="already been undone"):
        clerk.undo(match.id)
    clerk.confirm(line.id, share(gift, 7553))
    again = clerk.standing(gift)
    assert again is not None
    assert again.number == void.number + 1
    assert void.label in again.snapshot["replaces"]
    clerk.check()


def test_what_a_clerk_took_back_is_never_booked_again_by_itself(clerk: Clerk) -> None:
    gift = clerk.promise()
    assert clerk.bring((gift.reference, "75.53")).automatic == 1
    clerk.undo(clerk.matches()[0].id, "not this donor’s")
    worked = clerk.bring(("interest", "0.05"))
    assert (worked.automatic, worked.suggested) == (0, 1)
    assert clerk.status(gift) is Status.PENDING
    assert clerk.standing(gift) is None
    with clerk.place.database.read() as session:
        line = find_line(session, line_ids(clerk)[0])
    assert line is not None
    (suggested,) = line.suggestions
    assert (suggested.gift.gift_id, suggested.reasons[-1]) == (gift.id, "taken_back")
    assert suggested.score < SURE
    clerk.check()


def test_a_line_taken_back_from_one_gift_is_booked_for_another_that_it_names(clerk: Clerk) -> None:
    named, chosen = clerk.promise(), clerk.promise()
    clerk.keep(rbc((named.reference, "75.53")))
    (match,) = clerk.confirm(line_ids(clerk)[0], share(chosen, 7553))
    clerk.undo(match.id, "a slip of the mouse")
    assert clerk.match().automatic == 1
    assert (clerk.status(named), clerk.status(chosen)) == (Status.PAID, Status.PENDING)
    clerk.check()


def test_another_line_still_pays_the_gift_that_one_was_taken_back_from(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.bring((gift.reference, "75.53"))
    clerk.undo(clerk.matches()[0].id, "a cousin’s transfer")
    assert clerk.bring((gift.reference, "75.53"), day=DAY + timedelta(days=1)).automatic == 1
    assert [match.line_id for match in clerk.matches()] == line_ids(clerk)
    clerk.check()


def test_what_is_taken_back_while_lines_are_matched_is_not_booked_again(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.keep(rbc(*((f"unknown {n}", "1.00") for n in range(BATCH)), (gift.reference, "75.53")))
    last = line_ids(clerk)[-1]

    def meanwhile(lines: int) -> None:
        if lines == BATCH:
            (match,) = clerk.confirm(last, share(gift, 7553))
            clerk.undo(match.id)

    match_open_lines(at(clerk.place.services, NOW), progress=meanwhile)
    assert clerk.lines()[-1].state is LineState.OPEN
    assert clerk.status(gift) is Status.PENDING
    clerk.check()


def test_a_receipt_that_was_never_sent_is_cancelled_in_silence(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.bring((gift.reference, "75.53"))
    clerk.undo(clerk.matches()[0].id)
    assert not any("cancelled" in job for job in clerk.jobs("send_letter"))


def test_the_story_says_who_took_it_back_and_why(clerk: Clerk) -> None:
    gift = clerk.promise()
    clerk.bring((gift.reference, "75.53"))
    clerk.undo(clerk.matches()[0].id, "a cousin’s transfer")
    with clerk.place.database.read() as session:
        event = session.scalars(sa.select(GiftEvent).where(GiftEvent.kind == "withdrawn")).one()
    assert (event.actor, event.why, event.status) == (
        "staff:7",
        "a cousin’s transfer",
        "pending",
    )


def test_many_are_confirmed_and_one_that_was_paid_meanwhile_holds_up_none(clerk: Clerk) -> None:
    gifts = [clerk.promise(money=Money(1000 + number, CAD)) for number in range(3)]
    clerk.keep(rbc(*(("thank you", f"10.0{number}") for number in range(3))))
    choices = [(line.id, gift.id) for line, gift in zip(clerk.lines(), gifts, strict=True)]
    paid = stripe_claim(fact=FactKind.PAID, subject="pi_1", occurred_at=NOW, money=gifts[1].money)
    with clerk.place.database.write() as session:
        accept(act_in(session, NOW, clerk.services), gifts[1].id, [paid])
    done = confirm_many(at(clerk.place.services, NOW), choices, by="staff:7")
    assert done.booked == 2
    assert list(done.refused) == [choices[1][0]]
    assert "has been paid already" in done.refused[choices[1][0]]
    assert [line.state for line in clerk.lines()] == [
        LineState.MATCHED,
        LineState.OPEN,
        LineState.MATCHED,
    ]
    clerk.check()


def test_a_payer_is_learnt_from_a_clerk_and_forgotten_with_the_match(clerk: Clerk) -> None:
    first = clerk.promise(money=Money(4100, CAD))
    clerk.keep(rbc(("", "41.00"), payer="UNCLE BOB"))
    (match,) = clerk.confirm(line_ids(clerk)[0], share(first, 4100))
    second = clerk.promise(money=Money(4200, CAD))
    clerk.bring(("", "42.00"), payer="UNCLE BOB")
    line = clerk.lines()[1]
    assert [choice.gift_id for choice in suggested_for(clerk, line.id)] == [second.id]  # type: ignore[attr-defined]
    clerk.undo(match.id)
    clerk.match()
    assert suggested_for(clerk, line.id) == []


def test_ignored_lines_need_a_reason_to_be_found_and_can_come_back(clerk: Clerk) -> None:
    clerk.keep(rbc(("interest", "1.00"), ("fee", "-2.00")))
    credit, debit = line_ids(clerk)
    with clerk.place.database.write() as session:
        assert (
            ignore_lines(act_in(session, NOW, actor="staff:7"), [credit, debit], reason="interest")
            == 1
        )
    assert [line.state for line in clerk.lines()] == [LineState.IGNORED] * 2
    assert clerk.lines()[0].note == "interest"
    with clerk.place.database.write() as session:
        assert reopen_line(session, credit)
        assert not reopen_line(session, credit)
        assert not reopen_line(session, debit)
    assert clerk.lines()[0].state is LineState.OPEN
    clerk.check()


@pytest.mark.parametrize("is_elses", [False, True])
def test_a_payer_is_known_by_the_address_that_was_corrected(clerk: Clerk, is_elses: bool) -> None:
    wrong, right = "bob@exmaple.org", "bob@example.org"
    first = clerk.promise(donor={"email": wrong}, money=Money(4100, "CAD"))
    if is_elses:
        clerk.promise(donor={"email": wrong})
    clerk.keep(rbc(("", "41.00"), payer="UNCLE BOB"))
    clerk.confirm(clerk.lines()[0].id, share(first, 4100))
    with clerk.services.write(clerk.by) as act:
        gift = lock_gift(act.session, first.id)
        correct_donor(act, gift, {"email": right}, why="a slip", replaces=False)
    with clerk.place.database.read() as session:
        known = set(session.scalars(sa.select(PayerAlias.email)))
    assert known == ({wrong, right} if is_elses else {right})
    clerk.undo(clerk.matches()[0].id)
    with clerk.place.database.read() as session:
        assert right not in set(session.scalars(sa.select(PayerAlias.email)))
