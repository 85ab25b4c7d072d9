"""What the store says has happened, on both databases."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.adapters.metrics import PrometheusTelemetry
from outdial_server.domain import batch_rules as rules
from outdial_server.domain.errors import NotFoundError, Reason, UnavailableError
from outdial_server.domain.ids import BatchId
from outdial_server.domain.report import ReportKind
from outdial_server.storage.database import Database
from outdial_server.storage.store import open_store
from outdial_server.storage.stores.dispatch import SqlDispatch
from outdial_server.storage.tx import Tx
from support.clock import ManualClock, ManualSignals
from support.stores import NO_ID, World, report, settled, unclear


@dataclass
class Measured:
    world: World
    registry: CollectorRegistry
    telemetry: PrometheusTelemetry

    def figure(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0


@pytest.fixture
async def measured(
    database_url: str, clock: ManualClock, ids: UuidV7Ids, signals: ManualSignals
) -> AsyncIterator[Measured]:
    registry = CollectorRegistry()
    telemetry = PrometheusTelemetry(registry)
    store = await open_store(database_url, clock, ids, signals, telemetry, clock_decides=True)
    yield Measured(await settled(store, clock, ids), registry, telemetry)
    await store.close()


async def test_groups_and_events_are_told_once_they_have_committed(measured: Measured) -> None:
    await measured.world.batch(3)
    await measured.world.sending()
    assert measured.figure("outdial_staged_rows_total") == 3
    assert measured.figure("outdial_group_items_sum", verb="mark_sending") == 3
    assert measured.figure("outdial_events_appended_total", type="call_sending") == 3
    assert measured.figure("outdial_transaction_seconds_count", verb="claim") == 1


async def test_what_settled_an_unknown_call_is_told(measured: Measured) -> None:
    await measured.world.batch(1)
    (call,) = await measured.world.sending()
    await measured.world.apply(unclear(call))
    assert measured.figure("outdial_unknown_calls_resolved_total", by="not_placed") == 0
    await measured.world.apply(report(call, ReportKind.NOT_PLACED))
    assert measured.figure("outdial_unknown_calls_resolved_total", by="not_placed") == 1


async def test_what_is_rolled_back_has_not_happened(measured: Measured) -> None:
    before = measured.figure("outdial_events_appended_total", type="batch_state_changed")
    with pytest.raises(NotFoundError):
        await measured.world.change(BatchId(NO_ID), rules.pause)
    rolled_back = measured.figure("outdial_transactions_rolled_back_total", verb="change_batch")
    assert rolled_back == 1
    after = measured.figure("outdial_events_appended_total", type="batch_state_changed")
    assert after == before


class FailingOnWrite:
    """A database in which groups go through, and single writes do not."""

    def __init__(self, database: Database, error: Exception) -> None:
        self._error = error
        self.dialect = database.dialect
        self.write_group = database.write_group
        self.read = database.read
        self.read_first = database.read_first
        self.close = database.close

    async def write(self, verb: Callable[[Tx], Any]) -> Any:
        raise self._error


AWAY = UnavailableError(Reason.DATABASE_UNAVAILABLE, "away")


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (AWAY, ("claims.not_given_back", "warning", None)),
        (RuntimeError("a fault of ours"), ("claims.give_back_failed", "error", True)),
    ],
)
async def test_claims_that_cannot_be_given_back_are_told_and_hold_up_nobody(
    measured: Measured, error: Exception, told: tuple[str, str, bool | None]
) -> None:
    world = measured.world
    stopped, running = await world.batch(2), await world.batch(1)
    calls = await world.claim()
    await world.change(stopped, rules.pause)
    dispatch = SqlDispatch(FailingOnWrite(world.store.database, error), measured.telemetry)
    with capture_logs() as records:
        sent = await dispatch.mark_sending(lambda: calls)
    assert [call.batch_id for call in sent.calls] == [running]
    assert measured.figure("outdial_claims_give_back_failed_total") == 2
    (line,) = records
    assert (line["event"], line["log_level"], line.get("exc_info")) == told
    assert line["calls"] == 2
