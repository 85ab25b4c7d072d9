"""A seed is all that there is to a world."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.world import run_world

SEEDS = (3, 4)
TESTS = Path(__file__).parent.parent


@pytest.mark.parametrize("seed", SEEDS)
def test_a_seed_replays_bit_for_bit_in_a_process_that_orders_sets_otherwise(seed: int) -> None:
    here = run_world(seed)
    environment = {**os.environ, "PYTHONPATH": str(TESTS), "PYTHONHASHSEED": str(seed + 1)}
    there = subprocess.run(
        [sys.executable, "-m", "simulation", "--seed", str(seed)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    *lines, end = there.stdout.splitlines()
    assert lines == here.lines
    assert end.endswith(here.hash)


def test_another_seed_is_another_world() -> None:
    assert len({run_world(seed).hash for seed in range(3)}) == 3
