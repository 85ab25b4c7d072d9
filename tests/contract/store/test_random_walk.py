"""Random operations on the store, from a seed: after each, what must always hold, holds."""

from collections.abc import Mapping

import pytest

from support.stores import World
from support.walk import STEPS, Walk
from support.walk_weights import EXPLAINED_WEIGHTS, WEIGHTS


async def _walk(world: World, seed: int, weights: Mapping[str, int] = WEIGHTS) -> Walk:
    walk = Walk(world, seed, weights)
    await walk.run(STEPS)
    await walk.drain()
    return walk


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_counts_events_slots_and_rows_agree(world: World, seed: int) -> None:
    await _walk(world, seed)


@pytest.mark.timeout(300)
async def test_what_is_explained_comes_true(world: World) -> None:
    walks = [await _walk(world, seed, EXPLAINED_WEIGHTS) for seed in range(100, 102)]
    assert sum(walk.explained.claims_foreseen for walk in walks) > 0
    assert sum(walk.explained.moments_kept for walk in walks) > 0
