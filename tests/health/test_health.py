"""What operations ask: alive, ready, numbers; and that nothing else is told to strangers."""

from datetime import timedelta
from typing import Any

import pytest
from flask import Flask

from portal import schema
from portal.database import Database
from portal.jobs.promising import beat
from tests.conftest import NOW
from tests.pages import CheckedClient


def test_is_alive_and_ready(client: CheckedClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
    answer = client.get("/readyz")
    assert answer.status_code == 200
    assert answer.json == {"status": "ok", "database": "ok", "migrated": True, "workers": 0}


def test_counts_workers_that_live(client: CheckedClient, database: Database) -> None:
    with database.write() as session:
        beat(session, "host-a", NOW)
        beat(session, "host-b", NOW - timedelta(minutes=5))
    assert client.get("/readyz").json["workers"] == 1


def test_is_not_ready_before_the_tables_are(client: CheckedClient, database: Database) -> None:
    schema.downgrade(database, "20261123_begin")
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json["migrated"] is False


def test_numbers_are_for_loopback(client: CheckedClient) -> None:
    text = client.get("/metrics").get_data(as_text=True)
    assert 'portal_stripe_events_open{state="failed"} 0.0' in text
    away = {"REMOTE_ADDR": "203.0.113.7"}
    assert client.get("/metrics", environ_base=away).status_code == 403


PASSED_ON = [
    {"X-Forwarded-For": "198.51.100.7"},
    {"X-Forwarded-Proto": "https"},
    {"X-Forwarded-Host": "give.example.org"},
    {"X-Forwarded-Port": "443"},
    {"X-Real-IP": "198.51.100.7"},
    {"CF-Connecting-IP": "198.51.100.7"},
    {"True-Client-IP": "198.51.100.7"},
    {"Via": "1.1 gateway"},
    {"CDN-Loop": "network"},
    {"Forwarded": "for=198.51.100.7;proto=https"},
]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestUnknownProxy:
    @pytest.mark.parametrize("headers", PASSED_ON)
    @pytest.mark.parametrize("path", ["/metrics", "/readyz"])
    def test_tells_nothing_by_way_of_it(
        self, client: CheckedClient, path: str, headers: dict[str, str]
    ) -> None:
        answer = client.get(path, headers=headers)
        assert answer.status_code == 403
        assert "PORTAL_TRUSTED_PROXIES" in answer.json["why"]
        assert client.get(path).status_code == 200
        assert client.get("/healthz", headers=headers).status_code == 200

    def test_is_reported_once(
        self, client: CheckedClient, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for headers in PASSED_ON:
            client.get("/give/ca", headers=headers)
        assert capsys.readouterr().out.count("unknown_proxy") == 1


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
class TestKnownProxy:
    @pytest.fixture
    def settings_values(self) -> dict[str, Any]:
        return {"trusted_proxies": 1}

    def test_numbers_are_for_who_stands_behind_it(self, client: CheckedClient) -> None:
        headers = {"X-Forwarded-For": "127.0.0.1"}
        assert client.get("/metrics", headers=headers).status_code == 200
        headers = {"X-Forwarded-For": "198.51.100.7"}
        assert client.get("/metrics", headers=headers).status_code == 403
        assert client.get("/readyz", headers=headers).status_code == 200


class TestWithToken:
    @pytest.fixture
    def settings_values(self) -> dict[str, Any]:
        return {"metrics_token": "only for the scraper"}

    def test_numbers_are_for_whoever_has_the_token(self, client: CheckedClient) -> None:
        assert client.get("/metrics").status_code == 403
        wrong = {"Authorization": "Bearer guess"}
        assert client.get("/metrics", headers=wrong).status_code == 403
        right = {"Authorization": "Bearer only for the scraper"}
        assert client.get("/metrics", headers=right).status_code == 200


def test_every_address_is_known(app: Flask) -> None:
    """A new room is opened on purpose: the first parts of all addresses, listed."""
    rooms = {rule.rule.split("/")[1] for rule in app.url_map.iter_rules()}
    assert rooms == ROOMS


ROOMS = {
    "",
    "account",
    "c",
    "embed",
    "embed.js",
    "gift",
    "give",
    "healthz",
    "metrics",
    "partners",
    "pictures",
    "readyz",
    "staff",
    "static",
    "theme",
    "verify",
    "webhooks",
}


def test_errors_are_pages_with_a_number_to_quote(client: CheckedClient) -> None:
    answer = client.get("/nowhere")
    assert answer.status_code == 404
    assert answer.headers["X-Request-Id"] in answer.get_data(as_text=True)
    assert client.get("/webhooks/nowhere").is_json
