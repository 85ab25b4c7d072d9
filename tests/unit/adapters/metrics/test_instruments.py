"""Counters and histograms of one thread, as a scraper reads them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from outdial_server.adapters.metrics.instruments import Counting, Level, Spreads

BOUNDS = (0.1, 1.0, 10.0)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_a_counter_has_a_series_for_each_label_value(registry: CollectorRegistry) -> None:
    dials = Counting(registry, "dials_total", "Dials.", ["ending"])
    dials.of("accepted").value += 2
    dials.of("refused").value += 1
    dials.of("accepted").value += 1
    assert registry.get_sample_value("dials_total", {"ending": "accepted"}) == 3
    assert registry.get_sample_value("dials_total", {"ending": "refused"}) == 1


def test_one_without_labels_is_there_before_anything_is_counted(
    registry: CollectorRegistry,
) -> None:
    Counting(registry, "dials_total", "Dials.")
    Level(registry, "open_dials", "Dials that are out.")
    Spreads(registry, "dial_seconds", "Dials.")
    for name in ("dials_total", "open_dials", "dial_seconds_count"):
        assert registry.get_sample_value(name) == 0


def test_another_number_of_label_values_is_an_error(registry: CollectorRegistry) -> None:
    dials = Counting(registry, "dials_total", "Dials.", ["ending"])
    with pytest.raises(ValueError, match="dials_total has the labels"):
        dials.of("accepted", "twice")


@given(figures=st.lists(st.sampled_from([0.0, 0.05, 0.1, 0.5, 1.0, 9.0, 10.0, 11.0])))
def test_a_histogram_reads_as_the_librarys_own(figures: list[float]) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    spread = Spreads(ours, "dial_seconds", "Dials.", ["ending"], BOUNDS).of("accepted")
    histogram = Histogram("dial_seconds", "Dials.", ["ending"], buckets=BOUNDS, registry=theirs)
    series = histogram.labels("accepted")
    for figure in figures:
        spread.observe(figure)
        series.observe(figure)
    assert lines_of(ours) == lines_of(theirs)


def lines_of(registry: CollectorRegistry) -> list[str]:
    text = generate_latest(registry).decode()
    return [line for line in text.splitlines() if "_created" not in line]


def test_a_length_between_readings_of_a_clock_that_was_set_is_none(
    registry: CollectorRegistry,
) -> None:
    Spreads(registry, "dial_seconds", "Dials.").of().observe(-3.0)
    assert registry.get_sample_value("dial_seconds_sum") == 0
    assert registry.get_sample_value("dial_seconds_count") == 1
