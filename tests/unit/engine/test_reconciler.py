"""The reconciler asks carriers, a few at a time, and never for the same call at once."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from outdial_server.domain.batch_policies import UnknownPolicy
from outdial_server.domain.call import CallState
from outdial_server.domain.carrier_config import ConfigRef
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.domain.ids import CallId, CarrierConfigId
from outdial_server.domain.report import CallReport, ReportKind
from outdial_server.domain.silence import NOT_FOUND_FINAL_AFTER, next_lookup_at
from outdial_server.engine.queues import GatheredReports
from outdial_server.engine.reconciler import GROUP_MOST, Reconciler
from outdial_server.ports.carrier import CallQuery, Found, LookUpResult, NoSuchCall
from outdial_server.ports.dispatch import SilentCall
from outdial_server.ports.signals import Topic
from support.carriers import FunctionCarrier, never_answer
from support.clock import START, ManualClock, ManualSignals, settle
from support.dispatch import MemoryDispatch
from support.domain import TIMES


def silent(number: int = 0, sent_at: datetime = START) -> SilentCall:
    return SilentCall(
        CallId(f"call-{number}"),
        "simulated",
        "",
        "+15550000001",
        CallState.UNKNOWN,
        UnknownPolicy.AT_MOST_ONCE,
        TIMES,
        sent_at,
        lookups=0,
    )


class Reconciling:
    def __init__(self, carrier: FunctionCarrier, deadline: timedelta | None = None) -> None:
        self.clock = ManualClock()
        self.signals = ManualSignals(self.clock)
        self.dispatch = MemoryDispatch(self.clock)
        self.reports = GatheredReports(self.signals)
        self.reconciler = Reconciler(
            self.dispatch,
            carrier.registered,
            self.reports,
            self.signals,
            carrier_deadline=timedelta(seconds=10) if deadline is None else deadline,
        )

    async def tick(self) -> datetime | None:
        return await self.reconciler.tick(self.clock.now())


async def no_such_call(query: CallQuery) -> LookUpResult:
    return NoSuchCall()


async def ringing(query: CallQuery) -> LookUpResult:
    return Found(CallReport(query.call_id, ReportKind.RINGING))


async def test_what_the_carrier_says_is_reported() -> None:
    reconciling = Reconciling(FunctionCarrier(look_up=ringing))
    reconciling.dispatch.add_silent(silent())
    assert await reconciling.tick() == next_lookup_at(0, START)
    assert list(reconciling.reports.take(2)) == [CallReport(CallId("call-0"), ReportKind.RINGING)]


async def test_nothing_is_reported_of_a_call_that_could_not_be_put_off() -> None:
    """It will be looked up again, and reported then."""

    async def break_the_store(query: CallQuery) -> LookUpResult:
        away = UnavailableError(Reason.DATABASE_UNAVAILABLE, "the database is away")
        reconciling.dispatch.fail_once(away)
        return await ringing(query)

    reconciling = Reconciling(FunctionCarrier(look_up=break_the_store))
    reconciling.dispatch.add_silent(silent())
    with pytest.raises(UnavailableError):
        await reconciling.tick()
    assert not reconciling.reports


async def test_a_call_is_looked_up_ever_more_seldom_until_the_answer_is_final() -> None:
    reconciling = Reconciling(FunctionCarrier(look_up=no_such_call))
    reconciling.dispatch.add_silent(silent())
    asked_at: list[timedelta] = []
    while not reconciling.reports:
        asked_at.append(reconciling.clock.now() - START)
        wake_at = await reconciling.tick()
        assert wake_at is not None
        reconciling.clock.move_to(wake_at)
    assert [wait.total_seconds() for wait in asked_at] == [0, 1, 3, 7, 15, 31]
    assert asked_at[-1] >= NOT_FOUND_FINAL_AFTER
    (report,) = reconciling.reports.take(2)
    assert report.kind is ReportKind.NOT_PLACED


async def test_a_call_put_off_is_not_asked_for_before_its_moment() -> None:
    asked: list[CallQuery] = []

    async def count(query: CallQuery) -> LookUpResult:
        asked.append(query)
        return NoSuchCall()

    reconciling = Reconciling(FunctionCarrier(look_up=count))
    reconciling.dispatch.add_silent(silent())
    wake_at = await reconciling.tick()
    assert await reconciling.tick() == wake_at
    assert len(asked) == 1


async def test_carriers_are_asked_a_bounded_number_of_times_at_once() -> None:
    gate = asyncio.Event()
    open_now, most = 0, 0

    async def count(query: CallQuery) -> LookUpResult:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await gate.wait()
        open_now -= 1
        return NoSuchCall()

    reconciling = Reconciling(FunctionCarrier(look_up=count))
    for number in range(3 * GROUP_MOST):
        reconciling.dispatch.add_silent(silent(number))
    ticking = asyncio.create_task(reconciling.tick())
    await settle()
    assert open_now == GROUP_MOST
    gate.set()
    await ticking
    assert most == GROUP_MOST
    looked_up = [c for c in reconciling.dispatch.silent.values() if c.lookups == 1]
    assert len(looked_up) == GROUP_MOST


async def test_a_full_group_is_followed_by_another_at_once() -> None:
    reconciling = Reconciling(FunctionCarrier(look_up=no_such_call))
    for number in range(GROUP_MOST + 1):
        reconciling.dispatch.add_silent(silent(number))
    await reconciling.tick()
    await reconciling.signals.wait(Topic.RECONCILE, None)


async def break_down(query: CallQuery) -> LookUpResult:
    raise KeyError("a bug")


@pytest.mark.parametrize("look_up", [break_down, never_answer])
async def test_a_carrier_that_breaks_or_hangs_proves_nothing_and_holds_nobody_up(
    look_up: Callable[[CallQuery], Awaitable[LookUpResult]],
) -> None:
    async def answer(query: CallQuery) -> LookUpResult:
        if query.call_id == "call-0":
            return await look_up(query)
        return await ringing(query)

    reconciling = Reconciling(FunctionCarrier(look_up=answer), deadline=timedelta(0))
    for number in range(2):
        reconciling.dispatch.add_silent(silent(number))
    await reconciling.tick()
    assert [report.call_id for report in reconciling.reports.take(3)] == ["call-1"]


async def test_a_call_that_must_be_over_is_given_up_though_the_carrier_is_silent() -> None:
    reconciling = Reconciling(FunctionCarrier())
    reconciling.dispatch.add_silent(silent(sent_at=START - timedelta(days=1)))
    await reconciling.tick()
    (report,) = reconciling.reports.take(2)
    assert report.kind is ReportKind.PRESUMED_ENDED


async def test_nothing_silent_is_nothing_to_do() -> None:
    assert await Reconciling(FunctionCarrier()).tick() is None


async def test_a_call_is_looked_up_through_its_carrier_config() -> None:
    carrier = FunctionCarrier(look_up=ringing)
    reconciling = Reconciling(carrier)
    config = ConfigRef(CarrierConfigId("k-1"))
    reconciling.dispatch.add_silent(replace(silent(), carrier_config=config))
    await reconciling.tick()
    assert carrier.configs == [config]


async def test_credentials_that_cannot_be_read_are_asked_for_again() -> None:
    carrier = FunctionCarrier(look_up=ringing)
    carrier.failure = UnavailableError(Reason.DATABASE_UNAVAILABLE, "the database is away")
    reconciling = Reconciling(carrier)
    reconciling.dispatch.add_silent(silent())
    assert await reconciling.tick() == next_lookup_at(0, START)
    assert list(reconciling.reports.take(2)) == []
