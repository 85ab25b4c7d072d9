"""The Speechify dialect on a whole server: its golden files, and what no file can tell."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio

from integration.conftest import OPERATOR_KEY
from outdial_server.app.server import RunningServer, running_server
from outdial_server.settings import Settings
from outdial_server.webhooks.speechify_ids import speechify_id, uuid_from
from support.golden import Golden, GoldenFile, golden_files

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE_SECONDS = 30
BATCHES = "/v1/agents/batch-calls"
S1, S2 = {"Speechify-Version": "2026-05-01"}, {"Speechify-Version": "2026-09-13"}

# By the simulated carrier's magic numbers: one call that lives for an hour, and two that end.
LIVES, BUSY, SILENT = "+12025550100", "+12025550102", "+12025550103"


def settings_in(folder: Path, profile: str, **others: Any) -> Settings:
    return Settings(
        database_url=f"sqlite:///{folder / 'outdial.db'}",
        grpc_listen="127.0.0.1:0",
        http_listen="127.0.0.1:0",
        bootstrap_api_key=OPERATOR_KEY,
        simulate=True,
        simulate_profile=profile,
        drain_seconds=0.2,
        **others,
    )


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("speechify")
    return settings_in(folder, "fast,magic_numbers=true,talk_ms=3600000")


@dataclass(frozen=True, slots=True)
class Speechify:
    http: httpx.AsyncClient
    agent: str = ""

    async def __call__(self, verb: str, path: str, *, status: int = 200, **options: Any) -> Any:
        answer = await self.http.request(verb, path, **options)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    async def code(self, verb: str, path: str, status: int, **options: Any) -> str:
        """Of the error."""
        told = await self(verb, path, status=status, **options)
        found: str = told["error"]["code"]
        return found

    async def native(self, verb: str, path: str, **body: Any) -> Any:
        return await self(verb, f"/outdial/v1{path}", json=body if verb != "GET" else None)

    async def batch(self, *phones: str, path: str = BATCHES, **options: Any) -> str:
        body = {
            "name": "Reminders",
            "agent_id": self.agent,
            "recipients": [{"phone": phone} for phone in phones],
            **options,
        }
        made = await self("POST", path, status=202, json=body)
        batch_id: str = made["id"]
        return batch_id

    async def until(self, batch_id: str, status: str, **options: Any) -> dict[str, Any]:
        """Asks until the batch has that status."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                found: dict[str, Any] = await self("GET", f"{BATCHES}/{batch_id}", headers=S2)
                if found["status"] == status:
                    return found

    async def until_recipient(self, batch_id: str, place: int, status: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                found: dict[str, Any] = (await self.recipients(batch_id))[place]
                if found["status"] == status:
                    return found

    async def recipients(self, batch_id: str, **headers: str) -> list[dict[str, Any]]:
        path = f"{BATCHES}/{batch_id}/recipients"
        told = await self("GET", path, headers=headers or S2, params={"limit": 200})
        found: list[dict[str, Any]] = told["recipients"]
        return found

    async def hang_up(self, conversation_id: str) -> None:
        call_id = uuid_from("conv", conversation_id)
        await self.native("POST", f"/calls/{call_id}:end")


def asking(server: RunningServer, key: str = OPERATOR_KEY) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{server.http_port}",
        headers={"authorization": f"Bearer {key}"},
        timeout=PATIENCE_SECONDS,
    )


async def with_agent(http: httpx.AsyncClient, name: str, number: str) -> Speechify:
    """Whose agent calls from a number, made by the native surface."""
    bare = Speechify(http)
    agent = await bare.native("POST", "/agents", agent={"displayName": name, "prompt": "Hi."})
    agent_id = agent["agent"]["agentId"]
    made = await bare.native("POST", "/phone-numbers", phoneNumber={"address": number})
    number_id = made["phoneNumber"]["phoneNumberId"]
    await bare.native("POST", f"/phone-numbers/{number_id}:bind", agentId=agent_id)
    return Speechify(http, speechify_id("agent", agent_id))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def speechify(grpc_server: RunningServer) -> AsyncIterator[Speechify]:
    async with asking(grpc_server) as http:
        yield await with_agent(http, "Ada", "+12025550190")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kept(speechify: Speechify) -> dict[str, str]:
    """What golden files speak of."""
    http = speechify.http
    bare = await speechify.native("POST", "/agents", agent={"displayName": "Without a number"})
    greeting = await with_agent(http, "Greeting", "+12025550191")
    await speechify.native(
        "PATCH",
        f"/agents/{uuid_from('agent', greeting.agent)}",
        prompt="You call {{first_name}} about {{appointment_date}}.",
        defaultContext={"appointment_date": "tomorrow"},
    )
    now = datetime.now(UTC).replace(microsecond=0)
    return {
        "agent": speechify.agent,
        "agent_without_number": speechify_id("agent", bare["agent"]["agentId"]),
        "greeting_agent": greeting.agent,
        "in_a_week": f"{now + timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}",
        "in_31_days": f"{now + timedelta(days=31):%Y-%m-%dT%H:%M:%SZ}",
        "an_hour_ago": f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}",
        "nobody": speechify_id("batch", "018fffe0-cb69-7000-8000-000000000000"),
    }


@pytest.mark.parametrize("file", golden_files("speechify"), ids=lambda file: file.name)
async def test_exchanges_are_as_documented(
    file: GoldenFile, speechify: Speechify, kept: dict[str, str]
) -> None:
    await Golden(speechify.http, **kept).run(file)


async def test_a_batch_runs_to_its_end(speechify: Speechify) -> None:
    batch_id = await speechify.batch(LIVES, BUSY, SILENT)
    alive = await speechify.until_recipient(batch_id, 0, "dialing")
    running = await speechify("GET", f"{BATCHES}/{batch_id}", headers=S2)
    assert (running["status"], running["ended_at"]) == ("running", None)
    assert running["started_at"] is not None
    busy = await speechify.until_recipient(batch_id, 1, "failed")
    assert busy["error"] == "the line was busy"
    silent = await speechify.until_recipient(batch_id, 2, "failed")
    assert silent["error"] == "no answer within the ringing timeout"
    assert silent["attempted_at"] <= silent["ended_at"]
    await speechify.hang_up(alive["conversation_id"])
    over = await speechify.until(batch_id, "completed")
    assert (over["total"], over["completed"], over["failed"]) == (3, 1, 2)
    assert over["ended_at"] is not None


async def test_a_delayed_batch_runs_when_its_moment_has_come(speechify: Speechify) -> None:
    batch_id = await speechify.batch(BUSY, scheduled_at=in_days(1))
    path = f"{BATCHES}/{batch_id}"
    assert (await speechify("GET", path, headers=S1))["batch"]["status"] == "scheduled"
    core_id = uuid_from("batch", batch_id)
    await speechify.native("PATCH", f"/batches/{core_id}", windowStart="2026-01-05T09:00:00Z")
    over = await speechify.until(batch_id, "completed")
    assert over["scheduled_at"] == "2026-01-05T09:00:00.000Z"


async def test_a_batch_of_failures_is_completed(speechify: Speechify) -> None:
    over = await speechify.until(await speechify.batch(BUSY, BUSY), "completed")
    assert (over["completed"], over["failed"]) == (0, 2)


async def test_what_runs_is_cancelled_in_the_second_generation_alone(speechify: Speechify) -> None:
    await speechify.native(
        "PATCH", f"/agents/{uuid_from('agent', speechify.agent)}", maxConcurrentCalls=1
    )
    batch_id = await speechify.batch(LIVES, BUSY)
    alive = await speechify.until_recipient(batch_id, 0, "dialing")
    cancel = f"{BATCHES}/{batch_id}/cancel"
    assert await speechify.code("POST", cancel, 409, headers=S1) == "conflict"
    of_first_pages = f"/v1/batch-calls/{batch_id}/cancel"
    assert await speechify.code("POST", of_first_pages, 409) == "conflict"
    cancelled = await speechify("POST", cancel, headers=S2)
    assert (cancelled["status"], cancelled["ended_at"]) == ("cancelled", None)
    spared = await speechify.until_recipient(batch_id, 1, "cancelled")
    assert (spared["conversation_id"], spared["attempted_at"]) == (None, None)
    # The first generation has no word for them.
    older = (await speechify.recipients(batch_id, **S1))[1]
    assert (older["status"], older["completed_at"]) == ("pending", spared["ended_at"])
    await speechify.hang_up(alive["conversation_id"])
    await speechify.until_recipient(batch_id, 0, "completed")
    over = await speechify("GET", f"{BATCHES}/{batch_id}", headers=S2)
    assert (over["status"], over["completed"], over["failed"]) == ("cancelled", 1, 0)
    assert over["ended_at"] is not None
    assert (
        await speechify("POST", cancel, headers=S1)
        == (await speechify("GET", f"{BATCHES}/{batch_id}", headers=S1))["batch"]
    )


async def test_what_has_ended_stays_as_it_is(speechify: Speechify) -> None:
    batch_id = await speechify.batch(BUSY)
    over = await speechify.until(batch_id, "completed")
    assert await speechify("POST", f"{BATCHES}/{batch_id}/cancel", headers=S2) == over
    older = await speechify("POST", f"{BATCHES}/{batch_id}/cancel", headers=S1)
    assert older["status"] == "completed"


async def test_what_cannot_be_carried_out_has_failed(tmp_path: Path) -> None:
    async with (
        running_server(settings_in(tmp_path, "fast,create_unauthorized=1")) as server,
        asking(server) as http,
    ):
        speechify = await with_agent(http, "Ada", "+12025550190")
        batch_id = await speechify.batch(LIVES, BUSY)
        failed = await speechify.until(batch_id, "failed")
        assert failed["error"]
        assert failed["completed"] == 0
        path = f"{BATCHES}/{batch_id}/cancel"
        assert (await speechify("POST", path, headers=S2))["status"] == "failed"


async def test_a_batch_has_so_many_recipients(speechify: Speechify) -> None:
    people = [{"phone": f"+1202555{place:04d}"} for place in range(1000)]
    body = {"name": "Many", "agent_id": speechify.agent, "scheduled_at": in_days(1)}
    made = await speechify("POST", BATCHES, status=202, json={**body, "recipients": people})
    detail = await speechify("GET", f"{BATCHES}/{made['id']}", headers=S1)
    assert [one["phone"] for one in detail["recipients"]] == [one["phone"] for one in people]
    one_more = {**body, "recipients": [*people, {"phone": "+12025559999"}]}
    told = await speechify("POST", BATCHES, status=400, json=one_more)
    assert told["error"]["fields"] == {"recipients": "must not have more than 1000 entries"}
    rows = "phone\n" + "".join(f"{one['phone']}\n" for one in one_more["recipients"])
    told = await speechify("POST", BATCHES, status=400, data=body, files={"csv_file": rows})
    assert list(told["error"]["fields"]) == ["csv_file[row 1002]"]


async def test_a_file_is_so_long(speechify: Speechify) -> None:
    form = {"name": "Long", "agent_id": speechify.agent}
    file = "phone,notes\n+12025550123," + "n" * (5 * 1024 * 1024)
    code = await speechify.code("POST", BATCHES, 413, data=form, files={"csv_file": file})
    assert code == "payload_too_large"


async def test_requests_of_one_key_at_the_same_time_make_one_batch(speechify: Speechify) -> None:
    body = {
        "name": "At once",
        "agent_id": speechify.agent,
        "scheduled_at": in_days(1),
        "recipients": [{"phone": BUSY}],
    }
    told = await asyncio.gather(
        *(
            speechify.http.post(BATCHES, json=body, headers={"Idempotency-Key": "at once"})
            for _ in range(8)
        )
    )
    made = {answer.json()["id"] for answer in told if answer.status_code == 202}
    refused = [answer.json()["error"]["code"] for answer in told if answer.status_code != 202]
    assert len(made) == 1
    assert set(refused) <= {"idempotency_conflict"}


async def test_batches_of_others_are_not_there(
    speechify: Speechify, grpc_server: RunningServer
) -> None:
    batch_id = await speechify.batch(BUSY, scheduled_at=in_days(1))
    account = await speechify.native("POST", "/accounts", account={"displayName": "Others"})
    account_id = account["account"]["accountId"]
    key = await speechify.native(
        "POST",
        "/api-keys",
        accountId=account_id,
        apiKey={
            "displayName": "Others",
            "scopes": ["API_KEY_SCOPE_READ", "API_KEY_SCOPE_WRITE"],
        },
    )
    async with asking(grpc_server, key["secret"]) as http:
        others = Speechify(http)
        assert (await others("GET", BATCHES))["batches"] == []
        for verb, path in (("GET", ""), ("GET", "/recipients"), ("POST", "/cancel")):
            code = await others.code(verb, f"{BATCHES}/{batch_id}{path}", 404)
            assert code == "batch_not_found"


async def test_a_conversation_is_read_with_what_was_said_in_it(speechify: Speechify) -> None:
    batch_id = await speechify.batch(LIVES)
    recipient = await speechify.until_recipient(batch_id, 0, "dialing")
    conversation_id = recipient["conversation_id"]
    path = f"/v1/agents/conversations/{conversation_id}"
    async with asyncio.timeout(PATIENCE_SECONDS):
        while (alive := await speechify("GET", path))["status"] != "active":
            assert alive["status"] == "pending"
    await speechify.native(
        "POST",
        f"/calls/{uuid_from('conv', conversation_id)}:report",
        ended={"disposition": "DISPOSITION_ANSWERED_HUMAN"},
        conversation={
            "duration": "2.5s",
            "recordingUrl": "https://recordings.example/7",
            "utterances": [
                {"speaker": "SPEAKER_AGENT", "text": "Hello.", "offset": "0s"},
                {"speaker": "SPEAKER_PERSON", "text": "Who is it?"},
            ],
        },
    )
    over = await speechify("GET", path)
    assert (over["status"], over["duration_ms"]) == ("completed", 2500)
    assert over["recording_url"] == "https://recordings.example/7"
    assert over["metadata"] == {"batch_id": batch_id, "recipient_id": recipient["id"]}
    messages = (await speechify("GET", f"{path}/messages"))["messages"]
    assert [(one["role"], one["content"], one["started_at"]) for one in messages] == [
        ("assistant", "Hello.", over["started_at"]),
        ("user", "Who is it?", None),
    ]


async def test_a_call_without_room_is_refused(speechify: Speechify) -> None:
    busy = await with_agent(speechify.http, "Busy", "+12025550192")
    await speechify.native(
        "PATCH", f"/agents/{uuid_from('agent', busy.agent)}", maxConcurrentCalls=1
    )
    call = {"agent_id": busy.agent, "to": LIVES}
    await speechify("POST", "/v1/agents/outbound-calls", status=201, json=call)
    answer = await speechify.http.post("/v1/agents/outbound-calls", json=call)
    assert (answer.status_code, answer.json()["error"]["code"]) == (
        429,
        "concurrency_limit_reached",
    )
    assert int(answer.headers["retry-after"]) > 0


def in_days(days: int) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"
