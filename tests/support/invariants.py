"""What is true of a store at every moment between two transactions."""

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from typing import Any

from outdial_server.domain.batch import ENDED_STATES, Batch, BatchState
from outdial_server.domain.event import BatchAfter, Event, EventType, ScheduledCallAfter
from outdial_server.domain.ids import BatchId
from outdial_server.domain.scheduled_call import (
    DispatchOutcome,
    ScheduledCall,
    ScheduledCallState,
)
from outdial_server.domain.time_zones import local_day, moment_of
from outdial_server.storage.encoding import micros, pack_id, unpack_id
from outdial_server.storage.store import Store
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.event_reading import read_events, read_rows
from outdial_server.storage.verbs.held_rows import HELD_US
from outdial_server.storage.verbs.throttle_log import rules_from
from outdial_server.storage.verbs.upkeep import audit_slots

_ALL = 1_000_000
_STATE_COUNTS = tuple(state.name.lower() for state in ScheduledCallState)


async def check_invariants(store: Store) -> None:
    """Raises AssertionError naming the promise that is broken."""
    # In SQLite's writer each statement is a call, with its readers a trip to a thread.
    transact = store.database.write if store.is_alone else store.database.read
    await transact(_check)


def _check(tx: Tx) -> None:
    """In one transaction: all of it is true at one moment."""
    for packed, oldest in _sql(
        tx, "SELECT id, oldest_seq FROM batches WHERE revealed_us IS NOT NULL AND erasure IS NULL"
    ):
        _check_batch(tx, BatchId(unpack_id(packed)), oldest)
    _check_erasing(tx)
    _check_ledger(tx)
    _check_calls(tx)
    _check_suppressions(tx)
    _check_throttles(tx)
    _check_contacts(tx)
    _check_numbers(tx)


def _sql(tx: Tx, statement: str, **parameters: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in tx.all(statement, **parameters)]


def _check_batch(tx: Tx, batch_id: BatchId, oldest: int) -> None:
    page = read_rows(tx, batch_id, -1, _ALL)
    batch, rows = page.batch, list(page.rows)
    events = list(read_events(tx, batch_id, oldest - 1, _ALL).events)
    _check_counts(batch, rows)
    _check_call_counts(tx, batch)
    _check_dials(tx, batch)
    _check_end(batch)
    _check_log(batch, rows, events, oldest)


def _check_counts(batch: Batch, rows: list[ScheduledCall]) -> None:
    counted = Counter(row.state.name.lower() for row in rows)
    kept = {name: getattr(batch.counts, name) for name in _STATE_COUNTS}
    assert kept == {name: counted[name] for name in _STATE_COUNTS}, "counts are those of the rows"
    assert sum(kept.values()) == batch.counts.total == len(rows), "states add up to the total"
    assert [row.position for row in rows] == list(range(len(rows))), "positions have no gap"
    accepted = sum(row.dispatch_outcome is DispatchOutcome.ACCEPTED for row in rows)
    refused = sum(
        row.dispatch_outcome is DispatchOutcome.REFUSED and row.ended_at is not None for row in rows
    )
    assert batch.counts.dispatch_accepted == accepted, "dispatches accepted"
    assert batch.counts.dispatch_refused == refused, "dispatches refused for good"
    left = sum(
        row.dispatch_outcome is not DispatchOutcome.ACCEPTED and row.ended_at is None
        for row in rows
    )
    assert batch.counts.undispatched == left, "who is left to dispatch"
    is_over = left == 0 and (rows or batch.ended_at is not None)
    assert (batch.dispatch_ended_at is not None) == bool(is_over), "since when nobody is left"
    for row in rows:
        over = row.state >= ScheduledCallState.COMPLETED
        assert (row.ended_at is not None) == over, "a row that is over says when it ended"
        assert row.due_at is None or row.state is ScheduledCallState.WAITING


def _check_call_counts(tx: Tx, batch: Batch) -> None:
    found = _sql(
        tx,
        "SELECT c.state, COUNT(*) FROM calls c JOIN batches b ON b.key = c.batch_key "
        "WHERE b.id = :id GROUP BY c.state",
        id=pack_id(batch.batch_id),
    )
    by_state = dict(found)
    assert batch.counts.sends_in_flight == by_state.get(2, 0), "sends in flight"
    assert batch.counts.unknown == by_state.get(6, 0), "unknown calls"


def _check_dials(tx: Tx, batch: Batch) -> None:
    cap, zone = batch.settings.max_calls_per_day, batch.settings.time_zone
    today = local_day(zone, tx.now)
    if cap is None or batch.dial_day != today.toordinal():
        return
    midnight = micros(moment_of(zone, today, 0))
    ((sent,),) = _sql(
        tx,
        "SELECT COUNT(*) FROM calls c JOIN batches b ON b.key = c.batch_key "
        "WHERE b.id = :id AND c.sent_us >= :midnight",
        id=pack_id(batch.batch_id),
        midnight=midnight,
    )
    assert batch.dials_on_day == sent, "the dials of the day are those of the calls"


def _check_end(batch: Batch) -> None:
    if batch.ended_at is not None:
        assert batch.counts.unfinished == 0, "an ended batch has nothing unfinished"
        assert batch.state in ENDED_STATES
        assert batch.settling_to is None
    elif batch.state is not BatchState.DRAFT and batch.counts.total:
        assert batch.counts.unfinished > 0, "a batch with nothing unfinished has ended"


def _check_ends(batch: Batch, events: list[Event]) -> None:
    """What a watcher relies on: behind an end stands nothing, unless the batch goes on, but
    what was said in its calls."""
    events = [event for event in events if event.type is not EventType.CONVERSATION_REPORTED]
    for event, following in zip(events, [*events, None][1:], strict=True):
        if event.type is not EventType.BATCH_ENDED:
            continue
        if following is None:
            assert batch.ended_at is not None, "the end stands"
        elif following.type is not EventType.BATCH_DELETED:
            assert isinstance(following.after, BatchAfter), "a retry follows"
            assert following.after.state not in ENDED_STATES, "a retry follows"
    if batch.ended_at is not None and events:
        kinds = {EventType.BATCH_ENDED, EventType.BATCH_DELETED}
        assert events[-1].type in kinds, "an end that stands is the last event"


def _check_log(batch: Batch, rows: list[ScheduledCall], events: list[Event], oldest: int) -> None:
    """From the oldest event on, which is the first unless some were erased."""
    whole = list(range(oldest, batch.sequence + 1))
    assert [e.sequence for e in events] == whole, "no gap in the log"
    _check_ends(batch, events)
    newest_of_row: dict[str, ScheduledCallAfter] = {}
    newest_of_batch: BatchAfter | None = None
    for event in events:
        if isinstance(event.after, BatchAfter):
            _check_previous_state(newest_of_batch, event.after)
            newest_of_batch = event.after
        else:
            newest_of_row[event.after.scheduled_call_id] = event.after
    assert newest_of_batch is not None or oldest > 1
    assert newest_of_batch is None or newest_of_batch == BatchAfter(
        int(batch.state),
        batch.state_reason,
        batch.state_detail,
        batch.counts.total,
        newest_of_batch.previous_state,
    ), "the newest event of the batch is the batch"
    for row in rows:
        after = newest_of_row.get(row.scheduled_call_id)
        if after is None and oldest > 1:
            continue
        if after is None:
            assert row.state is ScheduledCallState.WAITING, "a row without an event waits"
            assert row.dispatch_outcome is DispatchOutcome.NONE
        else:
            assert _shown(row) == _told(after), "the newest event of a row is the row"


def _check_previous_state(before: BatchAfter | None, after: BatchAfter) -> None:
    if before is not None:
        changed_from = None if after.state == before.state else before.state
        assert after.previous_state == changed_from, "an event says from which state it came"


def _shown(row: ScheduledCall) -> tuple[Any, ...]:
    # While it waits, what it shows of calls follows its claims, which are no events.
    waits = row.state is ScheduledCallState.WAITING
    call = () if waits else (row.call_id,)
    return (row.state, row.state_reason, row.dispatch_outcome, row.disposition, *call)


def _told(after: ScheduledCallAfter) -> tuple[Any, ...]:
    waits = after.state is ScheduledCallState.WAITING
    call = () if waits else (after.call_id,)
    # A machine may be heard while the call goes on; how the row ended is not known by then.
    talks = after.state is ScheduledCallState.IN_PROGRESS
    disposition = None if talks else after.disposition
    return (after.state, after.state_reason, after.dispatch_outcome, disposition, *call)


def _check_erasing(tx: Tx) -> None:
    """What is left of batches that are erased."""
    alive = _sql(
        tx,
        "SELECT b.key FROM batches b WHERE b.erasure IS NOT NULL AND (b.ended_us IS NULL "
        "OR b.deleted_us IS NULL OR EXISTS (SELECT 1 FROM calls c WHERE c.batch_key = b.key "
        "AND (c.holds_slot = 1 OR c.trusted_until_us IS NOT NULL)))",
    )
    assert alive == [], "nothing alive is erased, and what is erased is hidden"
    forgotten = _sql(
        tx,
        "SELECT s.owner FROM slots s WHERE s.kind = 4 "
        "AND NOT EXISTS (SELECT 1 FROM batches b WHERE b.key = s.owner)",
    )
    assert forgotten == [], "a batch that is gone leaves no slots"
    lost = _sql(
        tx,
        "SELECT e.batch_key FROM events e "
        "WHERE NOT EXISTS (SELECT 1 FROM batches b WHERE b.key = e.batch_key)",
    )
    assert lost == [], "a batch that is gone leaves no events"


def _check_ledger(tx: Tx) -> None:
    assert audit_slots(tx) == [], "the ledger is what the calls hold"
    for kind, owner, target, hard, used in _sql(
        tx, "SELECT kind, owner, target_cap, hard_cap, used FROM slots"
    ):
        scope = f"scope {kind}:{owner}"
        assert used >= 0, scope
        assert (hard is None) == (target is None), scope
        if target is not None:
            assert hard == max(target, used), f"{scope}: the hard cap follows use to the target"
    wrong = _sql(
        tx,
        "SELECT a.key FROM accounts a JOIN slots s ON s.kind = 1 AND s.owner = a.key "
        "JOIN slots b ON b.kind = 2 AND b.owner = a.key "
        "WHERE s.target_cap <> a.max_concurrent_calls "
        "OR b.target_cap <> a.max_concurrent_calls - a.reserved_slots",
    )
    assert wrong == [], "caps are what the accounts say"


def _check_calls(tx: Tx) -> None:
    twice = _sql(
        tx,
        "SELECT scheduled_key FROM calls WHERE state BETWEEN 2 AND 6 "
        "GROUP BY scheduled_key HAVING COUNT(*) > 1",
    )
    assert twice == [], "nobody has two calls at once"
    several = _sql(
        tx,
        "SELECT scheduled_key FROM calls WHERE state <> 7 "
        "GROUP BY scheduled_key HAVING COUNT(*) > 1",
    )
    assert several == [], "nobody has two open calls"
    numbers = _sql(
        tx,
        "SELECT scheduled_key FROM calls GROUP BY scheduled_key "
        "HAVING MIN(attempt) <> 1 OR MAX(attempt) <> COUNT(*) "
        "OR COUNT(DISTINCT attempt) <> COUNT(*)",
    )
    assert numbers == [], "tries are numbered 1, 2, 3"
    miscounted = _sql(
        tx,
        "SELECT s.key FROM scheduled_calls s WHERE s.attempts <> "
        "(SELECT COUNT(*) FROM calls c WHERE c.scheduled_key = s.key AND c.state = 7)",
    )
    assert miscounted == [], "a row counts the tries that are over"
    homeless = _sql(
        tx,
        "SELECT s.key FROM scheduled_calls s JOIN batches b ON b.key = s.batch_key "
        "LEFT JOIN calls c ON c.key = s.call_key "
        "WHERE s.final_state IS NULL AND s.position < b.next_position AND ("
        "(s.due_us IS NULL AND (c.key IS NULL OR c.state = 7 "
        "OR (c.state = 1 AND c.holds_slot = 0))) "
        "OR (s.due_us IS NOT NULL AND c.state IS NOT NULL "
        "AND NOT (c.state = 7 OR (c.state = 1 AND c.holds_slot = 0))))",
    )
    assert homeless == [], "an open row either waits or has a call at work, never both or neither"
    silent = _sql(
        tx,
        "SELECT key FROM calls WHERE (state = 7) <> (disposition IS NOT NULL) "
        "AND NOT (state = 5 AND disposition = 2)",
    )
    assert silent == [], "whoever has ended says how, and nobody else but who talks to a machine"
    _check_watched(tx)


def _check_suppressions(tx: Tx) -> None:
    miscounted = _sql(
        tx,
        "SELECT a.key FROM accounts a WHERE a.suppressions <> "
        "(SELECT COUNT(*) FROM suppressions p WHERE p.account_key = a.key)",
    )
    assert miscounted == [], "an account counts the entries of its list"


def _check_throttles(tx: Tx) -> None:
    """As far as the calls are still there, whose moments are those that were counted."""
    hits = _sql(tx, "SELECT throttle_key, at_us, hits, total FROM throttle_hits ORDER BY 1, 2")
    for (key, *_, total), (next_key, _, n, next_total) in pairwise(hits):
        assert key != next_key or next_total == total + n, "totals run on"
    throttles = _sql(tx, "SELECT key, rules_json, total, updated_us FROM throttles")
    for key, rules_json, total, changed_us in throttles:
        of_key = [row for row in hits if row[0] == key]
        assert not of_key or of_key[-1][3] == total, "the last total is the throttle's"
        counted = {at_us: n for _, at_us, n, _ in of_key if n}
        sent = Counter(
            at_us
            for (at_us,) in _sql(
                tx,
                "SELECT sent_us FROM calls WHERE throttle_key = :key AND sent_us > 0 UNION ALL "
                "SELECT rate_us FROM calls WHERE rate_key = :key AND sent_us > 0",
                key=key,
            )
        )
        for at_us, n in sent.items():
            assert at_us not in counted or n <= counted[at_us], "nobody is sent uncounted"
        for rule in rules_from(rules_json):
            window_us = rule.window // timedelta(microseconds=1)
            # What was sent before the rule was changed may be more than it lets go now.
            for last in (at_us for at_us in sent if at_us > changed_us):
                inside = sum(n for at_us, n in sent.items() if 0 <= last - at_us < window_us)
                assert inside <= rule.max_calls, "no window holds more than its rule"


def _check_contacts(tx: Tx) -> None:
    miscounted = _sql(
        tx,
        "SELECT f.key FROM contact_folders f WHERE f.deleted_us IS NULL AND f.contact_count <> "
        "(SELECT COUNT(*) FROM contacts c WHERE c.folder_key = f.key)",
    )
    assert miscounted == [], "a folder counts its contacts"
    homeless = _sql(
        tx,
        "SELECT s.seq FROM staged_contacts s LEFT JOIN imports i ON i.key = s.import_key "
        "WHERE i.key IS NULL OR i.state IN (1, 2)",
    )
    assert homeless == [], "staged contacts belong to an import that has not ended"


def _check_watched(tx: Tx) -> None:
    """Whoever holds a slot is looked at one day; who does not and is over, never."""
    forgotten = _sql(tx, "SELECT key FROM calls WHERE holds_slot = 1 AND trusted_until_us IS NULL")
    assert forgotten == [], "no slot is held by a call that nobody will look at"
    haunting = _sql(
        tx,
        "SELECT key FROM calls WHERE (state = 7 OR (state = 1 AND holds_slot = 0)) "
        "AND (trusted_until_us IS NOT NULL OR holds_slot = 1)",
    )
    assert haunting == [], "a call that is over holds nothing and is left alone"


def _check_numbers(tx: Tx) -> None:
    forgotten = _sql(
        tx,
        "SELECT s.key FROM scheduled_calls s WHERE s.due_us = :held AND NOT EXISTS "
        "(SELECT 1 FROM held_rows h WHERE h.row_key = s.key AND h.batch_key = s.batch_key "
        "AND h.rank = s.rank AND h.ready_us = s.ready_us)",
        held=HELD_US,
    )
    assert forgotten == [], "whoever waits for a number is found when it has a slot"
    strange = _sql(
        tx,
        "SELECT c.key FROM calls c JOIN phone_numbers n ON n.key = c.phone_number_key "
        "WHERE c.caller_id <> n.address OR c.account_key <> n.account_key",
    )
    assert strange == [], "a call counts in the slots of the number that it shows"
    misplaced = _sql(
        tx,
        "SELECT g.key FROM agents g LEFT JOIN phone_numbers n ON n.agent_key = g.key "
        "GROUP BY g.key, g.outbound_numbers HAVING COUNT(n.key) <> g.outbound_numbers "
        "OR COUNT(DISTINCT n.place) <> COUNT(n.key)",
    )
    assert misplaced == [], "numbers of an agent are counted, each with a place of its own"
