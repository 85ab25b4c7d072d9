"""Metrics of the RPCs and the watchers."""

from collections.abc import Iterator
from typing import Final

from grpc import StatusCode
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

from outdial_server.adapters.metrics.instruments import Level, Spread, Spreads
from outdial_server.api.board_stream import BoardStream
from outdial_server.api.watch_stream import WatchStream

_BUCKETS_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)


class RpcMetrics:
    """How many, how long, with which code. The count is part of the histogram."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Spreads(
            registry,
            "outdial_grpc_request_seconds",
            "RPCs that have ended: how many and how long they took.",
            ("method", "code"),
            _BUCKETS_SECONDS,
        )
        self._open = Level(
            registry,
            "outdial_grpc_open_requests",
            "RPCs, streams included, that have not ended.",
            ("method",),
        )

    def of_method(self, method: str) -> "MethodMetrics":
        return MethodMetrics(self._seconds, self._open, method)


class MethodMetrics:
    """Looks its series up once: by labels it would cost more than the figures do."""

    def __init__(self, seconds: Spreads, open_requests: Level, method: str) -> None:
        self._method = method
        self._seconds = seconds
        self._by_code: dict[StatusCode, Spread] = {}
        self._open = open_requests.of(method)

    def begun(self) -> None:
        self._open.value += 1

    def ended(self, code: StatusCode, seconds: float) -> None:
        self._open.value -= 1
        series = self._by_code.get(code)
        if series is None:
            series = self._by_code[code] = self._seconds.of(self._method, code.name)
        series.observe(seconds)


class WatchMetrics(Collector):
    """Figures of the watchers, read when somebody asks for them."""

    def __init__(self, registry: CollectorRegistry, watch: WatchStream, board: BoardStream) -> None:
        self._watchers = watch.watchers
        self._board_watchers = board.watchers
        registry.register(self)

    @override
    def collect(self) -> Iterator[Metric]:
        watchers = self._watchers
        for name, text, figure in (
            ("outdial_watchers", "Open WatchBatch streams.", watchers.count),
            (
                "outdial_board_watchers",
                "Open WatchBatches streams.",
                self._board_watchers.count,
            ),
            ("outdial_watched_batches", "Batches that are watched.", watchers.batch_count),
            ("outdial_watch_lag_events", "Events the slowest watcher is behind.", watchers.lag),
            (
                "outdial_watch_lag_seconds",
                "How long the slowest watcher's next event has waited for it.",
                watchers.lag_seconds,
            ),
        ):
            yield GaugeMetricFamily(name, text, value=figure)
        yield CounterMetricFamily(
            "outdial_watch_rereads_total",
            "Reads of the log for single watchers that were too far behind to share.",
            value=watchers.reread_count,
        )
