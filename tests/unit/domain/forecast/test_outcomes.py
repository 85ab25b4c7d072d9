"""How calls end and how long they take, by what has been seen."""

import random
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.call import CallTimes, Disposition
from outdial_server.domain.forecast.history import PastCall
from outdial_server.domain.forecast.outcomes import (
    DEFAULT_RATES,
    OUTCOMES,
    OutcomeModel,
    outcome_model,
)
from support.forecasting import calls

HUMAN, BUSY, NO_ANSWER = Disposition.ANSWERED_HUMAN, Disposition.BUSY, Disposition.NO_ANSWER

PAST_CALLS = st.builds(
    PastCall,
    attempt=st.integers(1, 5),
    disposition=st.none() | st.sampled_from(Disposition),
    ring_seconds=st.floats(0, 60),
    talk_seconds=st.floats(0, 600),
    ring_timeout_seconds=st.just(30.0),
)


def mean_rate(model: OutcomeModel, disposition: Disposition, attempt: int = 1) -> float:
    place = OUTCOMES.index(disposition)
    drawn = [model.draw(random.Random(seed)).rates[attempt - 1][place] for seed in range(400)]
    return sum(drawn) / len(drawn)


@given(st.lists(PAST_CALLS, max_size=40), st.lists(PAST_CALLS, max_size=40), st.integers(0, 99))
def test_any_history_gives_rates_and_lengths(
    of_agent: list[PastCall], of_others: list[PastCall], seed: int
) -> None:
    drawn = outcome_model(of_agent, of_others).draw(random.Random(seed))
    for rates in drawn.rates:
        assert sum(rates) == pytest.approx(1.0)
    assert all(drawn.lengths[d] for d in Disposition)


def test_without_history_the_defaults_are_taken() -> None:
    model = outcome_model(())
    assert sum(DEFAULT_RATES.values()) == pytest.approx(1.0)
    for disposition, rate in DEFAULT_RATES.items():
        assert mean_rate(model, disposition) == pytest.approx(rate, abs=0.03)


def test_what_was_seen_outweighs_the_defaults_and_calls_of_others() -> None:
    model = outcome_model(calls(BUSY, count=1000), calls(NO_ANSWER, count=1000))
    assert mean_rate(model, BUSY) == pytest.approx(1000 / 1060, abs=0.01)
    assert mean_rate(model, NO_ANSWER) < 0.06


def test_calls_of_others_stand_in_while_there_are_few() -> None:
    assert mean_rate(outcome_model((), calls(BUSY, count=1000)), BUSY) > 0.8


def test_few_calls_leave_more_open_than_many() -> None:
    def spread(count: int) -> float:
        half = [*calls(BUSY, count=count // 2), *calls(HUMAN, count=count // 2)]
        model, place = outcome_model(half), OUTCOMES.index(BUSY)
        drawn = [model.draw(random.Random(seed)).rates[0][place] for seed in range(300)]
        mean = sum(drawn) / len(drawn)
        return sum((x - mean) ** 2 for x in drawn) / len(drawn)

    assert spread(20) > 10 * spread(1000)


def test_later_tries_end_like_first_ones_until_they_say_otherwise() -> None:
    first = calls(NO_ANSWER, count=500)
    assert mean_rate(outcome_model(first), NO_ANSWER, attempt=2) > 0.9
    seconds = [*first, *calls(HUMAN, count=500, attempt=2)]
    assert mean_rate(outcome_model(seconds), HUMAN, attempt=2) > 0.9
    assert mean_rate(outcome_model(seconds), HUMAN, attempt=1) < 0.1


def test_who_does_not_answer_rings_for_as_long_as_the_batch_lets_them() -> None:
    seen = PastCall(1, NO_ANSWER, 30.2, 0.0, ring_timeout_seconds=30.0, lead_seconds=0.1)
    lengths = outcome_model([seen] * 10).lengths[NO_ANSWER]
    times = CallTimes(timedelta(seconds=20), timedelta(minutes=10))
    assert {round(length.hold_seconds(times), 6) for length in lengths} == {20.3}


def test_outcomes_come_as_often_as_their_rates_say() -> None:
    drawn = outcome_model([*calls(BUSY, count=750), *calls(HUMAN, count=250)]).draw(
        random.Random(3)
    )
    counted = Counter(dict(drawn.outcomes(random.Random(4), 1, 100_000)))
    assert counted.total() == 100_000
    assert counted[BUSY] / 100_000 == pytest.approx(drawn.rates[0][OUTCOMES.index(BUSY)], abs=0.01)


def test_a_call_that_is_still_talked_on_is_not_taken_for_a_short_one() -> None:
    ended = [*calls(HUMAN, count=10, talk=10.0), *calls(HUMAN, count=10, talk=200.0)]
    going_on = [PastCall(1, None, 5.0, 60.0, 30.0)] * 10
    drawn = outcome_model([*ended, *going_on]).draw(random.Random(5))
    longer = [x for x in drawn.lengths[HUMAN] if x.talk_seconds > 60.0]
    assert len(longer) > len(drawn.lengths[HUMAN]) / 3
