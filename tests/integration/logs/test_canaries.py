"""Marked values go through a server's whole life, in good and in failing requests; none comes
out in a line of its log or in its metrics."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc.aio
import httpx
import pytest
from google.protobuf.struct_pb2 import Struct
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import WatchBatchRequest
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub
from outdial.v1.call_pb2 import SPEAKER_PERSON, Conversation, Utterance
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.carrier_credentials_pb2 import (
    PlivoCredentials,
    SipCredentials,
    TelnyxCredentials,
    TwilioCredentials,
)
from outdial.v1.scheduled_call_pb2 import MEDIUM_WEBHOOK, ScheduledCall
from outdial.v1.webhook_pb2 import (
    WEBHOOK_FORMAT_OUTDIAL,
    WEBHOOK_FORMAT_SPEECHIFY,
    WEBHOOK_FORMAT_TRUEDY,
    WEBHOOK_FORMAT_ULTRAVOX,
    Webhook,
)

from outdial_server.adapters.master_key import master_key_from
from outdial_server.carriers.simulated.signature import HEADER, sign
from support.faulty_server import (
    CONSTRAINT_BREAKS,
    STATEMENT_BREAKS,
    TASK_BREAKS,
)
from support.grpc import call, with_key
from support.processes import free_port
from support.raw_server import RawServer, Visit

TESTS = Path(__file__).parents[2]
COMMAND = str(Path(sys.executable).with_name("outdial-server"))
FAULTY = (sys.executable, "-m", "support.faulty_server")
PATIENCE_SECONDS = 60

NUMBER = "+15559870"
"""And three more digits."""
CANARY = "kanarie"
"""In every value that is text."""
API_KEY = f"{CANARY}00.0123456789abcdef0123456789abcdef"
WRONG_KEY = f"{CANARY}99.fedcba9876543210fedcba9876543210"
MASTER_KEY = f"{CANARY}-master-key"
CARRIER_SECRET = f"{CANARY}-signing-secret"
TOKEN = master_key_from(MASTER_KEY).derive("callback URLs")

KEY = with_key(API_KEY)
CREDENTIALS = TwilioCredentials(
    account_sid="AC" + "0" * 32,
    auth_token=f"{CANARY}-auth-token-of-twilio",
    api_key_sid="SK" + "0" * 32,
    api_key_secret=f"{CANARY}-api-key-secret-of-twilio",
)

TELNYX = TelnyxCredentials(
    api_key=f"{CANARY}-api-key-of-telnyx",
    connection_id="1293384261075731461",
    public_key=b64encode(bytes(32)).decode(),
)

PLIVO = PlivoCredentials(auth_id="MA" + "0" * 18, auth_token=f"{CANARY}-auth-token-of-plivo")
SIP = SipCredentials(
    proxy="127.0.0.1", username=f"{CANARY}-user", password=f"{CANARY}-password-of-sip"
)

BATCH_SECRET = f"{CANARY}-secret-of-a-batch"


WEBHOOK_SECRETS = [f"{CANARY}-webhook-secret", f"{CANARY}-newer-webhook-secret"]


@dataclass
class Server:
    """A server as a process, with what it has written."""

    process: Process
    output: Path
    grpc_port: int
    http_port: int

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    async def metrics(self) -> str:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{self.http_url}/metrics")).text

    async def stop(self) -> str:
        self.process.send_signal(signal.SIGTERM)
        await self.process.wait()
        return self.output.read_text()


@asynccontextmanager
async def serving(folder: Path, *command: str, **settings: str) -> AsyncIterator[Server]:
    grpc_port, http_port = free_port(), free_port()
    output = folder / "server.out"
    plain = {name: text for name, text in os.environ.items() if not name.startswith("OUTDIAL_")}
    environment = {
        **plain,
        "PYTHONPATH": str(TESTS),
        "OUTDIAL_DATABASE_URL": f"sqlite:///{folder / 'outdial.db'}",
        "OUTDIAL_GRPC_LISTEN": f"127.0.0.1:{grpc_port}",
        "OUTDIAL_HTTP_LISTEN": f"127.0.0.1:{http_port}",
        "OUTDIAL_SIP_LISTEN": "127.0.0.1:0",
        "OUTDIAL_BOOTSTRAP_API_KEY": API_KEY,
        "OUTDIAL_MASTER_KEY": MASTER_KEY,
        "OUTDIAL_LOG_LEVEL": "debug",
        "OUTDIAL_DRAIN_SECONDS": "0.2",
        "OUTDIAL_BATCH_WEBHOOK_REST_SECONDS": "0",
        **settings,
    }
    with output.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            *command, "serve", env=environment, stdout=file, stderr=file
        )
    try:
        yield Server(process, output, grpc_port, http_port)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def rows(count: int) -> list[ScheduledCall]:
    context = Struct()
    context.update({"patient": f"{CANARY} context"})
    numbers = [f"{NUMBER}{n:03}" for n in range(count)]
    return [
        ScheduledCall(
            address=address,
            custom_id=f"{CANARY}-row",
            template_context=context,
            annotations=context,
            carrier_params=context,
            metadata={"note": f"{CANARY} metadata"},
        )
        for address in [*numbers, f"sip:{CANARY}@{CANARY}.example.com"]
    ]


async def good_requests(channel: grpc.aio.Channel, count: int = 20) -> str:
    """A batch with everything in it, and accounts at carriers; returns the batch's id."""
    await call(
        channel,
        "CreateCarrierConfig",
        KEY,
        carrier_config=CarrierConfig(display_name=CANARY, carrier="twilio", twilio=CREDENTIALS),
    )
    await call(
        channel,
        "CreateCarrierConfig",
        KEY,
        carrier_config=CarrierConfig(display_name=f"{CANARY} 2", carrier="telnyx", telnyx=TELNYX),
    )
    await call(
        channel,
        "CreateCarrierConfig",
        KEY,
        carrier_config=CarrierConfig(display_name=f"{CANARY} 3", carrier="plivo", plivo=PLIVO),
    )
    await call(
        channel,
        "CreateCarrierConfig",
        KEY,
        carrier_config=CarrierConfig(display_name=f"{CANARY} 4", carrier="sip", sip=SIP),
    )
    agent = await call(
        channel,
        "CreateAgent",
        KEY,
        agent=Agent(display_name=f"{CANARY} agent", metadata={"owner": CANARY}),
    )
    made = await call(
        channel,
        "CreateBatch",
        KEY,
        batch=Batch(
            agent_id=agent.agent.agent_id,
            display_name=f"{CANARY} batch",
            caller_id=f"{NUMBER}999",
            metadata={"campaign": CANARY},
            # Where nothing may be sent to.
            webhook_url=f"https://127.0.0.1/{CANARY}",
            webhook_secret=BATCH_SECRET,
        ),
        scheduled_calls=[
            *rows(count),
            ScheduledCall(address=f"{NUMBER}998", medium=MEDIUM_WEBHOOK),
        ],
    )
    batch_id: str = made.batch.batch_id
    return batch_id


async def webhook_requests(channel: grpc.aio.Channel, url: str) -> None:
    """An endpoint in each format, told of all that follows."""
    for form in (
        WEBHOOK_FORMAT_OUTDIAL,
        WEBHOOK_FORMAT_ULTRAVOX,
        WEBHOOK_FORMAT_SPEECHIFY,
        WEBHOOK_FORMAT_TRUEDY,
    ):
        is_ours = form == WEBHOOK_FORMAT_OUTDIAL
        made = await call(
            channel,
            "CreateWebhook",
            KEY,
            webhook=Webhook(url=f"{url}/{CANARY}?to={NUMBER}", description=CANARY, format=form),
            secret="" if is_ours else WEBHOOK_SECRETS[0],
        )
        webhook_id = made.webhook.webhook_id
        secret = "" if is_ours else WEBHOOK_SECRETS[1]
        await call(channel, "RotateWebhookSecret", KEY, webhook_id=webhook_id, secret=secret)
        await call(channel, "SendTestWebhook", KEY, webhook_id=webhook_id)
    wrong = Webhook(url=f"ftp://{CANARY}/{NUMBER}")
    with pytest.raises(grpc.aio.AioRpcError):
        await call(channel, "CreateWebhook", KEY, webhook=wrong, secret=WEBHOOK_SECRETS[0])
    with pytest.raises(grpc.aio.AioRpcError):
        await call(
            channel,
            "RedeliverWebhookEvents",
            KEY,
            webhook_id=webhook_id,
            message_ids=[f"{CANARY}{NUMBER}"],
        )


async def wrong_requests(channel: grpc.aio.Channel, http_url: str) -> None:
    """Everything is refused."""
    wrong_config = CarrierConfig(display_name="x", carrier="simulated", twilio=CREDENTIALS)
    wrong_batch = Batch(display_name=CANARY * 99, agent_id=CANARY)
    for name, key, fields in (
        ("GetBatch", KEY, {"batch_id": CANARY}),
        ("GetBatch", KEY, {"batch_id": f"{NUMBER}777"}),
        ("GetBatch", with_key(WRONG_KEY), {"batch_id": CANARY}),
        ("GetBatch", [("authorization", f"Bearer {WRONG_KEY}")], {}),
        ("CreateBatch", KEY, {"batch": wrong_batch, "scheduled_calls": rows(2)}),
        ("ListBatches", KEY, {"page_token": CANARY}),
        ("CreateCarrierConfig", KEY, {"carrier_config": wrong_config}),
        ("GetScheduledCall", KEY, {"scheduled_call_id": CANARY}),
        ("WatchBatch", KEY, {"batch_id": CANARY, "resume_token": CANARY}),
    ):
        with pytest.raises(grpc.aio.AioRpcError):
            await call(channel, name, key, **fields)
    for path in ("/outdial.v1.BatchService/GetBatch", f"/outdial.v1.{CANARY}/{CANARY}"):
        unreadable = channel.unary_unary(path)
        with pytest.raises(grpc.aio.AioRpcError):
            await unreadable(f"{CANARY}{NUMBER}".encode(), metadata=tuple(KEY))
    async with httpx.AsyncClient(base_url=http_url) as client:
        for path in (f"/{CANARY}?to={NUMBER}", f"/callbacks/simulated/{CANARY}"):
            assert (await client.post(path, content=CANARY)).status_code == 404
    reader, writer = await asyncio.open_connection(*http_url.removeprefix("http://").split(":"))
    writer.write(f"{CANARY} {NUMBER} nonsense\r\n\r\n".encode())
    await reader.read()
    writer.close()


async def watched_to_the_end(channel: grpc.aio.Channel, batch_id: str) -> None:
    request = WatchBatchRequest(batch_id=batch_id)
    async with asyncio.timeout(PATIENCE_SECONDS):
        async for _ in BatchServiceStub(channel).WatchBatch(request, metadata=KEY):
            pass


def canaries() -> list[str]:
    numbers = [NUMBER, NUMBER.lstrip("+"), NUMBER[2:]]
    return [*numbers, CANARY, TOKEN, API_KEY.partition(".")[2], WRONG_KEY.partition(".")[2]]


def leaks(text: str) -> list[str]:
    folded = text.lower()
    return [
        line for line in folded.splitlines() if any(canary.lower() in line for canary in canaries())
    ]


def kept_in(folder: Path) -> bytes:
    """The database, and what lies beside it."""
    return b"".join(file.read_bytes() for file in folder.glob("outdial.db*"))


def actions(text: str) -> set[str]:
    return {json.loads(line)["action"] for line in text.splitlines() if line.startswith("{")}


@pytest.mark.timeout(180)
@pytest.mark.parametrize("form", ["json", "console"])
async def test_a_server_with_faults_tells_none_of_it(tmp_path: Path, form: str) -> None:
    async with serving(
        tmp_path,
        *FAULTY,
        OUTDIAL_SIMULATE="1",
        OUTDIAL_SIMULATE_PROFILE="fast",
        OUTDIAL_LOG_FORMAT=form,
    ) as server:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel:
            await channel.channel_ready()
            batch_id = await good_requests(channel)
            await wrong_requests(channel, server.http_url)
            for fault in (STATEMENT_BREAKS, CONSTRAINT_BREAKS):
                with pytest.raises(grpc.aio.AioRpcError):
                    await call(
                        channel, "CreateAgent", KEY, agent=Agent(display_name=f"{CANARY} {fault}")
                    )
            await call(
                channel, "CreateAgent", KEY, agent=Agent(display_name=f"{CANARY} {TASK_BREAKS}")
            )
            await until_unknown(channel, batch_id)
            await something_said(channel, batch_id)
            metrics = await server.metrics()
        output = await server.stop()
    assert leaks(output) == []
    assert leaks(metrics) == []
    assert 'ending="unclear",fault="none",reason="ADAPTER_ERROR"' in metrics
    expected = {
        "server.started",
        "server.stopping",
        "rpc.ended",
        "rpc.broken",
        "dial.adapter_broken",
        "reports.group_broken",
        "library.message",
    }
    if form == "json":
        assert expected <= actions(output)
    else:
        assert all(action in output for action in expected)


async def something_said(channel: grpc.aio.Channel, batch_id: str) -> None:
    calls = await call(channel, "ListCalls", KEY, batch_id=batch_id)
    said = Conversation(
        summary=f"{CANARY} said", utterances=[Utterance(speaker=SPEAKER_PERSON, text=CANARY)]
    )
    call_id = calls.calls[0].call_id
    await call(channel, "ReportCallEvent", KEY, call_id=call_id, conversation=said)


async def until_unknown(channel: grpc.aio.Channel, batch_id: str) -> None:
    """All but the call at which the adapter broke are over."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        request = WatchBatchRequest(batch_id=batch_id)
        async for message in BatchServiceStub(channel).WatchBatch(request, metadata=KEY):
            counts = message.counts
            if counts.unknown and not (counts.waiting + counts.in_progress + counts.dialing - 1):
                return


@pytest.mark.timeout(180)
async def test_a_carrier_over_http_that_says_strange_things_is_not_quoted(tmp_path: Path) -> None:
    async with (
        strange_carrier() as carrier_url,
        serving(
            tmp_path,
            COMMAND,
            OUTDIAL_SIMULATED_CARRIER_URL=carrier_url,
            OUTDIAL_SIMULATED_CARRIER_SECRET=CARRIER_SECRET,
            OUTDIAL_OUTGOING_ALLOW="127.0.0.1",
            OUTDIAL_LOG_FORMAT="json",
        ) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
    ):
        await channel.channel_ready()
        # It answers their requests in strange ways, too.
        await webhook_requests(channel, carrier_url)
        batch_id = await good_requests(channel)
        await wrong_requests(channel, server.http_url)
        await strange_callbacks(server.http_url)
        await until_told(server)
        await until_read(server)
        await call(channel, "CancelBatch", KEY, batch_id=batch_id)
        metrics = await server.metrics()
        output = await server.stop()
    assert leaks(output) == []
    assert leaks(metrics) == []
    for secret in (
        CREDENTIALS.auth_token,
        CREDENTIALS.api_key_secret,
        *WEBHOOK_SECRETS,
        BATCH_SECRET,
    ):
        assert secret.encode() not in kept_in(tmp_path)
    assert {"callback.unreadable", "rpc.ended"} <= actions(output)
    assert 'outdial_callbacks_received_total{outcome="forged"} 1.0' in metrics


@asynccontextmanager
async def strange_carrier() -> AsyncIterator[str]:
    """Answers each request in another wrong way, and quotes it."""
    answers = iter(range(1_000_000))

    async def answer(visit: Visit) -> None:
        head = await visit.hear()
        if head is None:
            return
        kind = next(answers) % 5
        said = f"{CANARY} {NUMBER}001 {head.decode(errors='replace').splitlines()[0]}"
        if kind == 0:
            visit.reset()
            return
        status = {1: "200 OK", 2: "500 Broken", 3: "422 Wrong", 4: f"201 {CANARY}"}[kind]
        body = json.dumps({"id": said} if kind == 4 else {"error": said}) if kind > 1 else said
        await visit.say(
            f"HTTP/1.1 {status}\r\nx-said: {CANARY}\r\nconnection: close\r\n"
            f"content-length: {len(body.encode())}\r\n\r\n{body}".encode()
        )

    async with RawServer(answer).listening() as server:
        yield server.url.rstrip("/")


async def strange_callbacks(http_url: str) -> None:
    path = f"/callbacks/simulated/{TOKEN}"
    call_of_nobody: dict[str, Any] = {
        "id": CANARY,
        "call_id": f"{NUMBER}002",
        "status": "ringing",
        "disposition": None,
    }
    bodies = [
        f'{{"status": "{CANARY}"'.encode(),
        json.dumps({"status": CANARY, "to": NUMBER}).encode(),
        json.dumps([{CANARY: NUMBER}]).encode(),
        json.dumps(call_of_nobody).encode(),
    ]
    async with httpx.AsyncClient(base_url=http_url) as client:
        for body in bodies:
            headers = {HEADER: sign(CARRIER_SECRET, 1_700_000_000, body)}
            answer = await client.post(f"{path}/{CANARY}?q={NUMBER}", content=body, headers=headers)
            assert answer.status_code == 204
        forged = {HEADER: sign(CANARY, 1_700_000_000, bodies[0])}
        assert (await client.post(path, content=bodies[0], headers=forged)).status_code == 403


async def until_told(server: Server) -> None:
    """An endpoint has taken something, and one has not."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        for outcome in ("delivered", "failed"):
            counted = f'outdial_webhook_requests_total{{outcome="{outcome}"}} 0.0'
            while counted in await server.metrics():
                pass


async def until_read(server: Server) -> None:
    """The inbox has been worked off."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while "outdial_callbacks_unreadable_total 3.0" not in await server.metrics():
            pass


async def test_a_database_that_is_not_there_is_told_without_its_password(tmp_path: Path) -> None:
    url = f"postgresql+asyncpg://{CANARY}:{CANARY}@127.0.0.1:{free_port()}/{CANARY}"
    async with serving(
        tmp_path,
        COMMAND,
        OUTDIAL_DATABASE_URL=url,
        OUTDIAL_SIMULATE="1",
    ) as server:
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await server.process.wait() != 0
        output = server.output.read_text()
    assert output
    assert leaks(output) == []


@pytest.mark.parametrize("url", [f"mysql://u:{CANARY}@h/d", f"{CANARY} is none"])
async def test_a_database_url_that_is_wrong_is_not_quoted(tmp_path: Path, url: str) -> None:
    async with serving(tmp_path, COMMAND, OUTDIAL_DATABASE_URL=url) as server:
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await server.process.wait() == 1
        output = server.output.read_text()
    assert "OUTDIAL_DATABASE_URL" in output
    assert leaks(output) == []
