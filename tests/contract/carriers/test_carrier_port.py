"""What the engine may rely on, whatever the carrier: one suite over both forms of the simulated
one, over each real one's adapter with that carrier's own API at the far end, and over the webhook
that stands in the place of one. Each test names the abilities that it is about."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest

from outdial_server.carriers.simulated.profile import SimulationProfile, with_settings
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.carrier_config import OverRate
from outdial_server.domain.ids import CallId
from outdial_server.domain.report import CallReport, Fault, ReportKind, in_order
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.domain.transition import advance
from outdial_server.ports.carrier import (
    Accepted,
    CallQuery,
    DialRequest,
    Found,
    ListsCalls,
    NobodyToAsk,
    NoSuchCall,
    NotSent,
    RawCallback,
    Refused,
    Unclear,
)
from support.all_carriers import Ability, Subject, on_carriers
from support.carrier_lines import Line, WireLine
from support.clock import START
from support.domain import a_call, after
from support.requests import REQUEST

OpenLine = Callable[..., Awaitable[Line]]

QUERY = CallQuery(REQUEST.call_id, "", REQUEST.address, sent_at=datetime.now(UTC))
# Another call, to another number: by that some carriers tell calls apart.
WAITING = replace(REQUEST, call_id=CallId("waiting"), address="+15551230002")
FOR_WAITING = replace(QUERY, call_id=WAITING.call_id, address=WAITING.address)
LONG = "talk_ms=3600000"

# Answered by a human within milliseconds.
WILLING = with_settings(
    SimulationProfile(),
    [
        *(f"{name}=0" for name in ("answered_machine", "busy", "no_answer", "rejected", "failed")),
        "invalid_number=0",
        "request_latency_ms=0-2",
        "ring_ms=1-20",
        "talk_ms=1-20",
    ],
)


@pytest.fixture
async def open_line(carrier: Subject, tmp_path: Path) -> AsyncIterator[OpenLine]:
    async with AsyncExitStack() as stack:

        async def opened(*settings: str, deadline: timedelta = CARRIER_DEADLINE) -> Line:
            profile = with_settings(WILLING, settings)
            return await stack.enter_async_context(carrier.line(profile, tmp_path, deadline))

        yield opened


async def place(line: Line, request: DialRequest = REQUEST) -> str:
    result = await line.carrier.place_call(request)
    assert isinstance(result, Accepted)
    return result.carrier_call_id


@on_carriers(Ability.TELLS)
async def test_an_accepted_call_reports_its_life(open_line: OpenLine) -> None:
    line = await open_line()
    carrier_call_id = await place(line)
    ended = await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
    await line.news.wait_until(lambda: len(line.news.reports) == 3)
    assert sorted(line.news.kinds(REQUEST.call_id)) == [
        ReportKind.RINGING,
        ReportKind.ANSWERED,
        ReportKind.ENDED,
    ]
    assert ended.disposition is Disposition.ANSWERED_HUMAN
    assert {report.carrier_call_id for report in line.news.reports} == {carrier_call_id}
    assert {report.fence for report in line.news.reports} == {None}


@on_carriers(Ability.TELLS)
@pytest.mark.parametrize(
    ("outcome", "disposition"),
    [
        ("busy", Disposition.BUSY),
        ("no_answer", Disposition.NO_ANSWER),
        ("rejected", Disposition.REJECTED),
        ("failed", Disposition.FAILED),
    ],
)
async def test_every_outcome_is_reported(
    open_line: OpenLine, outcome: str, disposition: Disposition
) -> None:
    line = await open_line("answered_human=0", f"{outcome}=1")
    await place(line)
    await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
    await line.news.wait_until(lambda: outcome_of(line.news.reports) is disposition)


@on_carriers(Ability.LISTENS)
async def test_a_machine_is_told_from_a_person(open_line: OpenLine) -> None:
    line = await open_line("answered_human=0", "answered_machine=1")
    await place(line)
    await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
    machine = Disposition.ANSWERED_MACHINE
    await line.news.wait_until(lambda: outcome_of(line.news.reports) is machine)


def outcome_of(reports: list[CallReport]) -> Disposition | None:
    """What the domain makes of them: who answered may be said before the end alone."""
    call, outcome = a_call(), None
    for report in in_order(reports):
        transition = advance(call, report, START)
        call = after(call, transition)
        outcome = outcome if transition is None else transition.disposition
    return outcome


@on_carriers(Ability.TELLS)
async def test_a_ring_stops_at_the_ring_timeout(open_line: OpenLine) -> None:
    line = await open_line("ring_ms=3600000")
    await place(line, replace(REQUEST, ring_timeout=timedelta(milliseconds=50)))
    ended = await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
    assert ended.disposition is Disposition.NO_ANSWER


@on_carriers(Ability.TELLS)
async def test_a_talk_stops_at_the_maximum_duration(open_line: OpenLine) -> None:
    line = await open_line(LONG)
    await place(line, replace(REQUEST, max_duration=timedelta(milliseconds=50)))
    ended = await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
    assert ended.disposition is Disposition.ANSWERED_HUMAN


@on_carriers(Ability.IS_ASKED)
async def test_a_live_call_is_found_by_either_id(open_line: OpenLine) -> None:
    line = await open_line(LONG)
    carrier_call_id = await place(line)
    await line.news.wait_for(REQUEST.call_id, ReportKind.ANSWERED)
    by_ours = await line.carrier.look_up(QUERY)
    by_theirs = await line.carrier.look_up(replace(QUERY, carrier_call_id=carrier_call_id))
    assert by_ours == by_theirs
    assert isinstance(by_ours, Found)
    assert by_ours.report is not None
    assert by_ours.report.call_id == REQUEST.call_id
    assert by_ours.report.kind is ReportKind.ANSWERED
    assert by_ours.report.carrier_call_id == carrier_call_id


@on_carriers(Ability.IS_ASKED)
async def test_an_ended_call_is_found_as_it_ended(open_line: OpenLine) -> None:
    line = await open_line("answered_human=0", "busy=1")
    await place(line)
    ended = await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
    found = await line.carrier.look_up(QUERY)
    assert isinstance(found, Found)
    assert found.report is not None
    assert found.report._replace(rang=ended.rang) == ended
    assert found.report.rang is not False


@on_carriers(Ability.IS_ASKED)
async def test_a_queued_call_is_found_as_accepted(open_line: OpenLine) -> None:
    line = await open_line("mode=queueing", "max_concurrent_calls=1", LONG)
    await place(line)
    await place(line, WAITING)
    found = await line.carrier.look_up(FOR_WAITING)
    assert isinstance(found, Found)
    assert found.report is not None
    assert found.report.kind is ReportKind.ACCEPTED


@on_carriers(Ability.IS_ASKED)
async def test_looking_up_changes_nothing(open_line: OpenLine) -> None:
    line = await open_line(LONG)
    await place(line)
    await line.news.wait_for(REQUEST.call_id, ReportKind.ANSWERED)
    assert await line.carrier.look_up(QUERY) == await line.carrier.look_up(QUERY)
    assert ReportKind.ENDED not in line.news.kinds(REQUEST.call_id)


@on_carriers(Ability.IS_ASKED)
async def test_a_call_that_never_was_is_not_found(open_line: OpenLine) -> None:
    line = await open_line()
    assert await line.carrier.look_up(QUERY) == NoSuchCall()
    assert await line.carrier.look_up(replace(QUERY, carrier_call_id="SIM0")) == NoSuchCall()


@on_carriers(Ability.HANGS_UP)
async def test_hanging_up_ends_a_talk_as_answered(open_line: OpenLine) -> None:
    line = await open_line(LONG)
    carrier_call_id = await place(line)
    await line.news.wait_for(REQUEST.call_id, ReportKind.ANSWERED)
    assert await line.carrier.hang_up(replace(QUERY, carrier_call_id=carrier_call_id))
    ended = await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
    assert ended.disposition is Disposition.ANSWERED_HUMAN


@on_carriers(Ability.HANGS_UP)
@pytest.mark.parametrize("stage", ["ring_ms=3600000", "setup_ms=3600000"])
async def test_hanging_up_before_the_answer_cancels(open_line: OpenLine, stage: str) -> None:
    line = await open_line(stage)
    await place(line)
    assert await line.carrier.hang_up(QUERY), "by our id alone"
    ended = await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
    assert ended.disposition is (Disposition.CANCELLED)
    assert ReportKind.ANSWERED not in line.news.kinds(REQUEST.call_id)


async def rang_on_record(line: Line, query: CallQuery) -> bool | None:
    """None where the carrier does not say."""
    found = await line.carrier.look_up(query)
    return found.report.rang if isinstance(found, Found) and found.report is not None else None


@on_carriers(Ability.HANGS_UP)
async def test_hanging_up_a_queued_call_lets_it_never_ring(open_line: OpenLine) -> None:
    line = await open_line("mode=queueing", "max_concurrent_calls=1", LONG)
    await place(line)
    await place(line, WAITING)
    assert await line.carrier.hang_up(FOR_WAITING)
    await line.news.wait_for(WAITING.call_id, ReportKind.ENDED)
    assert line.news.kinds(WAITING.call_id) == [ReportKind.ENDED]
    assert not await rang_on_record(line, FOR_WAITING)


@on_carriers(Ability.HANGS_UP)
async def test_a_call_that_is_cancelled_as_it_rings_has_rung(open_line: OpenLine) -> None:
    line = await open_line("ring_ms=3600000")
    await place(line)
    await line.news.wait_for(REQUEST.call_id, ReportKind.RINGING)
    assert await line.carrier.hang_up(QUERY)
    await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
    assert await rang_on_record(line, QUERY) is not False


@on_carriers(Ability.QUEUES)
async def test_a_call_that_is_taken_back_and_was_answered_meanwhile_goes_on(
    open_line: OpenLine,
) -> None:
    line = await open_line("mode=queueing", LONG)
    carrier_call_id = await place(line)
    query = replace(QUERY, carrier_call_id=carrier_call_id)
    await line.news.wait_for(REQUEST.call_id, ReportKind.ANSWERED)
    await line.carrier.hang_up(query, unless_answered=True)
    found = await line.carrier.look_up(query)
    assert isinstance(found, Found)
    assert found.report is not None
    assert found.report.kind is ReportKind.ANSWERED


@on_carriers(Ability.HANGS_UP)
async def test_hanging_up_what_is_over_or_never_was_succeeds(open_line: OpenLine) -> None:
    line = await open_line()
    assert await line.carrier.hang_up(QUERY)
    carrier_call_id = await place(line)
    await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
    assert await line.carrier.hang_up(replace(QUERY, carrier_call_id=carrier_call_id))
    assert line.news.kinds(REQUEST.call_id).count(ReportKind.ENDED) == 1


@on_carriers(Ability.GIVES_REASONS)
async def test_an_invalid_number_is_refused_for_this_call(open_line: OpenLine) -> None:
    line = await open_line("answered_human=0", "invalid_number=1")
    result = await line.carrier.place_call(REQUEST)
    assert isinstance(result, Refused)
    assert (result.fault, result.disposition) == (Fault.CALL, Disposition.INVALID_NUMBER)
    assert await line.carrier.look_up(QUERY) == NoSuchCall()


@on_carriers(Ability.GIVES_REASONS)
async def test_bad_credentials_are_a_fault_of_configuration(open_line: OpenLine) -> None:
    line = await open_line("create_unauthorized=1")
    result = await line.carrier.place_call(REQUEST)
    assert isinstance(result, Refused)
    assert result.fault is Fault.CONFIGURATION


@on_carriers()
async def test_an_account_that_is_in_order_has_no_fault(open_line: OpenLine) -> None:
    line = await open_line()
    assert await line.carrier.check_account() is None


@on_carriers(Ability.GIVES_REASONS)
async def test_a_throttled_call_was_not_placed(open_line: OpenLine) -> None:
    line = await open_line("create_throttled=1")
    result = await line.carrier.place_call(REQUEST)
    assert isinstance(result, NotSent)
    assert result.retry_after is not None
    assert result.retry_after > timedelta(0)
    assert await line.carrier.look_up(QUERY) == NoSuchCall()


@on_carriers(Ability.GIVES_REASONS)
async def test_a_throttled_call_is_taken_when_it_comes_again(open_line: OpenLine) -> None:
    line = await open_line("create_throttled=0.5")
    for number in range(20):
        request = replace(REQUEST, call_id=CallId(f"ours-{number}"))
        while not isinstance(await line.carrier.place_call(request), Accepted):
            pass
        found = await line.carrier.look_up(replace(QUERY, call_id=request.call_id))
        assert isinstance(found, Found)


@on_carriers(Ability.GIVES_REASONS)
async def test_a_refusing_carrier_turns_away_what_is_above_its_cap(open_line: OpenLine) -> None:
    line = await open_line("max_concurrent_calls=1", LONG)
    await place(line)
    second = replace(REQUEST, call_id=CallId("second"))
    assert isinstance(await line.carrier.place_call(second), NotSent)
    assert await line.carrier.hang_up(QUERY)
    await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
    await place(line, second)


@on_carriers()
@pytest.mark.parametrize(
    "settings",
    [("answered_human=0", "invalid_number=1"), ("create_unauthorized=1",), ("create_throttled=1",)],
)
async def test_who_is_turned_away_is_not_called(
    open_line: OpenLine, settings: tuple[str, ...]
) -> None:
    line = await open_line(*settings)
    assert isinstance(await line.carrier.place_call(REQUEST), Refused | NotSent)
    assert await line.placed() == 0


@on_carriers(Ability.HAS_API)
async def test_a_call_without_an_answer_is_unclear_whether_it_was_placed_or_not(
    open_line: OpenLine,
) -> None:
    for fault, placed in (("create_reset", 0), ("create_reset_placed", 1)):
        line = await open_line(f"{fault}=1")
        assert isinstance(await line.carrier.place_call(REQUEST), Unclear)
        assert await line.placed() == placed


@on_carriers(Ability.HAS_API, Ability.IS_ASKED)
@pytest.mark.parametrize("fault", ["create_error", "create_reset"])
async def test_an_unclear_call_is_found_exactly_when_it_was_placed(
    open_line: OpenLine, fault: str
) -> None:
    never = await open_line(f"{fault}=1")
    assert isinstance(await never.carrier.place_call(REQUEST), Unclear)
    assert await never.carrier.look_up(QUERY) == NoSuchCall()

    placed = await open_line(f"{fault}_placed=1")
    assert isinstance(await placed.carrier.place_call(REQUEST), Unclear)
    assert isinstance(await placed.carrier.look_up(QUERY), Found)
    await placed.news.wait_for(REQUEST.call_id, ReportKind.ENDED)


@on_carriers(Ability.TELLS, Ability.SPEAKS_HTTP)
async def test_news_may_come_before_the_answer_to_the_request(open_line: OpenLine) -> None:
    line = await open_line()
    assert isinstance(line, WireLine)
    line.answers.hold()
    placing = asyncio.create_task(line.carrier.place_call(REQUEST))
    ended = await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
    assert not placing.done()
    line.answers.let_go()
    assert await placing == Accepted(ended.carrier_call_id)


@on_carriers(Ability.TELLS)
@pytest.mark.parametrize("outcome", ["answered_human", "busy"])
async def test_news_in_any_order_and_told_twice_comes_to_the_same(
    open_line: OpenLine, outcome: str
) -> None:
    line = await open_line("answered_human=0", f"{outcome}=1")
    await place(line)
    news = 3 if outcome == "answered_human" else 2
    await line.news.wait_until(lambda: len(line.news.reports) >= news)
    for order in permutations(line.news.reports[:news]):
        for told in (order, [report for one in order for report in (one, one)], order * 2):
            assert one_by_one(told) is Disposition[outcome.upper()]


def one_by_one(reports: Iterable[CallReport]) -> Disposition | None:
    """What the domain makes of news that is applied as it comes; the call must have ended once."""
    call, outcomes = a_call(), []
    for report in reports:
        transition = advance(call, report, START)
        call = after(call, transition)
        outcomes += [] if transition is None else [transition.disposition]
    assert call.state is CallState.ENDED
    (outcome,) = [one for one in outcomes if one is not None]
    return outcome


@on_carriers(Ability.TELLS, Ability.HANGS_UP)
async def test_a_call_that_is_hung_up_as_it_is_answered_ends_once_and_as_on_record(
    open_line: OpenLine,
) -> None:
    """Whichever comes first: hung up on in its ringing, or in its talk."""
    line = await open_line("ring_ms=1-40", LONG)
    requests = [
        replace(REQUEST, call_id=CallId(f"ours-{n}"), address=f"+155512301{n:02d}")
        for n in range(20)
    ]

    async def hang_up_as_it_rings(request: DialRequest) -> None:
        query = CallQuery(request.call_id, await place(line, request), request.address)
        await line.news.wait_for(request.call_id, ReportKind.RINGING)
        assert await line.carrier.hang_up(query)
        ended = await line.news.wait_for(request.call_id, ReportKind.ENDED)
        found = await line.carrier.look_up(query)
        assert isinstance(found, Found)
        assert found.report is not None
        assert found.report._replace(rang=ended.rang) == ended

    await asyncio.gather(*map(hang_up_as_it_rings, requests))
    ends = [report for report in line.news.reports if report.kind is ReportKind.ENDED]
    assert sorted(end.call_id for end in ends) == sorted(one.call_id for one in requests)
    assert {end.disposition for end in ends} <= {
        Disposition.ANSWERED_HUMAN,
        Disposition.CANCELLED,
    }


@on_carriers(Ability.TELLS, Ability.HAS_API)
async def test_news_that_comes_twice_says_the_same(open_line: OpenLine) -> None:
    line = await open_line("callback_duplicated=1")
    await place(line)
    second = await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED, count=2)
    assert line.news.reports.count(second) == 2


@on_carriers(Ability.TELLS, Ability.HAS_API)
async def test_of_lost_news_the_end_still_comes(open_line: OpenLine) -> None:
    line = await open_line("callback_lost=1")
    await place(line)
    await line.news.wait_for(REQUEST.call_id, ReportKind.ENDED)
    assert line.news.kinds(REQUEST.call_id) == [ReportKind.ENDED]


@on_carriers()
async def test_calls_at_once_keep_apart(open_line: OpenLine, carrier: Subject) -> None:
    line = await open_line()
    requests = [replace(REQUEST, call_id=CallId(f"ours-{n}")) for n in range(50)]
    ids = await asyncio.gather(*(place(line, request) for request in requests))
    assert len(set(ids)) == len(requests) == await line.placed()
    if Ability.TELLS in carrier.abilities:
        for request, carrier_call_id in zip(requests, ids, strict=True):
            ended = await line.news.wait_for(request.call_id, ReportKind.ENDED)
            assert ended.carrier_call_id == carrier_call_id


@on_carriers()
async def test_it_can_do_what_is_said_of_it(open_line: OpenLine, carrier: Subject) -> None:
    """And nothing else: no test leaves it out for nothing."""
    line = await open_line("mode=queueing", LONG)
    await place(line)
    can = {
        Ability.IS_ASKED: await line.carrier.look_up(QUERY) != NobodyToAsk(),
        Ability.HANGS_UP: await line.carrier.hang_up(QUERY),
        Ability.QUEUES: line.carrier.over_rate is OverRate.QUEUES,
        Ability.LISTS: isinstance(line.carrier, ListsCalls),
        Ability.SPEAKS_HTTP: isinstance(line, WireLine),
    }
    assert {one for one in can if can[one]} == carrier.abilities & can.keys()


@on_carriers()
@pytest.mark.parametrize("silence", ["answering=false", "request_latency_ms=3600000"])
async def test_a_carrier_that_is_silent_is_given_up_by_the_deadline(
    open_line: OpenLine, silence: str
) -> None:
    line = await open_line(silence, deadline=timedelta(seconds=0.5))
    started = time.monotonic()
    assert isinstance(await line.carrier.place_call(REQUEST), Unclear)
    assert time.monotonic() - started < CARRIER_DEADLINE.total_seconds(), "by its own one"


@on_carriers()
async def test_a_forged_callback_is_refused(open_line: OpenLine) -> None:
    line = await open_line()
    for headers in ({}, {"x-outdial-simulated-signature": "t=1,v1=00"}):
        forged = RawCallback("simulated", "", "", headers, b'{"status": "ended"}')
        assert not line.carrier.verify_callback(forged)
