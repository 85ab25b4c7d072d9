"""Counters and histograms for one thread.

The library's own take a lock and look their series up by label for each figure: some 2 us,
four times a call. These are for the event loop's thread alone, which also scrapes; a figure
is an addition to a cell that whoever counts holds on to.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Final, Generic, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from typing_extensions import override

SECONDS: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0),
)
ITEMS: Final = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


class Cell:
    """One series of a counter or a gauge: add to `value`."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0


class Spread:
    """One series of a histogram."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        # The last is for what is above all bounds.
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def observe(self, figure: float, times: int = 1) -> None:
        # A length of time between two readings of a clock that was set in between.
        if figure < 0:
            figure = 0.0
        self.counts[bisect_left(self.bounds, figure)] += times
        self.sum += figure * times


S = TypeVar("S")


class _Instrument(Collector, Generic[S]):
    """A family of series, by the values of its labels."""

    def __init__(
        self,
        registry: CollectorRegistry,
        name: str,
        text: str,
        labels: Sequence[str],
        new_series: Callable[[], S],
    ) -> None:
        self.name = name
        self.text = text
        self.labels = tuple(labels)
        self._new_series = new_series
        self._series: dict[tuple[str, ...], S] = {}
        if not labels:
            self.of()
        registry.register(self)

    def __len__(self) -> int:
        return len(self._series)

    def of(self, *values: str) -> S:
        """The series of these label values; hold on to it where it is counted often."""
        series = self._series.get(values)
        if series is None:
            if len(values) != len(self.labels):
                raise ValueError(f"{self.name} has the labels {self.labels}, not {values}")
            series = self._series[values] = self._new_series()
        return series

    def series(self) -> Iterator[tuple[tuple[str, ...], S]]:
        return iter(self._series.items())


class Counting(_Instrument[Cell]):
    """A counter; its name ends in `_total`."""

    def __init__(
        self, registry: CollectorRegistry, name: str, text: str, labels: Sequence[str] = ()
    ) -> None:
        super().__init__(registry, name, text, labels, Cell)

    @override
    def collect(self) -> Iterator[Metric]:
        family = CounterMetricFamily(self.name, self.text, labels=self.labels)
        for values, cell in self.series():
            family.add_metric(values, cell.value)
        yield family


class Level(_Instrument[Cell]):
    """A gauge."""

    def __init__(
        self, registry: CollectorRegistry, name: str, text: str, labels: Sequence[str] = ()
    ) -> None:
        super().__init__(registry, name, text, labels, Cell)

    @override
    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(self.name, self.text, labels=self.labels)
        for values, cell in self.series():
            family.add_metric(values, cell.value)
        yield family


class Spreads(_Instrument[Spread]):
    """A histogram."""

    def __init__(
        self,
        registry: CollectorRegistry,
        name: str,
        text: str,
        labels: Sequence[str] = (),
        bounds: tuple[float, ...] = SECONDS,
    ) -> None:
        self._names = [*map(str, bounds), "+Inf"]
        super().__init__(registry, name, text, labels, lambda: Spread(bounds))

    @override
    def collect(self) -> Iterator[Metric]:
        family = HistogramMetricFamily(self.name, self.text, labels=self.labels)
        for values, spread in self.series():
            up_to = map(float, accumulate(spread.counts))
            buckets = list(zip(self._names, up_to, strict=True))
            family.add_metric(values, buckets, spread.sum)
        yield family
