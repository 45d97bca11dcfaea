"""The staff pages' words for what the tables hold."""

from collections.abc import Mapping

from portal.gifts.ledger import CLEARING, DISPUTES, FEES
from portal.gifts.lifecycle import Status
from portal.i18n import gettext, pick
from portal.payments.matching.scoring import Reason
from portal.payments.models import EventState, Problem
from portal.payments.statements.models import LineState
from portal.regions.catalogue import Catalogue, Texts
from portal.signin.models import Role

STATUSES = {
    Status.PENDING: "Pending",
    Status.PROCESSING: "Processing",
    Status.FAILED: "Failed",
    Status.EXPIRED: "Expired",
    Status.PARTLY_PAID: "Partly paid",
    Status.PAID: "Paid",
    Status.PARTLY_REFUNDED: "Partly refunded",
    Status.REFUNDED: "Refunded",
    Status.DISPUTED: "Disputed",
    Status.CHARGED_BACK: "Charged back",
}
# The dot beside the word: good, wait, bad or quiet.
TONES = {
    Status.PENDING: "wait",
    Status.PROCESSING: "wait",
    Status.FAILED: "bad",
    Status.EXPIRED: "quiet",
    Status.PARTLY_PAID: "wait",
    Status.PAID: "good",
    Status.PARTLY_REFUNDED: "wait",
    Status.REFUNDED: "quiet",
    Status.DISPUTED: "bad",
    Status.CHARGED_BACK: "bad",
}
ROLES = {
    Role.ADMIN: "Administrator",
    Role.FINANCE: "Finance",
    Role.VIEWER: "Viewer",
}
EVENT_STATES = {
    EventState.PROCESSED: "Processed",
    EventState.IGNORED: "Not needed",
    EventState.WAITING: "Waiting",
    EventState.FAILED: "Failed",
    EventState.NOT_OURS: "Not ours",
}
PROBLEMS = {
    Problem.LIVEMODE: "It is of Stripe’s other mode: live, where this portal tests, or the reverse."
    " Nothing was booked.",
    Problem.UNREADABLE: "Stripe signed it, but it is not as Stripe describes such events. Nothing "
    "was booked; see in Stripe’s own list what it was about.",
    Problem.THIN: "It is a thin event, which says that something changed and not what. Set the "
    "endpoint at Stripe to snapshot payloads.",
    Problem.NO_GIFT: "It names no gift that is here.",
    Problem.UNATTRIBUTED: "Its money was booked without a giver.",
    Problem.NOT_A_GIFT: "It is about no gift of this portal.",
    Problem.OTHER_INSTALLATION: "It names a gift of another installation that shares the account.",
    Problem.OTHER_ACCOUNT: "It came for a connected account, whose money is not ours.",
}
HAPPENINGS = {
    "started": "Gift begun",
    "code_applied": "Code applied",
    "handed_off": "Sent to the pay page",
    "hand_off_failed": "The pay page could not be opened",
    "processing": "Payment on its way",
    "failed": "Payment failed",
    "expired": "Not paid in time",
    "reopened": "Open once more",
    "mode_changed": "Another mode of payment chosen",
    "contact_corrected": "Giver’s details corrected",
    "giver_says_paid": "The giver says they have paid",
    "proof_sent": "Proof of payment sent",
    "reminders_stopped": "Reminders stopped",
    "paid": "Paid",
    "withdrawn": "Payment taken back",
    "settled": "Counted as whole",
    "fee": "Fee known",
    "refund_requested": "Refund asked for",
    "refund_pending": "Refund on its way",
    "refunded": "Refunded",
    "refund_failed": "Refund failed",
    "dispute_opened": "Dispute opened",
    "dispute_won": "Dispute won",
    "dispute_lost": "Dispute lost",
    "receipt_sent": "Receipt sent",
    "letter_sent": "Letter sent",
    "renewal_failed": "Monthly payment failed",
    "monthly_stop_requested": "End of the monthly gift asked for",
    "monthly_ended": "Monthly gift ended",
    "subscription_ended": "Earlier subscription ended for a new one",
    "unattributed": "Money came without a gift",
    "money_differs": "Other money came than was promised",
}
ACTS = {
    "sign_in": "Signed in",
    "sign_in_failed": "Failed to sign in",
    "sign_out": "Signed out",
    "password_change": "Changed the password",
    "user_add": "Added an account",
    "user_role": "Changed a role",
    "user_activate": "Opened an account again",
    "user_deactivate": "Closed an account",
    "receipt_resend": "Sent the receipt again",
    "contact_correct": "Corrected the giver’s details",
    "refund_request": "Asked for a refund",
    "refund_refused": "Was refused a refund",
    "refund_unanswered": "Asked for a refund that was not answered",
    "plan_stop": "Ended a monthly gift",
    "export": "Exported gifts",
    "proof_opened": "Opened a proof",
    "expiry_set": "Changed how long the gift is kept open",
    "event_retry": "Tried an event again",
    "event_claim": "Booked an event of others",
    "job_retry": "Tried a job again",
    "statement_import": "Imported a bank’s file",
    "file_withdraw": "Withdrew a bank’s file",
    "lines_confirm": "Confirmed bank lines",
    "lines_ignore": "Ignored bank lines",
    "lines_export": "Exported bank lines",
    "line_match": "Booked a bank line",
    "line_claim": "Booked a bank line without a giver",
    "line_reopen": "Opened a bank line again",
    "line_undo": "Took a match back",
    "gift_receive": "Booked money they saw",
    "gift_unreceive": "Took back money they had booked",
    "gift_settle": "Counted a gift as whole",
    "mode_move": "Moved a mode of payment",
    "mode_offer": "Offered a mode of payment",
    "mode_withdraw": "Took a mode of payment off the form",
    "mode_edit": "Changed a mode of payment",
    "region_restore": "Took a region back to its file",
    "region_remove": "Took a region out of the catalogue",
    "region_readmit": "Put a region back into the catalogue",
}
CONTACT_FIELDS = {
    "first_name": "First name",
    "last_name": "Last name",
    "email": "E-mail address",
    "address_line1": "Address",
    "address_line2": "Address, second line",
    "city": "City",
    "province": "Province or state",
    "postal_code": "Postal code",
    "country": "Country",
    "locale": "Language",
}
SOURCES = {
    "stripe": "Stripe",
    "statement": "Bank statement",
    "person": "A person",
    "system": "The portal’s clock",
}
ACTORS = {"stripe": "Stripe", "donor": "The donor", "system": "The portal"}
ACCOUNT_KINDS = {
    "": "No account",
    "iban": "IBAN and BIC",
    "uk": "United Kingdom",
    "us": "United States",
    "ca": "Canada",
    "au": "Australia",
    "nz": "New Zealand",
    "za": "South Africa",
    "in": "India",
    "nuban": "Nigeria (NUBAN)",
    "local": "Elsewhere",
}
LINE_STATES = {
    LineState.OPEN: "Open",
    LineState.MATCHED: "Matched",
    LineState.IGNORED: "Ignored",
    LineState.WITHDRAWN: "Withdrawn",
}
REASONS = {
    Reason.REFERENCE_EXACT: "names the reference",
    Reason.REFERENCE_CORRECTED: "names the reference with a slip",
    Reason.REFERENCE_DOUBTFUL: "may name the reference",
    Reason.NOTICE_REFERENCE: "Interac’s notice names it",
    Reason.EMAIL: "same e-mail",
    Reason.EMAIL_DIFFERS: "another e-mail",
    Reason.ALIAS: "known payer",
    Reason.NAME: "same name",
    Reason.SURNAME: "last name",
    Reason.NAME_DIFFERS: "another name",
    Reason.AMOUNT: "same amount",
    Reason.AMOUNT_LESS: "less than is due",
    Reason.AMOUNT_MORE: "more than is due",
    Reason.CURRENCY_FOREIGN: "another currency",
    Reason.LONG_AGO: "promised long ago",
    Reason.BEFORE_PROMISE: "before the promise",
    Reason.SEVERAL_NAMED: "several references",
    Reason.NAMES_ANOTHER: "names another gift",
    Reason.PAID_ELSEWHERE: "paid elsewhere",
    Reason.CLAIMED_TWICE: "another line claims it too",
    Reason.TAKEN: "another line fits better",
    Reason.REVERSED: "may have been returned",
    Reason.TAKEN_BACK: "taken back before",
    Reason.TOLD_TWICE: "perhaps told twice",
    Reason.CORRECTED: "corrected by the bank",
}
PLAN_STATUSES = {
    "pending": "Not begun",
    "active": "Goes on",
    "past_due": "Last payment failed",
    "paused": "Paused",
    "cancelled": "Ended",
}
FREQUENCIES = {"once": "One-off", "monthly": "Monthly"}


def say(words: dict[str, str], key: str) -> str:
    """The word for `key`, or the key itself made readable where there is none yet."""
    return gettext(words[key]) if key in words else key.replace("_", " ").capitalize()


def say_problem(problem: str) -> str:
    """Why an event was not booked as it came; what the program stumbled over keeps its name."""
    if not problem or problem in PROBLEMS:
        return gettext(PROBLEMS[Problem(problem)]) if problem else ""
    return gettext(
        "The portal stumbled over it (%(name)s). It was not booked, and is tried again.",
        name=problem,
    )


def name_account(account: str, funds: dict[str, str]) -> str:
    """A ledger account for readers: `clearing:stripe` is money Stripe holds for us."""
    kind, _, of = account.partition(":")
    if kind == CLEARING:
        return gettext("Held by %(source)s", source=say(SOURCES, of))
    if kind == FEES:
        return gettext("Fees")
    if kind == DISPUTES:
        return gettext("Disputes")
    return gettext("Income: %(fund)s", fund=funds.get(of, of))


def name_regions(catalogue: Catalogue) -> dict[str, str]:
    return {slug: pick(region.names) for slug, region in catalogue.regions.items()}


def name_funds(catalogue: Catalogue) -> dict[str, str]:
    """Every fund of every region by its key, in their order."""
    return {
        fund.key: pick(fund.names)
        for region in reversed(tuple(catalogue.regions.values()))
        for fund in region.funds
    }


def name_modes(catalogue: Catalogue) -> dict[tuple[str, str], str]:
    """Every mode of payment by region and key, called as its givers are told."""
    return {
        (region.slug, mode.key): pick(mode.label)
        for region in catalogue.regions.values()
        for mode in region.modes
    }


def name_shared_modes(catalogue: Catalogue, common: Mapping[str, Texts]) -> dict[str, str]:
    """Every mode's name by key alone: what all regions call it, else what `common` does.

    A key that regions call differently and that has no common name has all of its names.
    """
    called: dict[str, dict[str, None]] = {}
    for (_region, key), name in name_modes(catalogue).items():
        called.setdefault(key, {})[name] = None
    return {
        key: pick(common[key]) if len(names) > 1 and key in common else " / ".join(names)
        for key, names in called.items()
    }
