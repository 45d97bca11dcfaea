"""The API's one pipeline: who asks, is it a repeat, do it, expand, answer, remember."""

import hashlib
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Response, request

from portal.sandbox.checkout import session_items
from portal.sandbox.fields import Group, ParameterRefused, StripeError, parameter_invalid
from portal.sandbox.routes import ROUTES, Route
from portal.sandbox.store import API_VERSION, Json, Store
from portal.sandbox.world import Cause, World, caused_by, list_object

_DEEPEST = 4


def _refunds(world: World, charge_id: str) -> Json:
    return list_object(
        f"/v1/charges/{charge_id}/refunds", world.select("refund", charge=charge_id)[::-1]
    )


def _payments(world: World, invoice_id: str) -> Json:
    return list_object("/v1/invoice_payments", world.select("invoice_payment", invoice=invoice_id))


def _subscriptions(world: World, customer_id: str) -> Json:
    found = world.select("subscription", customer=customer_id)
    living = [one for one in found if one["status"] != "canceled"]
    return list_object(f"/v1/customers/{customer_id}/subscriptions", living[::-1])


# (object, field) that Stripe leaves out unless it is asked for.
_LEFT_OUT: dict[tuple[str, str], Callable[[World, str], Json]] = {
    ("charge", "refunds"): _refunds,
    ("checkout.session", "line_items"): session_items,
    ("customer", "subscriptions"): _subscriptions,
    ("invoice", "payments"): _payments,
}


def expand(world: World, body: Json, paths: list[str]) -> Json:
    """The body with every path followed; unknown ones are Stripe's error."""
    for path in paths:
        steps = path.split(".")
        if len(steps) > _DEEPEST + (steps[0] == "data"):
            raise parameter_invalid(
                f"You cannot expand more than {_DEEPEST} levels of a property ({path}).", "expand"
            )
        _follow(world, body, steps, path)
    return body


def _follow(world: World, node: Any, steps: list[str], path: str) -> None:
    if isinstance(node, list):
        for one in node:
            _follow(world, one, steps, path)
        return
    if not steps or node is None:
        return
    step, *rest = steps
    if not isinstance(node, dict):
        raise _not_expandable(path)
    node[step] = _opened(world, node, step, path, last=not rest)
    _follow(world, node[step], rest, path)


def _opened(world: World, node: Json, step: str, path: str, *, last: bool) -> Any:
    left_out = _LEFT_OUT.get((node.get("object", ""), step))
    if left_out and step not in node:
        return left_out(world, node["id"])
    if step not in node or step == "id":
        raise _not_expandable(path)
    value = node[step]
    if isinstance(value, str):
        found = world.find(value)
        if found is None:
            raise _not_expandable(path)
        return found
    if last and not _is_object(value):
        raise _not_expandable(path)
    return value


def _is_object(value: Any) -> bool:
    """Null, or an object that was expanded already or stands there whole."""
    return (
        value is None or isinstance(value, list) or (isinstance(value, dict) and "object" in value)
    )


def _not_expandable(path: str) -> Exception:
    return parameter_invalid(f"This property cannot be expanded ({path}).", "expand")


_KEPT_SECONDS = 24 * 3600
_LONGEST_KEY = 255


@dataclass(frozen=True, slots=True)
class Stored:
    """An earlier answer."""

    status: int
    body: Json
    request_id: str


def fingerprint(method: str, path: str, params: Json) -> str:
    """What makes two requests the same."""
    text = json.dumps([method, path, params], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Keys:
    """Which keys are in use right now, and which were answered before."""

    store: Store
    _running: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def claim(self, key: str | None) -> Iterator[None]:
        """Hold a key while its request runs."""
        if key is None:
            yield
            return
        if len(key) > _LONGEST_KEY:
            raise StripeError(400, "Idempotency keys may have at most 255 characters.")
        with self._lock:
            if key in self._running:
                raise _key_in_use(key)
            self._running.add(key)
        try:
            yield
        finally:
            with self._lock:
                self._running.discard(key)

    def earlier(self, key: str | None, mark: str) -> Stored | None:
        """The answer this key had before; an error when that was another request."""
        row = self.store.row(
            "SELECT * FROM idempotency WHERE key = ? AND created > ?",
            key,
            time.time() - _KEPT_SECONDS,
        )
        if row is None:
            return None
        if row["fingerprint"] != mark:
            raise StripeError(
                400,
                "Keys for idempotent requests can only be used with the same parameters they were"
                f" first used with. Try using a key other than '{key}' if you meant to execute a"
                " different request.",
                type="idempotency_error",
            )
        return Stored(row["status"], json.loads(row["body"]), row["request_id"])

    def remember(self, key: str | None, mark: str, answer: Stored) -> None:
        if key is not None:
            self.store.execute(
                "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)",
                key,
                mark,
                time.time(),
                answer.status,
                json.dumps(answer.body),
                answer.request_id,
            )


def _key_in_use(key: str) -> StripeError:
    return StripeError(
        409,
        "There is currently another in-progress request using this Idempotent Key"
        f" ({key}). Please try again later.",
        type="idempotency_error",
        code="idempotency_key_in_use",
    )


_KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def decode(pairs: Iterable[tuple[str, str]]) -> Json:
    """A tree of hashes and texts; lists are hashes of `"0"`, `"1"` until a field reads them."""
    tree: Json = {}
    for key, value in pairs:
        matched = _KEY.fullmatch(key)
        if not matched:
            raise parameter_invalid(f"Invalid parameter name: {key}", key)
        steps = [matched[1], *re.findall(r"\[([^\[\]]*)\]", matched[2])]
        _place(tree, steps, value, key)
    return tree


def _place(tree: Json, steps: list[str], value: str, key: str) -> None:
    node: Any = tree
    for step in steps[:-1]:
        node = node.setdefault(step or str(len(node)), {})
        if not isinstance(node, dict):
            raise parameter_invalid(f"Invalid parameter: {key} is both a value and a hash", key)
    last = steps[-1] or str(len(node))
    if last in node:
        raise parameter_invalid(f"Parameter {key} was sent twice", key)
    node[last] = value


def listed(tree: Any) -> Any:
    """The tree with its lists as lists, for people and for the request log."""
    if not isinstance(tree, dict):
        return tree
    if tree and all(key.isdigit() for key in tree):
        return [listed(tree[key]) for key in sorted(tree, key=int)]
    return {key: listed(value) for key, value in tree.items()}


_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Call:
    """What was asked: its route, its decoded parameters and the ids in its address."""

    route: Route | None
    params: Json
    request_id: str
    ids: Mapping[str, str]


def make_api(world: World) -> Blueprint:
    """All rows of the route table under `/v1`."""
    api = Blueprint("api", __name__, url_prefix="/v1")
    keys = Keys(world.store)
    for route in ROUTES:
        api.add_url_rule(
            f"/{route.rule}",
            endpoint=f"{route.method} {route.rule}".replace(".", "_"),
            view_func=_view(world, keys, route),
            methods=[route.method],
        )
    api.add_url_rule(
        "/<path:rest>",
        endpoint="unknown",
        view_func=_view(world, keys, None),
        methods=["GET", "POST", "DELETE", "PUT", "PATCH"],
    )
    return api


def _view(world: World, keys: Keys, route: Route | None) -> Callable[..., Response]:
    def view(**ids: str) -> Response:
        request_id = world.new_id("req")
        replayed = False
        params: Json = {}
        try:
            params = decode(_pairs())
            answer, replayed = _answer(world, keys, _Call(route, params, request_id, ids))
        except StripeError as error:
            answer = Stored(error.status, error.body, request_id)
        except Exception:  # noqa: BLE001 - whatever it was, the wire gets a Stripe-shaped 500
            _log.exception("sandbox_request_failed")
            broken = StripeError(500, "The sandbox failed; its log says why.", type="api_error")
            answer = Stored(500, broken.body, request_id)
        _log_request(world, params, answer)
        response = _respond(answer, request_id, replayed=replayed)
        if answer.status == 429 and world.store.state("retry_after", 0):
            response.headers["Retry-After"] = str(world.store.state("retry_after", 0))
        return response

    return view


def _pairs() -> list[tuple[str, str]]:
    return [*request.args.items(multi=True), *request.form.items(multi=True)]


def _answer(world: World, keys: Keys, call: _Call) -> tuple[Stored, bool]:
    """The answer, and whether it is the one that the same key had before."""
    _check_outage(world)
    _authenticate(world)
    if call.route is None:
        raise StripeError(404, f"Unrecognized request URL ({request.method}: {request.path}).")
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    mark = fingerprint(request.method, request.path, call.params)
    with keys.claim(key):
        time.sleep(float(world.store.state("latency_seconds", 0)))
        earlier = keys.earlier(key, mark)
        if earlier:
            _lose_answer(world)
            return earlier, True
        with caused_by(Cause(call.request_id, key)), world.store.transaction():
            answer = _run(world, call.route, call)
            keys.remember(key, mark, answer)
        _lose_answer(world)
        return answer, False


def _run(world: World, route: Route, call: _Call) -> Stored:
    """Do it, or answer its refusal; a refused parameter raises, for it is not remembered."""
    typed = Group(route.fields, route.required).read(call.params, "")
    paths = typed.pop("expand", [])
    try:
        with world.store.transaction():
            body = route.handler(world, typed, **call.ids)
            return Stored(200, expand(world, body, paths), call.request_id)
    except ParameterRefused:
        raise
    except StripeError as error:
        return Stored(error.status, error.body, call.request_id)


def _authenticate(world: World) -> None:
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not given:
        raise StripeError(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization"
            " header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
    if given != world.config.secret_key:
        shown = f"{given[:8]}{'*' * 8}" if given.startswith("sk_") else "*" * 8
        raise StripeError(
            401, f"Invalid API Key provided: {shown}. The sandbox takes only its own test key."
        )
    version = request.headers.get("Stripe-Version", API_VERSION)
    if version != API_VERSION:
        raise StripeError(400, f"The sandbox speaks version {API_VERSION} only, not {version}.")


def _check_outage(world: World) -> None:
    """Answer 503 or 429 before anything is done, while the control page says so."""
    until = float(world.store.state("outage_until", 0))
    if time.time() < until or world.take_fault("outage_requests"):
        raise StripeError(503, "The sandbox plays an outage.", type="api_error")
    if world.take_fault("too_many_requests"):
        raise StripeError(429, "Too many requests hit the API too quickly.", code="rate_limit")


def _lose_answer(world: World) -> None:
    """The work is done, but its answer gets lost, a repeated one as well: a dropped connection."""
    if world.take_fault("lose_answers"):
        raise StripeError(503, "The sandbox lost this answer on purpose.", type="api_error")


def _log_request(world: World, params: Json, answer: Stored) -> None:
    world.store.execute(
        "INSERT INTO requests (at, request_id, method, path, params, idempotency_key, status)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        world.now(),
        answer.request_id,
        request.method,
        request.path,
        json.dumps(listed(params)),
        request.headers.get("Idempotency-Key"),
        answer.status,
    )


def _respond(answer: Stored, request_id: str, *, replayed: bool) -> Response:
    response = Response(
        json.dumps(answer.body, indent=2) + "\n", answer.status, mimetype="application/json"
    )
    headers: dict[str, Any] = {"Request-Id": request_id, "Stripe-Version": API_VERSION}
    if request.headers.get("Idempotency-Key"):
        headers["Idempotency-Key"] = request.headers["Idempotency-Key"]
    if replayed:
        headers |= {"Idempotent-Replayed": "true", "Original-Request": answer.request_id}
    if answer.status in (409, 503):
        headers["Stripe-Should-Retry"] = "true"
    response.headers.update(headers)
    return response
