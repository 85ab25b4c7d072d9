"""Two hundred worlds, each from its seed: whatever goes wrong in them, the promises hold.
`make sim SEEDS=10000` is the long form."""

import pytest

from simulation.world import run_world

WORLDS = 200
GROUP = 10


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", range(0, WORLDS, GROUP))
def test_promises_hold_in_every_world(first: int) -> None:
    endings = [run_world(seed) for seed in range(first, first + GROUP)]
    broken = [ending.in_words() for ending in endings if ending.broken]
    assert not broken, "\n".join(broken)
    # Worlds in which nothing happens would keep every promise.
    assert sum(ending.calls_placed for ending in endings) > GROUP
    assert any(ending.explanations for ending in endings)
