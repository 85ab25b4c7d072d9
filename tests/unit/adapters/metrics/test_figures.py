"""Gauges from the database: read seldom, and absent rather than wrong."""

import asyncio
from dataclasses import dataclass, field

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from outdial_server.adapters.metrics import FiguresCollector, Scrape
from outdial_server.adapters.metrics.figures import FRESH_FOR
from outdial_server.domain.batch import BatchState
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.slots import ScopeKind
from outdial_server.ports.figures import Figures, SlotFigures, WebhookFigures
from support.clock import ManualClock

FIGURES = Figures(
    slots=(SlotFigures(ScopeKind.ACCOUNT, used=3, cap=100, full=0),),
    accounts=(),
    batches={BatchState.PAUSED: 2},
    rows={ScheduledCallState.WAITING: 40},
    unknown=1,
    callbacks=0,
    oldest_callback_seconds=0.0,
    webhooks=WebhookFigures(failing=1, pending=7, lag_seconds=90.5),
    database_bytes=4096,
)


@dataclass
class Reader:
    failure: Exception | None = None
    reads: int = 0
    may_read: asyncio.Event = field(default_factory=asyncio.Event)

    async def read_figures(self, accounts_most: int) -> Figures:
        self.reads += 1
        await self.may_read.wait()
        if self.failure is not None:
            raise self.failure
        return FIGURES


class World:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.reader = Reader()
        self.reader.may_read.set()
        self.registry = CollectorRegistry()
        figures = FiguresCollector(self.registry, self.reader, self.clock)
        self.scrape = Scrape(self.registry, figures)


@pytest.fixture
def world() -> World:
    return World()


async def test_figures_are_gauges(world: World) -> None:
    text = (await world.scrape.text()).decode()
    for line in (
        'outdial_slots_used{scope="account"} 3.0',
        'outdial_slots_cap{scope="account"} 100.0',
        'outdial_open_batches{state="paused"} 2.0',
        'outdial_scheduled_calls{state="waiting"} 40.0',
        "outdial_unknown_calls 1.0",
        "outdial_database_size_bytes 4096.0",
        "outdial_webhooks_failing 1.0",
        "outdial_webhook_turns_pending 7.0",
        "outdial_webhook_lag_seconds 90.5",
        "outdial_database_up 1.0",
    ):
        assert line in text.splitlines()


async def test_however_many_scrape_the_database_is_asked_once_in_a_while(world: World) -> None:
    world.reader.may_read.clear()
    scrapes = [asyncio.create_task(world.scrape.text()) for _ in range(5)]
    world.reader.may_read.set()
    await asyncio.gather(*scrapes)
    assert world.reader.reads == 1
    world.clock.advance(FRESH_FOR)
    await world.scrape.text()
    assert world.reader.reads == 2


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (
            UnavailableError(Reason.DATABASE_FULL, "full"),
            {"event": "metrics.figures_unreadable", "reason": "DATABASE_FULL"},
        ),
        (TimeoutError(), {"event": "metrics.figures_unreadable", "reason": "TIMEOUT"}),
        (RuntimeError("broken"), {"event": "metrics.figures_broken", "exc_info": True}),
    ],
)
async def test_a_database_that_cannot_be_read_is_told_and_leaves_nothing_old(
    world: World, failure: Exception, told: dict[str, object]
) -> None:
    await world.scrape.text()
    world.clock.advance(FRESH_FOR)
    world.reader.failure = failure
    with capture_logs() as logs:
        lines = (await world.scrape.text()).decode().splitlines()
    level = "error" if "exc_info" in told else "warning"
    assert logs == [told | {"log_level": level}]
    assert "outdial_database_up 0.0" in lines
    assert not [line for line in lines if line.startswith("outdial_slots_used{")]
