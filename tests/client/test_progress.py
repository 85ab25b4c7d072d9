"""How far a batch or a transfer is: rate, estimated end, and how it is drawn."""

from dataclasses import replace
from datetime import timedelta
from io import StringIO

import pytest
from outdial.v1.batch_pb2 import BatchCounts
from rich.console import Console

from outdial_client.cli._progress import Progress
from outdial_client.cli._screen import Screen
from outdial_client.cli._transfer import choose_transfer_view


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


class Seconds:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def terminal() -> tuple[Screen, StringIO]:
    text = StringIO()
    console = Console(file=text, force_terminal=True, width=100, color_system=None)
    return Screen(Console(file=StringIO()), console), text


def figures(text: StringIO) -> str:
    """What stands behind the bar in the end."""
    last = text.getvalue().split("\x1b[2K")[-1]
    return last.splitlines()[0].split("━")[-1].strip(" ╸")


def log() -> tuple[Screen, StringIO]:
    text = StringIO()
    return Screen(Console(file=StringIO()), Console(file=text, width=200)), text


def test_a_bar_ends_with_all_rows_and_the_time_they_took() -> None:
    screen, text = terminal()
    clock = Seconds()
    view = choose_transfer_view(screen, "people.csv", "waiting", clock)
    with view.showing():
        clock.now = 5
        view.update(500, 0.5)
        view.finish(1000)
        clock.now = 60
    assert figures(text) == "100% 1000 rows in 0:05"
    # Drawn over in place: one line, however often.
    assert text.getvalue().count("\n") == 1


def test_a_bar_is_not_full_before_the_answer_has_come() -> None:
    screen, text = terminal()
    view = choose_transfer_view(screen, "people.csv", "waiting", Seconds())
    with view.showing():
        view.update(1000, 1.0)
    assert figures(text) == "99% 1000 rows  waiting"


def test_a_log_gets_a_line_every_two_seconds_and_the_last() -> None:
    screen, text = log()
    clock = Seconds()
    view = choose_transfer_view(screen, "people.csv", "waiting", clock)
    with view.showing():
        for tenth in range(1, 50):
            clock.now = tenth / 10
            view.update(tenth * 100, tenth / 100)
        clock.now = 10
        view.finish(10_000)
    assert text.getvalue().splitlines() == [
        "people.csv   20%  2000 rows  1000/s  0:08 left",
        "people.csv   40%  4000 rows  1000/s  0:06 left",
        "people.csv  100%  10000 rows in 0:10",
    ]


def test_of_a_stream_without_a_length_nothing_is_foretold() -> None:
    screen, text = log()
    clock = Seconds()
    view = choose_transfer_view(screen, "stdin", "waiting", clock)
    clock.now = 4
    view.update(400, None)
    assert text.getvalue() == "stdin  400 rows  100/s\n"


@pytest.mark.parametrize("form", [{"is_quiet": True}, {"is_json": True}])
def test_neither_quiet_nor_json_shows_progress(form: dict[str, bool]) -> None:
    screen, text = terminal()
    view = choose_transfer_view(replace(screen, **form), "people.csv", "waiting", Seconds())
    with view.showing():
        view.update(1, 0.5)
        view.finish(2)
    assert text.getvalue() == ""
