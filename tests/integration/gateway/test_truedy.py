"""Truedy's API on a whole server: its documented exchanges, and the life of a batch call.

Calls to numbers that end in 0100 are answered and last until somebody hangs up; the other magic
numbers fail at once.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from integration.conftest import OPERATOR_KEY
from outdial_server.app.server import RunningServer, running_server
from outdial_server.settings import Settings
from support.golden import Golden, GoldenFile, golden_files

PATIENCE_SECONDS = 30
GENERATED = Path(__file__).parents[3] / "generated"

Json = dict[str, Any]

EVERY_DAY = [1, 2, 3, 4, 5, 6, 7]


def settings_in(folder: Path, profile: str, **others: Any) -> Settings:
    return Settings(
        database_url=f"sqlite:///{folder / 'outdial.db'}",
        grpc_listen="127.0.0.1:0",
        http_listen="127.0.0.1:0",
        bootstrap_api_key=OPERATOR_KEY,
        simulate=True,
        simulate_profile=f"fast,{profile}",
        drain_seconds=0.2,
        **others,
    )


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return settings_in(tmp_path_factory.mktemp("server"), "magic_numbers=true,talk_ms=3600000")


@dataclass(frozen=True, slots=True)
class Truedy:
    """What one key sees."""

    http: httpx.AsyncClient
    agent_id: str = ""
    phone_number_id: str = ""

    async def __call__(
        self, verb: str, path: str, *, status: int = 200, **options: Any
    ) -> dict[str, Any]:
        answer = await self.http.request(verb, f"/api/public/v1{path}", **options)
        assert answer.status_code == status, answer.text
        told: Json = answer.json()
        return told

    async def native(self, verb: str, path: str, **options: Any) -> Json:
        answer = await self.http.request(verb, f"/outdial/v1{path}", **options)
        assert answer.status_code == 200, answer.text
        told: Json = answer.json()
        return told

    async def agent(self, name: str, number: str = "", **fields: Any) -> tuple[str, str]:
        """Its id, and that of the number that it calls from."""
        told = await self.native("POST", "/agents", json={"agent": {"displayName": name, **fields}})
        agent_id: str = told["agent"]["agentId"]
        if not number:
            return agent_id, ""
        told = await self.native(
            "POST", "/phone-numbers", json={"phoneNumber": {"address": number}}
        )
        number_id: str = told["phoneNumber"]["phoneNumberId"]
        await self.native("POST", f"/phone-numbers/{number_id}:bind", json={"agentId": agent_id})
        return agent_id, number_id

    async def batch(self, *numbers: str, **fields: Any) -> str:
        body = {
            "name": "Reminders",
            "agent_id": self.agent_id,
            "working_days": EVERY_DAY,
            "contacts": [{"phone_number": number} for number in numbers],
            **fields,
        }
        told = await self("POST", "/batch-calls", status=201, json=body)
        batch_id: str = told["data"]["id"]
        return batch_id

    async def move(self, batch_id: str, verb: str, **options: Any) -> Json:
        told = await self("POST", f"/batch-calls/{batch_id}/{verb}", status=201, **options)
        data: Json = told["data"]
        return data

    async def get(self, batch_id: str) -> Json:
        data: Json = (await self("GET", f"/batch-calls/{batch_id}"))["data"]
        return data

    async def contacts(self, batch_id: str, status: str = "") -> list[Json]:
        params = {"status": status} if status else {}
        told = await self("GET", f"/batch-calls/{batch_id}/contacts", params=params)
        data: list[Json] = told["data"]
        return data

    async def hang_up(self, call_id: str) -> None:
        await self.native("POST", f"/calls/{call_id}:end", json={})

    async def seen(self, batch_id: str, *needles: str) -> None:
        """Waits until the events of the batch have told each of these, to its end if none."""
        left = list(needles)
        path = f"/outdial/v1/batches/{batch_id}:watch"
        params = {"delivery": "WATCH_DELIVERY_EVERY_EVENT", "minInterval": "0.02s"}
        async with self.http.stream("GET", path, params=params) as answer:
            async for line in answer.aiter_lines():
                left = [needle for needle in left if needle not in line]
                if needles and not left:
                    return
        assert not needles, f"the batch has ended without {left}"


def client(server: RunningServer, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.http_port}",
        headers={"authorization": f"Bearer {key}"},
        timeout=PATIENCE_SECONDS,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def truedy(grpc_server: RunningServer) -> AsyncIterator[Truedy]:
    async with client(grpc_server, OPERATOR_KEY) as http:
        yield Truedy(http, *await Truedy(http).agent("Ada", "+15550001111"))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def golden(truedy: Truedy) -> Golden:
    agent, number = await truedy.agent("Grace", "+15550001112")
    _, other_number = await truedy.agent("Joan", "+15550001113")
    mute, _ = await truedy.agent("Mute")
    sleeping, _ = await truedy.agent("Sleeping", "+15550001114", active=False)
    return Golden(
        truedy.http,
        agent=agent,
        number=number,
        other_number=other_number,
        mute=mute,
        sleeping=sleeping,
    )


IN_MODULE = pytest.mark.asyncio(loop_scope="module")


@pytest.mark.parametrize("file", golden_files("truedy"), ids=lambda file: file.name)
@IN_MODULE
async def test_what_is_documented_is_answered(file: GoldenFile, golden: Golden) -> None:
    await golden.run(file)


@IN_MODULE
async def test_a_batch_call_from_draft_to_its_end(truedy: Truedy) -> None:
    batch_id = await truedy.batch("+15551230100", "+15551230102", "+15551230106")
    assert (await truedy.move(batch_id, "schedule"))["status"] == "active"
    await truedy.seen(batch_id, "SCHEDULED_CALL_STATE_IN_PROGRESS", "BUSY", "INVALID_NUMBER")
    batch = await truedy.get(batch_id)
    assert (batch["status"], batch["total_contacts"], batch["called"]) == ("active", 3, 2)
    assert batch["stats"] == {"pending": 0, "calling": 1, "completed": 0, "failed": 2}
    [calling] = await truedy.contacts(batch_id, "calling")
    assert (calling["phone_number"], calling["attempts"]) == ("+15551230100", 1)
    assert calling["call_id"]
    assert calling["called_at"]
    failed = await truedy.contacts(batch_id, "failed")
    assert [contact["last_error"] for contact in failed] == ["busy", "invalid_number"]

    await truedy.hang_up(calling["call_id"])
    await truedy.seen(batch_id)
    batch = await truedy.get(batch_id)
    assert (batch["status"], batch["completed"], batch["failed"]) == ("completed", 1, 2)
    assert (batch["called"], batch["pending"]) == (3, 0)
    [completed] = await truedy.contacts(batch_id, "completed")
    assert (completed["call_id"], completed["last_error"]) == (calling["call_id"], None)
    for verb in ("schedule", "pause", "resume", "cancel"):
        told = await truedy("POST", f"/batch-calls/{batch_id}/{verb}", status=422)
        assert told["error"]["details"] == {"status": "completed"}
    await truedy("PATCH", f"/batch-calls/{batch_id}", status=422, json={"name": "Other"})
    await truedy("DELETE", f"/batch-calls/{batch_id}")


@IN_MODULE
async def test_a_pause_holds_whoever_is_not_called_and_leaves_calls_alone(truedy: Truedy) -> None:
    batch_id = await truedy.batch("+15551230100", "+15551240100", max_concurrent_calls=1)
    await truedy.move(batch_id, "schedule")
    await truedy.seen(batch_id, "SCHEDULED_CALL_STATE_IN_PROGRESS")
    assert (await truedy.move(batch_id, "pause"))["status"] == "paused"
    [calling] = await truedy.contacts(batch_id, "calling")
    await truedy.hang_up(calling["call_id"])
    await truedy.seen(batch_id, "SCHEDULED_CALL_STATE_COMPLETED")
    [held] = await truedy.contacts(batch_id, "scheduled")
    assert (held["phone_number"], held["call_id"]) == ("+15551240100", None)

    assert (await truedy.move(batch_id, "resume"))["status"] == "active"
    await truedy.seen(batch_id, "SCHEDULED_CALL_STATE_IN_PROGRESS")
    assert (await truedy.move(batch_id, "cancel"))["status"] == "cancelled"
    [live] = await truedy.contacts(batch_id, "calling")
    await truedy.hang_up(live["call_id"])
    await truedy.seen(batch_id)
    batch = await truedy.get(batch_id)
    assert (batch["status"], batch["completed"]) == ("cancelled", 2)


@IN_MODULE
async def test_whoever_a_cancel_spares_is_cancelled(truedy: Truedy) -> None:
    later = {"schedule_type": "scheduled", "scheduled_at": "2031-03-03T09:00:00Z"}
    batch_id = await truedy.batch("+15551230100", "+15551240100", **later)
    await truedy.move(batch_id, "schedule")
    await truedy.move(batch_id, "pause")
    await truedy.move(batch_id, "cancel")
    await truedy.seen(batch_id)
    statuses = [contact["call_status"] for contact in await truedy.contacts(batch_id, "cancelled")]
    assert statuses == ["cancelled", "cancelled"]
    batch = await truedy.get(batch_id)
    assert (batch["failed"], batch["pending"]) == (2, 0)


@IN_MODULE
async def test_a_start_that_is_moved_into_the_past_begins_at_once(truedy: Truedy) -> None:
    later = {"schedule_type": "scheduled", "scheduled_at": "2031-03-03T09:00:00Z"}
    batch_id = await truedy.batch("+15551230102", **later)
    assert (await truedy.move(batch_id, "schedule"))["status"] == "scheduled"
    change = {"scheduled_at": "2026-01-05T09:00:00Z"}
    told = await truedy("PATCH", f"/batch-calls/{batch_id}", json=change)
    assert told["data"]["status"] == "active"
    await truedy.seen(batch_id)
    assert (await truedy.get(batch_id))["status"] == "completed"


@IN_MODULE
async def test_whoever_was_not_reached_is_tried_again(truedy: Truedy) -> None:
    batch_id = await truedy.batch("+15551230102", retry_failed=True, max_retry_attempts=1)
    await truedy.move(batch_id, "schedule")
    await truedy.seen(batch_id, "RETRY_SCHEDULED")
    [contact] = await truedy.contacts(batch_id)
    assert (contact["call_status"], contact["attempts"]) == ("scheduled", 1)
    assert (contact["last_error"], contact["scheduled_at"] > contact["called_at"]) == ("busy", True)
    assert (await truedy.get(batch_id))["failed"] == 0
    await truedy.move(batch_id, "cancel")


@IN_MODULE
async def test_contacts_are_found_by_how_their_last_call_ended(truedy: Truedy) -> None:
    people = []
    for number in ("+15551230100", "+15551230101", "+15551230102"):
        told = await truedy("POST", "/contacts", status=201, json={"phone_number": number})
        people.append(told["data"]["id"])
    batch_id = await truedy.batch(contact_ids=people)
    await truedy.move(batch_id, "schedule")
    await truedy.seen(batch_id, '"inProgress":"2"', "BUSY")
    for contact in await truedy.contacts(batch_id, "calling"):
        await truedy.hang_up(contact["call_id"])
    await truedy.seen(batch_id)
    for place, outcome in enumerate(("contacted", "voicemail", "no_answer")):
        told = await truedy("GET", "/contacts", params={"last_call_outcome": outcome})
        assert [contact["id"] for contact in told["data"]] == [people[place]]
        assert (told["data"][0]["call_count"], told["pagination"]["total"]) == (1, 1)
        assert told["data"][0]["last_call_outcome"] == outcome
    for contact_id in people:
        await truedy("DELETE", f"/contacts/{contact_id}")


@IN_MODULE
async def test_calls_are_found_by_what_became_of_them(truedy: Truedy) -> None:
    agent_id, _ = await truedy.agent("Caller", "+15550001119")
    batch_id = await truedy.batch("+15551230100", "+15551240100", "+15551230102", agent_id=agent_id)
    await truedy.move(batch_id, "schedule")
    await truedy.seen(batch_id, '"inProgress":"2"', "BUSY")
    first, second = await truedy.contacts(batch_id, "calling")
    await truedy.hang_up(first["call_id"])
    await truedy.seen(batch_id, "SCHEDULED_CALL_STATE_COMPLETED")
    expected = {"ended": first, "completed": first, "in-progress": second, "in_progress": second}
    for status, contact in expected.items():
        told = await truedy("GET", "/calls", params={"status": status, "agent_id": agent_id})
        [call] = told["data"]
        assert (call["id"], call["phone_number"]) == (contact["call_id"], contact["phone_number"])
        assert call["status"] in (status, "ended", "in-progress")
        assert (call["batch_call_id"], told["pagination"]["total"]) == (batch_id, 1)
    for status, count in {"failed": 1, "cancelled": 0, "queued": 0, "ringing": 0}.items():
        told = await truedy("GET", "/calls", params={"status": status, "agent_id": agent_id})
        assert [call["status"] for call in told["data"]] == [status] * count
    conversation = {
        "summary": "All is well.",
        "utterances": [{"speaker": "SPEAKER_PERSON", "text": "Yes.", "offset": "1.5s"}],
    }
    report = {"ended": {"disposition": "DISPOSITION_ANSWERED_HUMAN"}, "conversation": conversation}
    await truedy.native("POST", f"/calls/{second['call_id']}:report", json=report)
    call = (await truedy("GET", f"/calls/{second['call_id']}"))["data"]
    assert (call["status"], call["summary"]) == ("ended", "All is well.")
    assert call["transcript"] == [{"speaker": "contact", "text": "Yes.", "timestamp": 1.5}]


@IN_MODULE
async def test_a_batch_that_was_made_natively_is_read(truedy: Truedy) -> None:
    rows = [{"address": "sip:ada@example.net", "templateContext": {"first_name": 7, "a": {}}}]
    batch = {"agentId": truedy.agent_id, "displayName": "Native", "maxCallsPerDay": 3}
    told = await truedy.native(
        "POST", "/batches", json={"batch": batch, "scheduledCalls": rows, "draft": True}
    )
    batch_id = told["batch"]["batchId"]
    shown = await truedy.get(batch_id)
    assert (shown["status"], shown["contact_source"]) == ("draft", "manual")
    assert (shown["max_concurrent_calls"], shown["working_days"]) == (None, EVERY_DAY)
    [contact] = await truedy.contacts(batch_id)
    assert (contact["phone_number"], contact["first_name"]) == ("sip:ada@example.net", None)
    assert contact["custom_fields"] == {"a": {}}
    change = {"start_time": "09:00", "max_retry_attempts": 2, "retry_failed": True}
    told = await truedy("PATCH", f"/batch-calls/{batch_id}", json=change)
    assert (told["data"]["start_time"], told["data"]["end_time"]) == ("09:00", None)
    assert told["data"]["retry_attempts"] == 2
    await truedy("DELETE", f"/batch-calls/{batch_id}")


@IN_MODULE
async def test_another_account_sees_nothing(truedy: Truedy, grpc_server: RunningServer) -> None:
    batch_id = await truedy.batch("+15551230100")
    account = await truedy.native("POST", "/accounts", json={"account": {"displayName": "Other"}})
    wanted = {"displayName": "other", "scopes": ["API_KEY_SCOPE_READ", "API_KEY_SCOPE_WRITE"]}
    body = {"apiKey": wanted, "accountId": account["account"]["accountId"]}
    key = await truedy.native("POST", "/api-keys", json=body)
    async with client(grpc_server, key["secret"]) as http:
        other = Truedy(http)
        assert (await other("GET", "/batch-calls"))["data"] == []
        for verb, path in (("GET", ""), ("DELETE", ""), ("GET", "/contacts"), ("POST", "/pause")):
            told = await other(verb, f"/batch-calls/{batch_id}{path}", status=404)
            assert told["error"]["message"] == f"Batch call not found: {batch_id}"
        body = {"name": "x", "agent_id": truedy.agent_id}
        told = await other("POST", "/batch-calls", status=422, json=body)
        assert told["error"]["message"] == f"Agent not found: {truedy.agent_id}"
        told = await other("POST", "/batch-calls/bulk-delete", json={"ids": [batch_id]})
        assert told["data"]["failed_ids"] == [batch_id]
    assert (await truedy.get(batch_id))["status"] == "draft"
    await truedy("DELETE", f"/batch-calls/{batch_id}")


@IN_MODULE
async def test_a_key_that_may_only_read_changes_nothing(
    truedy: Truedy, grpc_server: RunningServer
) -> None:
    body = {"apiKey": {"displayName": "reader", "scopes": ["API_KEY_SCOPE_READ"]}}
    key = await truedy.native("POST", "/api-keys", json=body)
    async with client(grpc_server, key["secret"]) as http:
        reader = Truedy(http)
        await reader("GET", "/batch-calls")
        wanted = {"name": "x", "agent_id": truedy.agent_id}
        told = await reader("POST", "/batch-calls", status=403, json=wanted)
        assert told["error"]["code"] == "forbidden"


@IN_MODULE
async def test_the_document_is_read_without_a_key(truedy: Truedy) -> None:
    told = await truedy("GET", "/openapi.json", headers={"authorization": ""})
    stored = GENERATED / "openapi" / "truedy.json"
    assert told == json.loads(stored.read_text())


async def test_a_carrier_that_lets_nobody_in_fails_the_batch_call(tmp_path: Path) -> None:
    async with (
        running_server(settings_in(tmp_path, "create_unauthorized=1")) as server,
        client(server, OPERATOR_KEY) as http,
    ):
        truedy = Truedy(http, *await Truedy(http).agent("Ada", "+15550001111"))
        batch_id = await truedy.batch("+15551230001")
        await truedy.move(batch_id, "schedule")
        await truedy.seen(batch_id)
        batch = await truedy.get(batch_id)
        assert (batch["status"], batch["pending"]) == ("failed", 0)
        told = await truedy("POST", f"/batch-calls/{batch_id}/resume", status=422)
        assert told["error"]["details"] == {"status": "failed"}
        await truedy("DELETE", f"/batch-calls/{batch_id}")


async def test_the_vendor_s_rate_is_told_as_documented(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, "seed=1", vendor_rate_limits=True)
    async with running_server(settings) as server, client(server, OPERATOR_KEY) as http:
        truedy = Truedy(http)
        # A minute may end in between, and then another hundred are let in.
        answers = [await http.get("/api/public/v1/batch-calls") for _ in range(201)]
        told = next(answer for answer in answers if answer.status_code == 429)
        assert "retry-after" not in told.headers
        error = told.json()["error"]
        assert (error["code"], error["message"]) == ("rate_limit_exceeded", "Rate limit exceeded")
        assert error["details"]["limit"] == 100
        assert error["details"]["reset_at"] > told.json()["meta"]["ts"]
        await truedy("GET", "/openapi.json")
