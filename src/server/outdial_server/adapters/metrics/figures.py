"""Gauges of what the database holds, read for a scrape."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from outdial_server.domain.errors import UnavailableError
from outdial_server.ports.clock import Clock
from outdial_server.ports.figures import Figures, FiguresReader, SlotFigures

log = structlog.get_logger()

FRESH_FOR: Final = timedelta(seconds=5)
"""However many scrape, and however often, the database is asked no more than this."""

ACCOUNTS_MOST: Final = 50
"""Accounts that get series of their own, the oldest first; all are in the sums."""

_PATIENCE_SECONDS: Final = 2.0

_Samples = Iterable[tuple[Sequence[str], float]]


class FiguresCollector(Collector):
    """`refresh` before a scrape. While the database cannot be read, the gauges are not
    there, rather than old: `outdial_database_up` says so."""

    def __init__(self, registry: CollectorRegistry, reader: FiguresReader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._read_at: datetime | None = None
        self._figures: Figures | None = None
        self._refreshing = asyncio.Lock()
        registry.register(self)

    async def refresh(self) -> None:
        async with self._refreshing:
            now = self._clock.now()
            # One that was set back must not keep old figures for long.
            if self._read_at is not None and abs(now - self._read_at) < FRESH_FOR:
                return
            self._figures = await self._read()
            self._read_at = now

    async def _read(self) -> Figures | None:
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                return await self._reader.read_figures(ACCOUNTS_MOST)
        # A scrape is answered all the same: what else is counted matters most now.
        except UnavailableError as error:
            log.warning("metrics.figures_unreadable", reason=error.reason.value)
        except TimeoutError:
            log.warning("metrics.figures_unreadable", reason="TIMEOUT")
        except Exception:
            log.exception("metrics.figures_broken")
        return None

    @override
    def collect(self) -> Iterator[Metric]:
        figures = self._figures
        up = float(figures is not None)
        yield _gauge("outdial_database_up", "Whether the last scrape could read it.", [((), up)])
        yield from _slots(figures.slots if figures else ())
        yield from _accounts(figures)
        yield from _calls(figures)
        yield from _inbox(figures)
        yield from _webhooks(figures)
        yield _gauge(
            "outdial_database_size_bytes",
            "Size of the database.",
            [((), figures.database_bytes)] if figures else (),
        )


def _gauge(
    name: str, text: str, samples: _Samples, labels: Sequence[str] = ()
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for values, figure in samples:
        family.add_metric(values, figure)
    return family


def _slots(slots: Sequence[SlotFigures]) -> Iterator[Metric]:
    scope = ["scope"]
    named = [((s.kind.name.lower(),), s) for s in slots]
    yield _gauge(
        "outdial_slots_used",
        "Slots that calls hold, by kind of scope.",
        [(values, s.used) for values, s in named],
        scope,
    )
    yield _gauge(
        "outdial_slots_cap",
        "Slots that there are in the scopes that have a limit.",
        [(values, s.cap) for values, s in named],
        scope,
    )
    yield _gauge(
        "outdial_slot_scopes_full",
        "Scopes that are at their limit.",
        [(values, s.full) for values, s in named],
        scope,
    )


def _accounts(figures: Figures | None) -> Iterator[Metric]:
    accounts = figures.accounts if figures else ()
    yield _gauge(
        "outdial_account_slots_used",
        f"Slots that an account's calls hold; of the first {ACCOUNTS_MOST} accounts.",
        [((a.account_id,), a.used) for a in accounts],
        ["account_id"],
    )
    yield _gauge(
        "outdial_account_slots_cap",
        f"Slots that an account has; of the first {ACCOUNTS_MOST} accounts.",
        [((a.account_id,), a.cap) for a in accounts],
        ["account_id"],
    )


def _calls(figures: Figures | None) -> Iterator[Metric]:
    yield _gauge(
        "outdial_open_batches",
        "Batches that have not ended, by state.",
        [((state.name.lower(),), n) for state, n in figures.batches.items()] if figures else (),
        ["state"],
    )
    yield _gauge(
        "outdial_scheduled_calls",
        "Scheduled calls of these batches that are not over, by state.",
        [((state.name.lower(),), n) for state, n in figures.rows.items()] if figures else (),
        ["state"],
    )
    yield _gauge(
        "outdial_unknown_calls",
        "Calls of which nobody knows whether they were placed.",
        [((), figures.unknown)] if figures else (),
    )


def _inbox(figures: Figures | None) -> Iterator[Metric]:
    yield _gauge(
        "outdial_callbacks_pending",
        "Stored callbacks that are not yet acted on.",
        [((), figures.callbacks)] if figures else (),
    )
    yield _gauge(
        "outdial_callbacks_pending_age_seconds",
        "How long the oldest of them has waited; 0 without one.",
        [((), figures.oldest_callback_seconds)] if figures else (),
    )


def _webhooks(figures: Figures | None) -> Iterator[Metric]:
    webhooks = figures.webhooks if figures else None
    yield _gauge(
        "outdial_webhooks_failing",
        "Webhooks of which the last five requests or more were not taken.",
        [((), webhooks.failing)] if webhooks else (),
    )
    yield _gauge(
        "outdial_webhook_turns_pending",
        "Batches and direct calls of which an endpoint is to be told more.",
        [((), webhooks.pending)] if webhooks else (),
    )
    yield _gauge(
        "outdial_webhook_lag_seconds",
        "How long the oldest event has waited that an endpoint is to be told; 0 without one.",
        [((), webhooks.lag_seconds)] if webhooks else (),
    )
