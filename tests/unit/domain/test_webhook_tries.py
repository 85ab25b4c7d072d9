"""When a webhook is tried again."""

from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.webhook_format import WebhookFormat
from outdial_server.domain.webhook_tries import (
    ANSWER_KEPT_BYTES,
    DELAYS,
    JITTER,
    RETRY_AFTER_MOST,
    TRIES,
    TryResult,
    Verdict,
    judge,
    next_try,
)
from support.clock import START

FAILED = TryResult(Verdict.FAILED, "TIMEOUT")
DRAWN = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, len(DELAYS)), DRAWN)
def test_each_delay_is_that_of_the_list_and_at_most_a_fifth_more(
    failures: int, drawn: float
) -> None:
    at = next_try(DELAYS, failures, FAILED, drawn, START)
    assert at is not None
    delay = DELAYS[failures - 1]
    assert delay <= at - START <= delay * (1 + JITTER)


def test_tries_go_on_for_a_day_and_then_end() -> None:
    assert timedelta(hours=23) < sum(DELAYS, timedelta()) < timedelta(hours=24)
    assert all(first <= second for first, second in pairwise(DELAYS))
    assert next_try(DELAYS, len(DELAYS) + 1, FAILED, 0, START) is None


def test_an_endpoint_may_ask_for_more_time_and_not_for_less() -> None:
    later = TryResult(Verdict.FAILED, "HTTP_503", timedelta(minutes=3))
    assert next_try(DELAYS, 1, later, 0, START) == START + timedelta(minutes=3)
    assert next_try(DELAYS, 4, later, 0, START) == START + DELAYS[3]


@pytest.mark.parametrize("status", [200, 202, 204, 299])
def test_any_success_takes_it(status: int) -> None:
    assert judge(status, {}) == TryResult(Verdict.TAKEN, status=status)


@pytest.mark.parametrize("status", [100, 301, 308, 400, 404, 429, 500, 503])
def test_all_else_is_a_failure(status: int) -> None:
    assert judge(status, {}) == TryResult(Verdict.FAILED, f"HTTP_{status}", status=status)


@given(st.binary(max_size=2 * ANSWER_KEPT_BYTES))
def test_of_an_answer_the_first_is_kept_as_text_that_can_be_shown(body: bytes) -> None:
    answer = judge(500, {}, body).answer
    assert len(answer) <= ANSWER_KEPT_BYTES
    assert all(char.isprintable() or char == "\n" for char in answer)
    if body.isascii() and body.decode().isprintable():
        assert answer == body.decode()[:ANSWER_KEPT_BYTES]


def test_gone_is_for_good() -> None:
    assert judge(410, {}).verdict is Verdict.GONE


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("120", timedelta(minutes=2)),
        (" 0 ", timedelta()),
        ("9" * 5000, RETRY_AFTER_MOST),
        ("-1", None),
        ("1.5", None),
        ("٣", None),
        ("Mon, 02 Mar 2026 09:00:00 GMT", None),
    ],
)
def test_retry_after_is_read_in_seconds(text: str, length: timedelta | None) -> None:
    assert judge(503, {"retry-after": text}).retry_after == length


def test_an_account_webhook_of_ultravox_is_tried_as_documented() -> None:
    tries = TRIES[WebhookFormat.ULTRAVOX]
    seconds = [delay.total_seconds() for delay in tries.delays]
    assert seconds == [30, 60, 120, 240, 480, 960, 1920, 3840, 7680, 15360]
    assert not tries.heeds_gone


def test_speechify_waits_five_seconds_and_tries_for_a_day() -> None:
    tries = TRIES[WebhookFormat.SPEECHIFY]
    assert tries.deadline == timedelta(seconds=5)
    assert timedelta(hours=23) < sum(tries.delays, timedelta()) <= timedelta(hours=24)


def test_truedy_makes_ten_requests_in_all() -> None:
    tries = TRIES[WebhookFormat.TRUEDY]
    assert len(tries.delays) + 1 == 10
    assert all(2 * one == other for one, other in pairwise(tries.delays))
    assert tries.deadline == timedelta(seconds=10)
