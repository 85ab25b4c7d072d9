"""The engine as it is, over its store, with a carrier that does no work."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import uvloop

from benchmarks.lists import StoredList, opened
from benchmarks.local_carriers import InstantCarrier, LocalCarrier, SeenCalls
from benchmarks.meter import Drive, Meter
from benchmarks.profiling import Thread, ThreadProfile
from outdial_server.app.foundation import Foundation
from outdial_server.app.server import build_engine
from outdial_server.carriers.registry import CarrierRegistry
from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import Batch, BatchState
from outdial_server.engine import GatheredReports
from outdial_server.ports.reports import ReportSink
from outdial_server.ports.signals import Topic

_PATIENCE_SECONDS = 180


def drive_product(
    stored: StoredList, calls: int, warm_up: int, seed: int, profiled: Thread | None = None
) -> Drive:
    """Dials `warm_up` and then `calls` people, measured; pauses, and checks every promise
    that the figure rests on."""
    meter = Meter(calls, warm_up)
    text = uvloop.run(
        dial(stored, meter, lambda reports: InstantCarrier(reports, meter.count, seed), profiled)
    )
    return replace(meter.drive, profile=text)


async def dial(
    stored: StoredList,
    meter: Meter,
    make_carrier: Callable[[ReportSink], LocalCarrier],
    profiled: Thread | None = None,
) -> str:
    """Until the meter has what it wants. Returns the profile, if one was asked for."""
    async with opened(stored.url) as base, asyncio.timeout(_PATIENCE_SECONDS):
        reports = GatheredReports(base.signals)
        carrier = make_carrier(reports)
        engine = build_engine(base, CarrierRegistry(carrier), reports)
        before = await get_batch(base, stored)
        await engine.start()
        profile = await _begin_profile(base, profiled)
        await change(
            base, stored, rules.start if before.state is BatchState.DRAFT else rules.resume
        )
        base.signals.wake(Topic.CLAIM)
        await meter.done.wait()
        text = await _end_profile(base, profiled, profile)
        await change(base, stored, rules.pause)
        await until_idle(base, stored)
        await engine.stop()
        await check(base, stored, before, carrier.seen)
    return text


async def get_batch(base: Foundation, stored: StoredList) -> Batch:
    return await base.store.batches.get_batch(stored.account_id, stored.batch_id)


async def change(base: Foundation, stored: StoredList, decide: Callable[..., object]) -> None:
    await base.store.batches.change_batch(stored.account_id, stored.batch_id, decide)


async def until_idle(base: Foundation, stored: StoredList) -> None:
    while True:
        seen = base.signals.revision(stored.batch_id)
        counts = (await get_batch(base, stored)).counts
        if counts.dialing == counts.in_progress == 0:
            return
        await base.signals.wait_changed(stored.batch_id, seen, None)


async def check(base: Foundation, stored: StoredList, before: Batch, seen: SeenCalls) -> None:
    """A fast path that loses or doubles something must not win."""
    after = await get_batch(base, stored)
    dialled = len(seen.addresses)
    assert len(set(seen.addresses)) == dialled, "somebody was dialled twice"
    assert after.counts.completed - before.counts.completed == dialled, "a call did not end"
    assert after.counts.waiting == before.counts.waiting - dialled, "somebody was lost"
    assert seen.most_at_once <= stored.slots, f"{seen.most_at_once} calls at once"
    assert not await base.store.dispatch.audit_slots(), "the ledger differs from its rows"
    events = await base.store.database.read(
        lambda tx: tx.scalar(
            "SELECT COUNT(*) FROM events e JOIN batches b ON b.key = e.batch_key "
            "WHERE b.event_seq = (SELECT MAX(seq) FROM events WHERE batch_key = b.key)"
        )
    )
    assert events == after.sequence, "events are missing"


async def _begin_profile(base: Foundation, profiled: Thread | None) -> ThreadProfile | None:
    if profiled is None:
        return None
    profile = ThreadProfile()
    await _in_thread(base, profiled, profile.begin)
    return profile


async def _end_profile(
    base: Foundation, profiled: Thread | None, profile: ThreadProfile | None
) -> str:
    if profiled is None or profile is None:
        return ""
    await _in_thread(base, profiled, profile.end)
    return profile.text(f"CPU of {profiled.value}, dispatching")


async def _in_thread(base: Foundation, thread: Thread, function: Callable[[], None]) -> None:
    if thread is Thread.WRITER:
        # A verb runs there, whatever it does.
        await base.store.database.write(lambda _: function())
    else:
        function()
