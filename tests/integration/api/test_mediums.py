"""A batch whose people somebody else calls: its webhook is told of each call, and reports say what
came of it. A real receiver, a real server, and a model of what each call is to end as."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from enum import Enum

import grpc.aio
import pytest
import pytest_asyncio
from aiohttp import web
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.account_pb2 import Account
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import BATCH_STATE_COMPLETED, Batch
from outdial.v1.call_service_pb2 import CallJoined, CallOver
from outdial.v1.scheduled_call_pb2 import (
    DISPATCH_OUTCOME_ACCEPTED,
    DISPATCH_OUTCOME_REFUSED,
    DISPATCH_OUTCOME_UNSPECIFIED,
    DISPOSITION_ANSWERED_HUMAN,
    DISPOSITION_ANSWERED_MACHINE,
    DISPOSITION_BUSY,
    DISPOSITION_FAILED,
    DISPOSITION_UNJOINED,
    DISPOSITION_UNKNOWN,
    MEDIUM_OUTGOING,
    MEDIUM_WEBHOOK,
    SCHEDULED_CALL_STATE_COMPLETED,
    SCHEDULED_CALL_STATE_FAILED,
    ScheduledCall,
)
from tests.integration.api.conftest import OPERATOR, Tenant, new_tenant, watch_to_the_end
from tests.integration.conftest import OPERATOR_KEY

from outdial_server.settings import Settings
from support.call_receiver import CallReceiver, Told, call_receiver, never
from support.grpc import call, refused

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "s3cr3t-s3cr3t-s3cr3t"


class Fate(Enum):
    """What the receiver does with a call: by the last digit of the number."""

    TALKED_TO = "0"
    MACHINE = "1"
    BUSY = "2"
    UNJOINED = "3"
    REFUSED = "4"
    HANGING = "5"
    # The answer hangs, and yet the call is joined: the phone rang.
    HANGING_AND_JOINED = "6"
    # Reported before the webhook has answered.
    EARLY = "7"
    TOLD_TWICE = "8"
    BROKEN = "9"


# How each ends: disposition, state of the person, and what is known of the dispatch.
_MODEL = {
    Fate.TALKED_TO: (DISPOSITION_ANSWERED_HUMAN, DISPATCH_OUTCOME_ACCEPTED),
    Fate.MACHINE: (DISPOSITION_ANSWERED_MACHINE, DISPATCH_OUTCOME_ACCEPTED),
    Fate.BUSY: (DISPOSITION_BUSY, DISPATCH_OUTCOME_ACCEPTED),
    Fate.UNJOINED: (DISPOSITION_UNJOINED, DISPATCH_OUTCOME_ACCEPTED),
    Fate.REFUSED: (DISPOSITION_FAILED, DISPATCH_OUTCOME_REFUSED),
    Fate.HANGING: (DISPOSITION_UNKNOWN, DISPATCH_OUTCOME_UNSPECIFIED),
    Fate.HANGING_AND_JOINED: (DISPOSITION_ANSWERED_HUMAN, DISPATCH_OUTCOME_ACCEPTED),
    Fate.EARLY: (DISPOSITION_ANSWERED_HUMAN, DISPATCH_OUTCOME_ACCEPTED),
    Fate.TOLD_TWICE: (DISPOSITION_ANSWERED_HUMAN, DISPATCH_OUTCOME_ACCEPTED),
    Fate.BROKEN: (DISPOSITION_FAILED, DISPATCH_OUTCOME_REFUSED),
}
_REACHED = (DISPOSITION_ANSWERED_HUMAN, DISPOSITION_ANSWERED_MACHINE)


def fate_of(address: str) -> Fate:
    return Fate(address[-1])


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(
        database_url=f"sqlite:///{tmp_path_factory.mktemp('server') / 'outdial.db'}",
        grpc_listen="127.0.0.1:0",
        http_listen="127.0.0.1:0",
        bootstrap_api_key=OPERATOR_KEY,
        simulate=True,
        simulate_profile="fast",
        drain_seconds=0.2,
        outgoing_allow="127.0.0.1",
        batch_webhook_rest_seconds=0.05,
    )


class Dialler:
    """Somebody else's: it does with each call what the number says, and reports it."""

    def __init__(self, channel: grpc.aio.Channel, tenant: Tenant) -> None:
        self._channel = channel
        self._key = tenant.key
        self._tasks: set[asyncio.Task[None]] = set()

    async def answer(self, told: Told) -> web.StreamResponse:
        fate, call_id = fate_of(told["outdial"]["address"]), told["call"]["callId"]
        if fate is Fate.REFUSED:
            return web.Response(status=503)
        if fate is Fate.BROKEN:
            return web.Response(status=404, text="no such page")
        if fate is Fate.EARLY:
            await self._talk(call_id, CallOver())
        elif fate in (Fate.HANGING, Fate.HANGING_AND_JOINED):
            if fate is Fate.HANGING_AND_JOINED:
                self._later(call_id, fate)
            return await never(told)
        else:
            self._later(call_id, fate)
        return web.Response(status=204)

    async def stop(self) -> None:
        await asyncio.gather(*self._tasks)

    def _later(self, call_id: str, fate: Fate) -> None:
        task = asyncio.create_task(self._see_to(call_id, fate))
        self._tasks.add(task)

    async def _see_to(self, call_id: str, fate: Fate) -> None:
        if fate is Fate.UNJOINED:
            return
        if fate is Fate.BUSY:
            await self._report(call_id, ended=CallOver(disposition=DISPOSITION_BUSY))
            return
        by_machine = fate is Fate.MACHINE
        await self._talk(call_id, CallOver(reason="hangup"), by_machine=by_machine)
        if fate is Fate.TOLD_TWICE:
            await self._talk(call_id, CallOver(disposition=DISPOSITION_BUSY))

    async def _talk(self, call_id: str, over: CallOver, *, by_machine: bool = False) -> None:
        await self._report(call_id, joined=CallJoined(by_machine=by_machine))
        await self._report(call_id, ended=over)

    async def _report(self, call_id: str, **event: object) -> None:
        await call(self._channel, "ReportCallEvent", self._key, call_id=call_id, **event)


@pytest_asyncio.fixture(loop_scope="module")
async def receiver() -> AsyncIterator[CallReceiver]:
    async with call_receiver() as opened:
        yield opened


async def new_agent(channel: grpc.aio.Channel, tenant: Tenant) -> str:
    agent = Agent(display_name="Ada", join_url_template="https://media.example/{{call_id}}")
    agent_id: str = (await call(channel, "CreateAgent", tenant.key, agent=agent)).agent.agent_id
    return agent_id


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_thirty_calls_end_as_what_is_reported_of_them_and_nobody_is_asked_twice(
    grpc_channel: grpc.aio.Channel, receiver: CallReceiver
) -> None:
    tenant = await new_tenant(grpc_channel, "elsewhere")
    await call(
        grpc_channel,
        "UpdateAccount",
        OPERATOR,
        account=Account(account_id=tenant.account_id, max_concurrent_calls=8),
    )
    dialler = Dialler(grpc_channel, tenant)
    receiver.answer = dialler.answer
    made = await call(
        grpc_channel,
        "CreateBatch",
        tenant.key,
        batch=Batch(
            agent_id=await new_agent(grpc_channel, tenant),
            display_name="ours to call",
            medium=MEDIUM_WEBHOOK,
            webhook_url=receiver.url,
            webhook_secret=SECRET,
            ring_timeout=Duration(seconds=1),
        ),
        scheduled_calls=[ScheduledCall(address=f"+1555123{n:04d}") for n in range(30)],
    )
    batch = made.batch
    assert (batch.carrier, batch.webhook_url, batch.webhook_secret) == ("webhook", receiver.url, "")
    async with asyncio.timeout(200):
        await watch_to_the_end(grpc_channel, tenant.key, batch.batch_id)
    await dialler.stop()
    assert set(receiver.times_asked().values()) == {1}
    assert len(receiver.asked) == 30
    rows = await call(
        grpc_channel, "ListScheduledCalls", tenant.key, batch_id=batch.batch_id, page_size=100
    )
    for row in rows.scheduled_calls:
        disposition, outcome = _MODEL[fate_of(row.address)]
        assert (row.disposition, row.dispatch_outcome) == (disposition, outcome), row.address
        is_reached = disposition in _REACHED
        expected = SCHEDULED_CALL_STATE_COMPLETED if is_reached else SCHEDULED_CALL_STATE_FAILED
        assert (row.state, row.attempt_count) == (expected, 1)
    fates = Counter(fate_of(told["outdial"]["address"]) for told in receiver.told)
    assert set(fates.values()) == {3}
    ended = (await call(grpc_channel, "GetBatch", tenant.key, batch_id=batch.batch_id)).batch
    assert ended.state == BATCH_STATE_COMPLETED
    assert (ended.counts.dispatch_refused, ended.counts.unknown) == (6, 0)
    account = await call(grpc_channel, "GetAccount", tenant.key, account_id=tenant.account_id)
    assert account.account.active_calls == 0


async def test_of_a_mixed_list_only_those_are_told_whom_nobody_dials(
    grpc_channel: grpc.aio.Channel, receiver: CallReceiver
) -> None:
    tenant = await new_tenant(grpc_channel, "mixed")
    dialler = Dialler(grpc_channel, tenant)
    receiver.answer = dialler.answer
    theirs = ScheduledCall(address="+15551230000", medium=MEDIUM_WEBHOOK)
    ours = ScheduledCall(address="+15551230010", medium=MEDIUM_OUTGOING)
    made = await call(
        grpc_channel,
        "CreateBatch",
        tenant.key,
        batch=Batch(
            agent_id=await new_agent(grpc_channel, tenant),
            display_name="both",
            webhook_url=receiver.url,
            webhook_secret=SECRET,
        ),
        scheduled_calls=[theirs, ours, ScheduledCall(address="+15551230020")],
    )
    async with asyncio.timeout(60):
        await watch_to_the_end(grpc_channel, tenant.key, made.batch.batch_id)
    await dialler.stop()
    assert [told["outdial"]["address"] for told in receiver.told] == [theirs.address]
    calls = await call(grpc_channel, "ListCalls", tenant.key, batch_id=made.batch.batch_id)
    carriers = {one.address: one.carrier for one in calls.calls}
    assert carriers == {
        theirs.address: "webhook",
        ours.address: "simulated",
        "+15551230020": "simulated",
    }
    assert made.batch.medium == MEDIUM_OUTGOING
    (told,) = receiver.told
    assert told["call"]["joinUrl"] == f"https://media.example/{told['call']['callId']}"


async def test_a_secret_changes_and_a_call_that_is_not_ours_is_not_ended_by_us(
    grpc_channel: grpc.aio.Channel, receiver: CallReceiver
) -> None:
    key = (tenant := await new_tenant(grpc_channel, "rotating")).key
    made = await call(
        grpc_channel,
        "CreateBatch",
        key,
        batch=Batch(
            agent_id=await new_agent(grpc_channel, tenant),
            display_name="one",
            medium=MEDIUM_WEBHOOK,
            webhook_url="https://hooks.example.com/ready",
            webhook_secret=SECRET,
        ),
        scheduled_calls=[ScheduledCall(address="+15551230000")],
        draft=True,
    )
    batch_id = made.batch.batch_id
    changed = await call(
        grpc_channel,
        "UpdateBatch",
        key,
        batch=Batch(batch_id=batch_id, webhook_url=receiver.url, webhook_secret="another one"),
        update_mask=FieldMask(paths=["webhook_url", "webhook_secret"]),
    )
    assert (changed.batch.webhook_url, changed.batch.webhook_secret) == (receiver.url, "")
    await call(grpc_channel, "StartBatch", key, batch_id=batch_id)
    async with asyncio.timeout(60):
        await receiver.was_asked.wait()
    ((headers, _),) = receiver.asked
    assert len(headers["X-Ultravox-Webhook-Signature"].split(",")) == 2
    call_id = receiver.told[0]["call"]["callId"]
    await call(grpc_channel, "ReportCallEvent", key, call_id=call_id, joined=CallJoined())
    answer = await refused(grpc_channel, "EndCall", key, call_id=call_id)
    assert answer.info.reason == "CALL_PLACED_ELSEWHERE"
    await call(grpc_channel, "ReportCallEvent", key, call_id=call_id, ended=CallOver())
    async with asyncio.timeout(60):
        await watch_to_the_end(grpc_channel, key, batch_id)
