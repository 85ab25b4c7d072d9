"""Metrics of the RPCs."""

from typing import Final

from grpc import StatusCode
from prometheus_client import CollectorRegistry, Gauge, Histogram

from outdial_server.api.watch_stream import WatchStream

_BUCKETS_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 30.0)


class RpcMetrics:
    """How many, how long, with which code. The count is part of the histogram."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._seconds = Histogram(
            "outdial_grpc_request_seconds",
            "RPCs that have ended: how many and how long they took.",
            ("method", "code"),
            buckets=_BUCKETS_SECONDS,
            registry=registry,
        )
        self._open = Gauge(
            "outdial_grpc_open_requests",
            "RPCs, streams included, that have not ended.",
            ("method",),
            registry=registry,
        )

    def of_method(self, method: str) -> "MethodMetrics":
        return MethodMetrics(self._seconds, self._open, method)


class MethodMetrics:
    """Looks its series up once: by labels it would cost more than the figures do."""

    def __init__(self, seconds: Histogram, open_requests: Gauge, method: str) -> None:
        self._method = method
        self._seconds = seconds
        self._by_code: dict[StatusCode, Histogram] = {}
        self._open = open_requests.labels(method)

    def begun(self) -> None:
        self._open.inc()

    def ended(self, code: StatusCode, seconds: float) -> None:
        self._open.dec()
        series = self._by_code.get(code)
        if series is None:
            series = self._by_code[code] = self._seconds.labels(self._method, code.name)
        series.observe(seconds)


class WatchMetrics:
    """Figures of the watchers, read when somebody asks for them."""

    def __init__(self, registry: CollectorRegistry, watch: WatchStream) -> None:
        watchers = watch.watchers
        for name, help_text, read in (
            ("outdial_watchers", "Open WatchBatch streams.", lambda: watchers.count),
            ("outdial_watched_batches", "Batches that are watched.", lambda: watchers.tail_count),
            ("outdial_watch_lag", "Events the slowest watcher is behind.", lambda: watchers.lag),
        ):
            Gauge(name, help_text, registry=registry).set_function(read)
