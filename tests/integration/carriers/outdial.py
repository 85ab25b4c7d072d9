"""A whole server that has no carrier of its own and dials through carrier configs, and the
far end's record as the judge of what it did."""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc.aio
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import WatchBatchRequest
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub
from outdial.v1.call_pb2 import CallState
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.carrier_credentials_pb2 import (
    PlivoCredentials,
    SipCredentials,
    TelnyxCredentials,
    TwilioCredentials,
)
from outdial.v1.scheduled_call_pb2 import Disposition, ScheduledCall
from tests.integration.conftest import OPERATOR_KEY

from outdial_server.app.server import running_server
from outdial_server.carriers.simulated.profile import PROFILES, SimulationProfile, Span
from outdial_server.gateway.server import HttpServer
from outdial_server.settings import Settings
from support.far_carrier import Face, FarCarrier
from support.grpc import call, with_key
from support.processes import free_port

KEY = with_key(OPERATOR_KEY)
CALLER_ID = "+15550001111"
JOIN_URL = "wss://agent.example.com/join"
MASTER_KEY = "the master key of the test"
QUICK = PROFILES["fast"]

STORM = replace(
    QUICK,
    ring_ms=Span(20, 100),
    talk_ms=Span(3_600_000, 3_600_000),
    answered_human=10,
    answered_machine=10,
    busy=10,
    no_answer=10,
    create_throttled=0.08,
    create_error=0.05,
    create_error_placed=0.05,
    create_reset=0.05,
    create_reset_placed=0.04,
    create_timeout_placed=0.03,
    callback_duplicated=0.1,
    callback_late=0.1,
    callback_disordered=0.1,
)
"""A third of the requests goes wrong, in every way there is. Talks come to an end once they are
told."""

STORM_CAP = 60
STORM_RATE = 100
"""So many calls at once, and a second, are let go to the account."""

Credentials = TwilioCredentials | TelnyxCredentials | PlivoCredentials | SipCredentials


@asynccontextmanager
async def far_end(face: Face, profile: SimulationProfile) -> AsyncIterator[tuple[FarCarrier, str]]:
    """A carrier on loopback, and its URL."""
    far = FarCarrier(face, profile)
    server = HttpServer(far.app(), "127.0.0.1:0", stop_seconds=0)
    port = await server.start()
    try:
        yield far, f"http://127.0.0.1:{port}"
    finally:
        await server.stop()
        await far.close()


@dataclass
class Outdial:
    """A server that has no carrier of its own."""

    channel: grpc.aio.Channel
    http_url: str
    key: Sequence[tuple[str, str]] = KEY

    async def __call__(self, name: str, **fields: Any) -> Any:
        return await call(self.channel, name, self.key, **fields)

    async def add_config(
        self,
        credentials: Credentials | None,
        carrier: str = "twilio",
        *,
        rate: float = 500,
        most: int = 0,
        name: str = "main",
    ) -> CarrierConfig:
        config = CarrierConfig(
            display_name=name,
            carrier=carrier,
            calls_per_second=rate,
            max_concurrent_calls=most,
            **{carrier: credentials},  # type: ignore[arg-type]
        )
        added: CarrierConfig = (
            await self("CreateCarrierConfig", carrier_config=config)
        ).carrier_config
        return added

    async def add_agent(self, join_url: str = JOIN_URL, name: str = "Ada") -> str:
        agent = Agent(display_name=name, join_url_template=join_url)
        agent_id: str = (await self("CreateAgent", agent=agent)).agent.agent_id
        return agent_id

    async def add_batch(self, agent_id: str, people: int, **fields: Any) -> str:
        made = await self(
            "CreateBatch",
            batch=Batch(
                agent_id=agent_id,
                display_name="list",
                **{"carrier_config": "main", "caller_id": CALLER_ID, **fields},
            ),
            scheduled_calls=[ScheduledCall(address=f"+1555123{n:04d}") for n in range(people)],
        )
        batch_id: str = made.batch.batch_id
        return batch_id

    async def until(self, batch_id: str, state: Any) -> Batch:
        """By its events: none of its calls is still on its way to the carrier or back."""
        return await self.when(
            batch_id, lambda batch: bool(batch.state == state) and not batch.counts.dialing
        )

    async def when(self, batch_id: str, holds: Callable[[Batch], bool]) -> Batch:
        """By its events; it may have come before."""
        request = WatchBatchRequest(batch_id=batch_id)
        stream = BatchServiceStub(self.channel).WatchBatch(request, metadata=KEY)
        async for _ in stream:
            batch: Batch = (await self("GetBatch", batch_id=batch_id)).batch
            if holds(batch):
                stream.cancel()
                return batch
        raise AssertionError("the batch has ended")


@asynccontextmanager
async def outdial(folder: Path, **changes: Any) -> AsyncIterator[Outdial]:
    http_port = free_port()
    settings = Settings(
        database_url=f"sqlite:///{folder / 'outdial.db'}",
        grpc_listen="127.0.0.1:0",
        http_listen=f"127.0.0.1:{http_port}",
        bootstrap_api_key=OPERATOR_KEY,
        master_key=changes.pop("master_key", MASTER_KEY),
        outgoing_allow=changes.pop("outgoing_allow", "127.0.0.1"),
        unknown_settle_seconds=1,
        drain_seconds=0.2,
        **changes,
    )
    async with (
        running_server(settings) as server,
        grpc.aio.insecure_channel(f"127.0.0.1:{server.grpc_port}") as channel,
    ):
        yield Outdial(channel, f"http://127.0.0.1:{http_port}")


def tell_again_and_again(far: FarCarrier) -> None:
    """Each callback comes ten times, some of them late, and a talk ends behind the news of who
    answered, however long that takes on its way."""
    far.copies = 10
    far.told_talk_seconds = 2


async def assert_everybody_was_rung_once(
    server: Outdial, far: FarCarrier, config: CarrierConfig, batch_id: str, people: int
) -> None:
    """What is on record here is what happened there, and nothing is left over."""
    rung = {one.to: one for one in far.calls()}
    assert max(Counter(one.to for one in far.calls()).values()) == 1
    assert len(far.requests) > people, "some were turned away, and sent again"

    rows = await server("ListScheduledCalls", batch_id=batch_id, page_size=1000)
    listed = await server("ListCalls", batch_id=batch_id, page_size=1000)
    assert len(rows.scheduled_calls) == people
    for one in listed.calls:
        assert one.state == CallState.CALL_STATE_ENDED
        assert one.carrier_config == config.carrier_config_id
        if one.address in rung:
            there = rung[one.address]
            assert there.disposition is not None
            assert Disposition.Name(one.disposition) == f"DISPOSITION_{there.disposition.name}"
            assert one.carrier_call_id == there.carrier_call_id
        else:
            assert one.reason in {"NOT_PLACED", "TWILIO_21211", "TELNYX_10016", "PLIVO_TO"}
    assert {one.address for one in listed.calls} == {row.address for row in rows.scheduled_calls}
    assert_limits_held(far, config, [one.send_time for one in listed.calls])
    shown = await server("GetCarrierConfig", carrier_config_id=config.carrier_config_id)
    assert shown.carrier_config.active_calls == 0
    account = await server("ListAccounts")
    assert account.accounts[0].active_calls == 0


def assert_limits_held(far: FarCarrier, config: CarrierConfig, sent: Iterable[Timestamp]) -> None:
    """Those of the account: at the far end no more calls were ever alive, and no window of a
    second holds more that were let go."""
    most, rate = config.max_concurrent_calls, int(config.calls_per_second)
    assert not most or far.live_most <= most
    moments = sorted(moment.ToNanoseconds() for moment in sent)
    for first, behind in zip(moments, moments[rate:], strict=False):
        assert behind - first >= 1_000_000_000
