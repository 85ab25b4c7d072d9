"""What chance gives a forecast."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.forecast.chance import binomial, dirichlet, multinomial, split

SEEDS = st.integers(0, 1 << 32).map(random.Random)
WEIGHTS = st.lists(st.floats(0.0, 100.0), min_size=1, max_size=8).filter(lambda w: sum(w) > 0.1)


@given(SEEDS, WEIGHTS)
def test_rates_that_are_drawn_add_up_to_one(chance: random.Random, weights: list[float]) -> None:
    rates = dirichlet(chance, weights)
    assert sum(rates) == pytest.approx(1.0)
    assert all(rate == 0 for rate, weight in zip(rates, weights, strict=True) if weight == 0)


@given(SEEDS, st.integers(0, 5000), WEIGHTS)
def test_everybody_falls_to_one_rate(
    chance: random.Random, count: int, weights: list[float]
) -> None:
    rates = [weight / sum(weights) for weight in weights]
    found = multinomial(chance, count, rates)
    assert sum(found) == count
    assert min(found) >= 0


@pytest.mark.parametrize(("count", "rate"), [(40, 0.02), (500, 0.5), (500, 0.97), (20_000, 0.3)])
def test_a_binomial_has_its_mean_and_its_spread(count: int, rate: float) -> None:
    chance = random.Random(7)
    drawn = [binomial(chance, count, rate) for _ in range(4000)]
    mean = sum(drawn) / len(drawn)
    variance = sum((x - mean) ** 2 for x in drawn) / len(drawn)
    assert mean == pytest.approx(count * rate, rel=0.02, abs=0.05)
    assert variance == pytest.approx(count * rate * (1 - rate), rel=0.1)


@given(SEEDS, st.data())
def test_a_line_is_split_into_what_there_is(chance: random.Random, data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(1, 1000), min_size=1, max_size=12))
    count = data.draw(st.integers(0, sum(sizes)))
    taken = split(chance, count, sizes)
    assert sum(taken) == count
    assert all(0 <= n <= size for n, size in zip(taken, sizes, strict=True))
