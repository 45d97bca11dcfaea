"""The staff pages' words for what the tables hold, and the catalogue's for lists and filters.

Small pieces are made in Python and are HTML already, as on a list each would be made hundreds of
times: `status` and `time` of `staff/_parts.html` are these.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from markupsafe import Markup

from portal.codes.terms import CodeState
from portal.gifts.evidence import CLEARING, DISPUTES, FEES
from portal.gifts.lifecycle import Status
from portal.i18n import current_locale, gettext, pick
from portal.payments.matching.scoring import Reason
from portal.payments.models import Problem
from portal.regions.catalogue import Catalogue, Texts
from portal.regions.files import read_common_modes
from portal.web import services


@dataclass(frozen=True, slots=True)
class Names:
    """Regions, funds and modes by key; `modes` are called as lists across regions call them."""

    regions: dict[str, str]
    funds: dict[str, str]
    modes: dict[str, str]
    modes_by_region: dict[tuple[str, str], str]

    def mode(self, region: str, key: str) -> str:
        """What the donors of a region were told this mode is."""
        return self.modes_by_region.get((region, key)) or self.modes.get(key, key)


def current_catalogue() -> Catalogue:
    return services().catalogue


def current_names() -> Names:
    """The names by the catalogue as it is now; made once for each language."""
    catalogue, locale = current_catalogue(), current_locale()
    of, found = _kept.get(locale, (None, None))
    if found is None or of is not catalogue:
        found = _name_all(_all_regions(catalogue))
        _kept[locale] = catalogue, found
    return found


# The last catalogue that was asked for, by locale.
_kept: dict[str, tuple[Catalogue, Names]] = {}


def _name_all(catalogue: Catalogue) -> Names:
    return Names(
        name_regions(catalogue),
        name_funds(catalogue),
        name_shared_modes(catalogue, _common_modes()),
        name_modes(catalogue),
    )


@cache
def _common_modes() -> dict[str, Texts]:
    """The common modes' labels by key: a file of the program's own, read once."""
    return {key: mode["label"] for key, mode in read_common_modes().items()}


def _all_regions(catalogue: Catalogue) -> Catalogue:
    """With those that were taken out: their gifts are listed and filtered like all."""
    return replace(catalogue, regions={**catalogue.regions, **catalogue.former})


def all_currencies() -> list[str]:
    """Every currency that some region takes."""
    regions = _all_regions(current_catalogue()).regions.values()
    return sorted({option.currency for region in regions for option in region.currencies})


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
ACTS = {
    "sign_in": "Signed in",
    "sign_in_failed": "Failed to sign in",
    "sign_out": "Signed out",
    "password_change": "Changed the password",
    "user_add": "Added an account",
    "user_role": "Changed a role",
    "user_activate": "Reopened an account",
    "user_deactivate": "Closed an account",
    "partner_user_add": "Let someone see a partner’s figures",
    "partner_user_remove": "Let someone see a partner’s figures no more",
    "partner_letter_on": "Switched the monthly letter on",
    "partner_letter_off": "Switched the monthly letter off",
    "partner_sign_in": "Signed in to a partner’s figures",
    "donor_sign_in": "Signed in to their own gifts",
    "donor_details": "Changed their details",
    "donor_address_prove": "Proved an address of theirs",
    "donor_address_remove": "Removed an address of theirs",
    "donor_forget": "Had themselves forgotten",
    "receipt_resend": "Sent the receipt again",
    "receipt_void": "Voided a receipt",
    "receipt_replace": "Cancelled and replaced a receipt",
    "receipt_action": "Decided about a receipt",
    "receipts_export": "Exported receipts",
    "receipts_lock": "Locked receipts",
    "receipts_skip": "Left out numbers of receipts",
    "receipts_run": "Began to issue a year’s receipts",
    "receipts_stop": "Stopped issuing a year’s receipts",
    "receipts_resume": "Went on issuing a year’s receipts",
    "contact_correct": "Corrected the donor’s details",
    "bounce_close": "Dealt with a letter that came back",
    "donor_merge": "Merged two donors",
    "donor_merge_undo": "Undid a merge of donors",
    "gift_particulars": "Said what was received in return, or given in kind",
    "refund_request": "Asked for a refund",
    "refund_refused": "Was refused a refund",
    "refund_unanswered": "Asked for a refund that was not answered",
    "refund_not_made": "Found that a refund was never made",
    "plan_stop": "Ended a monthly gift",
    "export": "Exported gifts",
    "proof_opened": "Opened a proof",
    "expiry_set": "Changed how long the gift stays open",
    "event_retry": "Retried an event",
    "event_claim": "Booked an event from elsewhere",
    "job_retry": "Retried a job",
    "statement_import": "Imported a bank file",
    "file_withdraw": "Withdrew a bank file",
    "lines_confirm": "Confirmed bank lines",
    "lines_ignore": "Ignored bank lines",
    "lines_export": "Exported bank lines",
    "line_match": "Booked a bank line",
    "line_claim": "Booked a bank line without a donor",
    "line_reopen": "Reopened a bank line",
    "line_undo": "Undid a match",
    "gift_receive": "Recorded a payment they saw",
    "gift_unreceive": "Undid a payment they had recorded",
    "gift_settle": "Accepted a gift as paid in full",
    "mode_move": "Moved a mode of payment",
    "mode_offer": "Offered a mode of payment",
    "mode_withdraw": "Took a mode of payment off the form",
    "mode_edit": "Changed a mode of payment",
    "backup": "Made a backup",
    "region_add": "Added a region",
    "region_edit": "Changed a region",
    "fund_edit": "Changed a fund",
    "issuer_add": "Added an issuer",
    "issuer_edit": "Changed an issuer",
    "catalogue_undo": "Undid a change",
    "region_import": "Took a region from a file",
    "region_restore": "Returned a region to its file",
    "region_remove": "Took a region out of the catalogue",
    "region_readmit": "Put a region back into the catalogue",
    "code_add": "Made a code",
    "code_state": "Changed a code’s state",
    "codes_generate": "Began to make codes in bulk",
    "codes_import": "Imported codes",
    "codes_export": "Exported codes",
    "scope_add": "Added a network or partner",
    "scope_move": "Moved a network or partner",
    "scope_pause": "Paused all codes of a network or partner",
    "scope_resume": "Let the codes of a network or partner hold again",
    "code_edit": "Changed a code",
    "code_return": "Returned a code to earlier terms",
    "scope_edit": "Changed a network or partner",
    "pledge_made": "Made a pledge",
    "pledge_changed": "Changed a pledge",
    "pledge_cancelled": "Cancelled a pledge",
    "pot_add": "Made a pot",
    "pot_raise": "Raised a pot",
    "pot_close": "Closed a pot",
    "donor_number_keep": "Entered a tax number",
    "donor_number_remove": "Removed a tax number",
    "gift_aid_declare": "Recorded a Gift Aid declaration",
    "gift_aid_confirm": "Confirmed a Gift Aid declaration",
    "gift_aid_cancel": "Cancelled a Gift Aid declaration",
    "gift_aid_claim": "Made a Gift Aid claim",
    "gift_aid_withdraw": "Withdrew a Gift Aid claim",
    "gift_aid_template": "Uploaded HMRC’s spreadsheet",
    "filing_download": "Downloaded a tax office’s file",
    "gift_aid_download": "Downloaded a Gift Aid schedule",
    "scope_return": "Returned a network or partner to earlier terms",
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
ACTORS = {
    "command": "The command line",
    "stripe": "Stripe",
    "donor": "The donor",
    "system": "The portal",
}
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
REASONS = {
    Reason.REFERENCE_EXACT: "names the reference",
    Reason.REFERENCE_CORRECTED: "names the reference with a typing error",
    Reason.REFERENCE_DOUBTFUL: "may name the reference",
    Reason.NOTICE_REFERENCE: "named in Interac’s notice",
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
    Reason.LONG_AGO: "promised long before",
    Reason.BEFORE_PROMISE: "before the promise",
    Reason.SEVERAL_NAMED: "several references",
    Reason.NAMES_ANOTHER: "names another gift",
    Reason.PAID_ELSEWHERE: "paid elsewhere",
    Reason.CLAIMED_TWICE: "another line also matches it",
    Reason.TAKEN: "another line matches better",
    Reason.REVERSED: "may have been returned",
    Reason.TAKEN_BACK: "undone before",
    Reason.REPORTED_TWICE: "possible duplicate",
    Reason.CORRECTED: "corrected by the bank",
}
CODE_KINDS = {"partner": "Partner’s", "campaign": "Campaign’s", "promotion": "Promotion’s"}
CODE_TONES = {CodeState.ACTIVE: "good", CodeState.PAUSED: "wait", CodeState.RETIRED: "quiet"}
CODE_ACTIONS = {
    CodeState.ACTIVE: "Use again",
    CodeState.PAUSED: "Pause",
    CodeState.RETIRED: "Retire",
}
FREQUENCIES = {"once": "One-off", "monthly": "Monthly"}


def say(words: dict[str, str], key: str) -> str:
    """The word for `key`, or the key itself made readable where there is none yet."""
    return gettext(words[key]) if key in words else key.replace("_", " ").capitalize()


def say_problem(problem: str) -> str:
    """Why an event was not booked as it came; what the program stumbled over keeps its name."""
    if not problem or problem in {*Problem}:
        return Problem(problem).label if problem else ""
    return gettext(
        "The portal ran into an error (%(name)s). It was not booked, and will be tried again.",
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
    """Every mode of payment by region and key, called as its donors are told."""
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


_STATUS = Markup('<span class="status status--{}">{}</span>')
_TIME = '<time datetime="%s">%s</time>'


def show_status(status: Status) -> Markup:
    """A status in words, with its dot."""
    return _show_status(status, current_locale())


@lru_cache(maxsize=256)
def _show_status(status: Status, _locale: str) -> Markup:
    """Once for each locale, which is the current one."""
    return _STATUS.format(TONES[status], status.label)


def show_time(at: datetime, timezone: str = "UTC") -> Markup:
    """A moment in a zone, and for machines in UTC."""
    # Neither has a character that HTML knows.
    return Markup(_TIME % (format_iso(at), format_moment(at, timezone)))  # noqa: S704


def format_moment(at: datetime, timezone: str = "UTC") -> str:
    """Day and minute in a zone, the same for every reader: tables of times stay in line."""
    return f"{at.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M}"


def format_iso(at: datetime) -> str:
    """For the `datetime` attribute of HTML."""
    return at.isoformat(timespec="seconds")
