"""Watchers: how soon they hear, and what they cost those who dial."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.apart import apart
from benchmarks.bare_streams import BareStreams
from benchmarks.lists import sqlite_url, store_list
from benchmarks.options import Options
from benchmarks.report import Goal, Measure, RowReport, at_most, measure, ratio_at_most
from benchmarks.services import Outdial, Service
from benchmarks.size import begin_dialling
from benchmarks.watch_clients import Crowd, Heard, Window, hear, hear_bare

_QUICK_MS = 20
_EASY_MS = 250
_EVENTS_A_CALL = 5
# Calls of 200 ms on the average: many that end in step would be told in step.
_PROFILE = "fast,request_latency_ms=5-15,setup_ms=20-40,ring_ms=40-80,talk_ms=80-120"
_CALL_SECONDS = 0.2
# A window with its beginning, its end and the reading of what was heard.
_AROUND_A_WINDOW_SECONDS = 25


@dataclass(frozen=True, slots=True)
class Dialling:
    """So many events a second, held by so many calls at once, and who listens in turn."""

    events_per_second: int
    crowds: tuple[Crowd, ...]

    @property
    def slots(self) -> int:
        return round(self.events_per_second / _EVENTS_A_CALL * _CALL_SECONDS)


def watch(options: Options) -> Iterator[RowReport]:
    few = options.amount(100, 100, 10)
    nobody, easy, quick = Crowd(0, 0), Crowd(few, _EASY_MS), Crowd(few, _QUICK_MS)
    many = Crowd(few * 10, _EASY_MS)
    profiles: list[str] = []
    busy = Dialling(1000, (nobody, easy, quick) * options.rounds)
    windows = _windows(options, busy, profiles)
    calm = Dialling(100, (many,) * options.rounds)
    yield RowReport(
        "watch",
        (
            *_latencies(options, 1000, quick, windows[2::3], at_most(50)),
            *_latencies(options, 100, many, _windows(options, calm, profiles), at_most(300)),
            *_costs(windows[0::3], windows[1::3], easy, ratio_at_most(1.1)),
            *_costs(windows[0::3], windows[2::3], quick, ratio_at_most(1.1)),
        ),
        tuple(profiles),
    )


def _windows(options: Options, dialling: Dialling, profiles: list[str]) -> list[Window]:
    folder = options.folder / f"events-{dialling.events_per_second}"
    folder.mkdir()
    seconds = options.amount(6, 4, 2)
    longest = (len(dialling.crowds) + 1) * (seconds + _AROUND_A_WINDOW_SECONDS)
    rows = longest * dialling.events_per_second // _EVENTS_A_CALL
    stored = apart(store_list, sqlite_url(folder / "outdial.db"), rows, dialling.slots)
    settings = (("simulate", True), ("simulate_profile", _PROFILE))
    with Service(folder, Outdial(stored.url, settings)) as server:
        apart(begin_dialling, server.address, stored.batch_id)
        windows = apart(hear, server.address, server.ids, stored.batch_id, dialling.crowds, seconds)
        if options.profile:
            server.begin_profile()
            crowd = dialling.crowds[-1:]
            apart(hear, server.address, server.ids, stored.batch_id, crowd, seconds)
            title = f"CPU of the loop, watched at {dialling.events_per_second} events/s"
            profiles.append(server.end_profile(title))
    return windows


def _latencies(
    options: Options, events: int, crowd: Crowd, windows: Sequence[Window], goal: Goal
) -> Iterator[Measure]:
    bare = [_bare(options, events, crowd, number) for number in range(options.rounds)]
    heard = [window.heard for window in windows if window.heard is not None]
    rates = [window.calls * _EVENTS_A_CALL / window.seconds for window in windows]
    told = f"{crowd.watchers:,} watchers, {events:,} events/s, told each {crowd.interval_ms} ms"
    yield measure(
        f"{told}: p99",
        "ms",
        [one.p99_ms for one in heard],
        goal,
        limit_name="bare streams",
        limits=[one.p99_ms for one in bare],
    )
    yield measure(
        "the same: p50",
        "ms",
        [one.p50_ms for one in heard],
        limit_name="bare streams",
        limits=[one.p50_ms for one in bare],
    )
    yield measure("the same: events that there really were", "/s", rates)


def _bare(options: Options, events: int, crowd: Crowd, number: int) -> Heard:
    folder = options.folder / f"bare-{events}-{number}"
    folder.mkdir()
    with Service(folder, BareStreams(events, crowd.interval_ms)) as server:
        return apart(hear_bare, server.address, crowd, options.amount(6, 4, 2))


def _costs(
    without: Sequence[Window], watched: Sequence[Window], crowd: Crowd, goal: Goal
) -> Iterator[Measure]:
    yield measure(
        f"CPU a call with {crowd.watchers} watchers told each {crowd.interval_ms} ms",
        "us",
        [window.cpu_us_per_call for window in watched],
        goal,
        limit_name="without",
        limits=[window.cpu_us_per_call for window in without],
    )
    yield measure(
        "the same, of the writer's thread",
        "us",
        [window.cpu.writer / window.calls * 1e6 for window in watched],
        limit_name="without",
        limits=[window.cpu.writer / window.calls * 1e6 for window in without],
    )
