"""Requests of strangers through the real views: signed webhooks, and the forms people send.

An input is what is sent. A form's first line is its address, so that what was found is one
file; the names of tokens, which differ from run to run, stand for them.
"""

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any
from urllib.parse import urlencode

from flask.testing import FlaskClient
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.fuzz import bank_samples
from tests.fuzz.event_samples import EVENTS
from tests.fuzz.mutation import damaged
from tests.fuzz.scratch import CLERK, address_of, scratch
from tests.giving.visits import DONOR
from tests.payments.webhooks import signature
from tests.staff.conftest import PASSWORD

TICKET, TOKEN = b"FORM-TICKET", b"FORM-TOKEN"
BOUNDARY = "fuzz-boundary"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
URLENCODED = "application/x-www-form-urlencoded"

Fields = list[tuple[str, str]]


def send_event(content: bytes) -> TestResponse:
    """A signed delivery."""
    return _check(
        scratch()
        .client()
        .post(
            "/webhooks/stripe",
            data=content,
            headers={"Stripe-Signature": signature(content), "Content-Type": "application/json"},
        )
    )


def send_gift(content: bytes) -> TestResponse:
    """The giving form of a region."""
    client = scratch().client()
    path, body = _split(content, "/give/ca")
    body = body.replace(TICKET, scratch().ticket.encode())
    return _post(client, path if path.startswith("/give/") else "/give/ca", body, URLENCODED)


def send_sign_in(content: bytes) -> TestResponse:
    """The staff's sign-in form."""
    client = scratch().client()
    found = client.get("/staff/sign-in").text
    token = found.partition('name="csrf_token" value="')[2].partition('"')[0]
    _path, body = _split(content, "")
    return _post(client, "/staff/sign-in", body.replace(TOKEN, token.encode()), URLENCODED)


def send_statement(content: bytes) -> TestResponse:
    """A clerk's bank file with what its columns mean: looked at, or imported."""
    scratch().client()
    path, body = _split(content, "/staff/statements")
    path = path if path in STATEMENT_PAGES else STATEMENT_PAGES[0]
    body = body.replace(TOKEN, scratch().token.encode())
    return _post(scratch().clerk, path, body, MULTIPART)


STATEMENT_PAGES = ("/staff/statements", "/staff/statements/preview")


def _split(content: bytes, default: str) -> tuple[str, bytes]:
    first, _, body = content.partition(b"\n")
    path = first.decode("ascii", "replace")
    return (path if path.isprintable() and "?" not in path else default), body


def _post(client: FlaskClient, path: str, body: bytes, content_type: str) -> TestResponse:
    return _check(
        client.post(path, data=body, content_type=content_type, environ_base=address_of(body))
    )


def _check(answer: TestResponse) -> TestResponse:
    assert answer.status_code < 500, (answer.status, answer.text[-2_000:])
    return answer


# What people and programs type that nobody thought of.
ODD_TEXTS = (
    "",
    " " * 3_000,
    "1" + " " * 6_000 + "1",
    "9" * 400,
    "-1",
    "1e9",
    "1,000,000.005",
    "٣٤",
    "\x00",
    "\u202e\u200b",
    "a@" + "b." * 300 + "c",
    "=cmd|'/c'!A1",
    "%(name)s {0} {{7*7}} <script>",
    "../../etc/passwd",
    "\ud800",
    "e\u0301" * 200,
    "\U0001f468\u200d\U0001f469" * 50,
)
_texts = st.one_of(st.sampled_from(ODD_TEXTS), st.text(max_size=300))
_json = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=90),
        st.sampled_from((10**30, -1, 0, "", "pi_2", "sub_1", "cs_test_1", "\x00", "x" * 300)),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def events(draw: st.DrawFn) -> bytes:
    """A sample with some of its values odd, gone, or another sample's; sometimes not even JSON."""
    event = json.loads(draw(st.sampled_from(EVENTS)))
    other = json.loads(draw(st.sampled_from(EVENTS)))
    for _ in range(draw(st.integers(0, 4))):
        _change(draw, event, other)
    event = event | {"id": f"evt_{draw(st.integers(0, 2**40))}"} if draw(st.booleans()) else event
    content = json.dumps(event).encode()
    return draw(damaged([content])) if draw(st.integers(0, 9)) == 0 else content


def _change(draw: st.DrawFn, event: Any, other: Any) -> None:
    """One place of the event, found by going down as far as chance wants."""
    place, key = event, draw(st.sampled_from(sorted(event)))
    while isinstance(place[key], dict | list) and place[key] and draw(st.integers(0, 5)):
        place = place[key]
        key = draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
    kind = draw(st.integers(0, 3))
    if kind == 0 and isinstance(place, dict) and len(place) > 1:
        del place[key]
    elif kind == 1 and isinstance(place, dict):
        place[key] = deepcopy(other.get(key, other["data"]))
    else:
        place[key] = draw(_json)


def _fields(draw: st.DrawFn, sample: dict[str, str], more: Sequence[str]) -> Fields:
    """A form with some fields odd, gone, doubled, or that it doesn't have."""
    fields = list(sample.items())
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(fields) - 1)) if fields else 0
        kind = draw(st.integers(0, 4))
        if kind == 0 and fields:
            del fields[at]
        elif kind == 1:
            name = draw(st.one_of(st.sampled_from(more), st.text(max_size=20)))
            fields.insert(at, (name, draw(_texts)))
        elif fields:
            value = draw(_texts) if kind != 2 else draw(st.sampled_from(fields))[1]
            fields[at] = (fields[at][0], value)
    return fields


def _encode(fields: Fields) -> bytes:
    return urlencode(fields, errors="surrogatepass").encode()


GIFT = {
    "ticket": TICKET.decode(),
    "amount": "75.50",
    "currency": "CAD",
    "frequency": "once",
    "fund": "missions",
    "mode": "interac",
    "country": "CA",
    "dedication": "For Grace",
    **DONOR,
}
GIFT_MORE = (
    "amount code lang again consent_news consent_partner cover_fee anonymous kx_7 apply_code"
    " apply_currency apply_fund remove_code address_line2 proof nonce"
).split()
REGIONS = "ca us gb de fr jp kr ng za in world nowhere".split()
SIGN_IN = {"csrf_token": TOKEN.decode(), "email": CLERK, "password": PASSWORD, "next": "/staff"}


@st.composite
def gifts(draw: st.DrawFn) -> bytes:
    region = draw(st.sampled_from(REGIONS))
    mode = draw(st.sampled_from(("interac", "bank_transfer", "cheque", "wallet_code")))
    body = _encode(_fields(draw, GIFT | {"mode": mode}, GIFT_MORE))
    return f"/give/{region}\n".encode() + _perhaps_damaged(draw, body)


@st.composite
def sign_ins(draw: st.DrawFn) -> bytes:
    body = _encode(_fields(draw, SIGN_IN, ("lang", "email", "next")))
    return b"/staff/sign-in\n" + _perhaps_damaged(draw, body)


def _perhaps_damaged(draw: st.DrawFn, body: bytes) -> bytes:
    return draw(damaged([body])) if draw(st.integers(0, 9)) == 0 else body


STATEMENT = {"csrf_token": TOKEN.decode(), "bank": "", "date_order": "auto", "decimal_mark": ""}
MEANT = {
    "bank": "columns",
    "header_rows": "1",
    "currency": "CAD",
    "column_date": "1",
    "column_amount": "2",
    "column_message": "3",
    "column_status": "4",
}
STATEMENT_MORE = (
    "account column_credit column_debit column_direction column_payer_name column_payer_email"
    " column_payer_account column_bank_reference column_currency debit_positive"
).split()
FILES = (
    *bank_samples.CSV,
    *bank_samples.CAMT,
    *bank_samples.MT940,
    *bank_samples.OFX,
)


@st.composite
def statements(draw: st.DrawFn) -> bytes:
    """A bank's file and the form that it comes by, either of them odd."""
    told = draw(st.booleans())
    fields = _fields(draw, STATEMENT | (MEANT if told else {}), STATEMENT_MORE)
    files = bank_samples.COLUMNS if told else FILES
    content = draw(damaged(files)) if draw(st.booleans()) else draw(st.sampled_from(files))
    name = draw(st.one_of(st.just("bank.csv"), _texts))
    body = _multipart(fields, name, content)
    return f"{draw(st.sampled_from(STATEMENT_PAGES))}\n".encode() + _perhaps_damaged(draw, body)


def _multipart(fields: Fields, name: str, content: bytes) -> bytes:
    parts = [(_quoted(key), value.encode("utf-8", "replace")) for key, value in fields]
    said = f'name="file"; filename="{_quoted(name)}"'
    parts = [(f'name="{key}"', value) for key, value in parts]
    written = b"".join(
        f"--{BOUNDARY}\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + value + b"\r\n"
        for head, value in [*parts, (said, content)]
    )
    return written + f"--{BOUNDARY}--\r\n".encode()


def _quoted(text: str) -> str:
    safe = "".join(sign for sign in text if sign not in '"\\\r\n')
    return safe.encode("utf-8", "replace").decode()


Run = Callable[[bytes], TestResponse]
REQUESTS: dict[str, tuple[Run, st.SearchStrategy[bytes], tuple[bytes, ...]]] = {
    "webhooks": (send_event, events(), EVENTS),
    "giving": (send_gift, gifts(), (b"/give/ca\n" + _encode(list(GIFT.items())),)),
    "signin": (send_sign_in, sign_ins(), (b"/staff/sign-in\n" + _encode(list(SIGN_IN.items())),)),
    "upload": (
        send_statement,
        statements(),
        tuple(
            f"{page}\n".encode()
            + _multipart(list((STATEMENT | MEANT).items()), "bank.csv", bank_samples.COLUMNS[0])
            for page in STATEMENT_PAGES
        ),
    ),
}
