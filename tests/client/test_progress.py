"""Rate and estimated end of a batch."""

from datetime import timedelta

from outdial.v1.batch_pb2 import BatchCounts

from outdial_client.cli._progress import Progress


def counts(ended: int, total: int = 100) -> BatchCounts:
    return BatchCounts(total=total, completed=ended, waiting=total - ended)


def test_nothing_is_foretold_from_one_look() -> None:
    progress = Progress()
    progress.observe(counts(10), 0)
    assert progress.rate(0) == 0
    assert progress.remaining(0) is None
    assert progress.fraction == 0.1


def test_nothing_is_foretold_from_the_first_moments() -> None:
    progress = Progress()
    progress.observe(counts(0), 0)
    progress.observe(counts(1), 0.1)
    assert progress.rate(0.1) == 0


def test_the_end_follows_from_the_rate() -> None:
    progress = Progress()
    progress.observe(counts(10), 0)
    progress.observe(counts(20), 5)
    assert progress.rate(5) == 2
    assert progress.remaining(5) == timedelta(seconds=40)


def test_the_rate_is_of_late() -> None:
    progress = Progress()
    progress.observe(counts(0, 1000), 0)
    progress.observe(counts(500, 1000), 10)
    for second in range(11, 60):
        progress.observe(counts(500 + second - 10, 1000), second)
    assert round(progress.rate(59), 3) == 1


def test_a_standstill_shows_as_a_falling_rate() -> None:
    progress = Progress()
    progress.observe(counts(0), 0)
    progress.observe(counts(20), 10)
    assert progress.rate(10) > progress.rate(20) > progress.rate(40)


def test_a_finished_batch_has_nothing_left() -> None:
    progress = Progress()
    progress.observe(counts(0), 0)
    progress.observe(counts(100), 10)
    assert progress.fraction == 1
    assert progress.remaining(10) is None


def test_an_empty_batch_is_done() -> None:
    assert Progress().fraction == 1
