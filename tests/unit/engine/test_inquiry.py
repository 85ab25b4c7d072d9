"""What ends a quarantine: the lists of all carriers, or somebody who lifts it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from structlog.testing import capture_logs

from outdial_server.domain.carrier_config import ConfigRef
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.domain.obstacle import Obstacle
from outdial_server.domain.quarantine import FAILOVER, Quarantine
from outdial_server.engine.obstacles import Obstacles
from outdial_server.engine.quarantine import ASK_EVERY, Inquiry
from outdial_server.ports.carrier import Carrier, ListedCall
from outdial_server.ports.quarantine import Compared, DoubtedAccount, Doubts
from support.carriers import FunctionCarrier
from support.clock import START, ManualClock, ManualSignals

SETTLE = timedelta(seconds=30)
DOUBT_FROM = START - timedelta(minutes=1)
SIMULATED = DoubtedAccount("simulated")
AWAY = UnavailableError(Reason.CARRIER_UNAVAILABLE, "away")


class ListingCarrier(FunctionCarrier):
    def __init__(self) -> None:
        super().__init__()
        self.calls: list[ListedCall] = []
        self.failure: Exception | None = None

    async def list_calls(self, since: datetime, until: datetime) -> Sequence[ListedCall]:
        assert (since, until) == (DOUBT_FROM, START + SETTLE)
        if self.failure is not None:
            raise self.failure
        return self.calls


class Asking:
    def __init__(self, carrier: Carrier | None, account: DoubtedAccount = SIMULATED) -> None:
        self.clock = ManualClock()
        self.carrier = carrier
        self.account = account
        self.obstacles = Obstacles()
        self.inquiry = Inquiry(
            self,
            self._find,
            self.obstacles,
            ManualSignals(self.clock),
            SETTLE,
            frozenset({"twilio"}),
        )
        self.has_claims = False
        self.lifted: list[datetime | None] = []
        self.groups: list[int] = []
        self.obstacles.meet(Obstacle.QUARANTINE, FAILOVER)

    async def _find(self, name: str, config: ConfigRef | None) -> Carrier | None:
        return self.carrier

    async def beat(self) -> Quarantine | None:
        return await self.read_quarantine()

    async def read_quarantine(self) -> Quarantine | None:
        return None if self.lifted else Quarantine(START, DOUBT_FROM, self.clock.now())

    async def read_doubts(self) -> Doubts:
        return Doubts([self.account], self.has_claims)

    async def compare(self, calls: Sequence[ListedCall]) -> Compared:
        self.groups.append(len(calls))
        return Compared(0, sum(call.is_live for call in calls))

    async def begin_quarantine(self, doubt_from: datetime) -> None:
        raise AssertionError("the inquiry begins none")

    async def lift_quarantine(self, begun_at: datetime | None = None) -> bool:
        self.lifted.append(begun_at)
        return True

    async def tick(self) -> datetime | None:
        return await self.inquiry.tick(self.clock.now())


async def test_it_is_lifted_once_the_lists_are_settled_and_nobody_unknown_is_in_a_call() -> None:
    carrier = ListingCarrier()
    asking = Asking(carrier)
    carrier.calls = [ListedCall("SIM1", "+1555", is_live=True)]
    assert await asking.tick() == START + ASK_EVERY
    asking.clock.advance(SETTLE)
    await asking.tick()
    assert asking.lifted == []
    carrier.calls = [ListedCall("SIM1", "+1555", is_live=False)]
    asking.has_claims = True
    await asking.tick()
    assert asking.lifted == []
    asking.has_claims = False
    await asking.tick()
    assert asking.lifted == [START]


async def test_a_long_list_is_compared_in_groups() -> None:
    carrier = ListingCarrier()
    carrier.calls = [ListedCall(f"SIM{n}", "+1555", is_live=False) for n in range(1200)]
    asking = Asking(carrier)
    await asking.tick()
    assert asking.groups == [500, 500, 200]


@pytest.mark.parametrize("failure", [AWAY, TimeoutError(), KeyError("a bug")])
async def test_a_carrier_that_cannot_be_asked_holds_it_and_is_asked_again(
    failure: Exception,
) -> None:
    carrier = ListingCarrier()
    carrier.failure = failure
    asking = Asking(carrier)
    asking.clock.advance(SETTLE)
    await asking.tick()
    assert asking.lifted == []
    carrier.failure = None
    await asking.tick()
    assert asking.lifted == [START]


async def test_a_carrier_without_lists_is_left_to_people_and_told_once() -> None:
    asking = Asking(FunctionCarrier())
    asking.clock.advance(SETTLE)
    with capture_logs() as lines:
        for _ in range(3):
            await asking.tick()
    assert asking.lifted == []
    assert [(line["event"], line["because"]) for line in lines] == [
        ("quarantine.not_listed", "CANNOT_LIST")
    ]


@pytest.mark.parametrize("config", [None, ConfigRef(CarrierConfigId("c-1"))])
async def test_without_the_credentials_that_a_carrier_needs_nobody_was_dialled(
    config: ConfigRef | None,
) -> None:
    asking = Asking(None, DoubtedAccount("twilio", config))
    asking.clock.advance(SETTLE)
    await asking.tick()
    assert asking.lifted == [START]


@pytest.mark.parametrize(
    "account",
    [
        SIMULATED,
        DoubtedAccount("far", ConfigRef(CarrierConfigId("c-1")), has_credentials=True),
        # Which this server cannot read.
        DoubtedAccount("twilio", ConfigRef(CarrierConfigId("c-1")), has_credentials=True),
    ],
)
async def test_whom_a_carrier_that_the_server_lacks_has_called_is_unknown(
    account: DoubtedAccount,
) -> None:
    asking = Asking(None, account)
    asking.clock.advance(SETTLE)
    with capture_logs() as lines:
        for _ in range(2):
            await asking.tick()
    assert asking.lifted == []
    assert [(line["event"], line["because"]) for line in lines] == [
        ("quarantine.not_listed", "CARRIER_NOT_CONFIGURED")
    ]


async def test_nobody_is_asked_without_a_quarantine() -> None:
    carrier = ListingCarrier()
    carrier.failure = AssertionError("asked")
    asking = Asking(carrier)
    asking.obstacles.clear(Obstacle.QUARANTINE)
    assert await asking.tick() is None
