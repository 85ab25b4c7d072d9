"""Worlds on demand: `make sim SEEDS=10000`, or `make sim SEED=4711` for the story of one."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor

from simulation.world import Ending, run_world

_SHOWN_EVERY = 500


def main() -> int:
    parser = argparse.ArgumentParser(prog="make sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=200, help="how many worlds")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--seed", type=int, help="one world, and its story")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--until-broken", action="store_true", help="end with the first")
    options = parser.parse_args()
    if options.seed is not None:
        return _tell(run_world(options.seed))
    seeds = range(options.first, options.first + options.seeds)
    if options.until_broken:
        return _judge(_until_broken(map(run_world, seeds)), len(seeds))
    with ProcessPoolExecutor(options.jobs) as pool:
        return _judge(pool.map(run_world, seeds, chunksize=4), len(seeds))


def _until_broken(endings: Iterable[Ending]) -> Iterator[Ending]:
    for ending in endings:
        yield ending
        if ending.broken:
            return


def _tell(ending: Ending) -> int:
    print("\n".join(ending.lines))
    print(f"seed {ending.seed}: {ending.broken or 'all promises kept'}; hash {ending.hash}")
    return 1 if ending.broken else 0


def _judge(endings: Iterable[Ending], count: int) -> int:
    broken = placed = transactions = explanations = 0
    number = 0
    for number, ending in enumerate(endings, start=1):
        placed += ending.calls_placed
        transactions += ending.transactions
        explanations += ending.explanations
        if ending.broken:
            broken += 1
            print(ending.in_words(), flush=True)
        if number % _SHOWN_EVERY == 0:
            print(f"{number} of {count} worlds, {broken} broken", flush=True)
    print(
        f"{number} worlds: {transactions} transactions, {placed} calls placed, {explanations} "
        f"explanations held against claims; {broken or 'no'} worlds with a broken promise"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
