"""Plants faults that would break a promise, one at a time, and shows which tests catch each:
`make mutants`, or `make mutants MUTANTS="pause fence"` for those with such words in their names."""

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mutants.catalogue import MUTANTS, Mutant
from mutants.tree import Tree

_PASSED, _FAILED = 0, 1
"""What pytest says; anything else is neither."""


@dataclass(frozen=True, slots=True)
class Verdict:
    mutant: Mutant
    # The test that failed first, and the seed of the first world that broke; empty for none.
    test: str
    seed: str
    took_seconds: float

    @property
    def is_caught(self) -> bool:
        return bool(self.test) and (bool(self.seed) or not self.mutant.worlds)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("words", nargs="*")
    words = parser.parse_args().words
    chosen = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    with tempfile.TemporaryDirectory(prefix="outdial-mutants-") as folder:
        tree = Tree(Path(folder))
        refuse_broken_tests(tree, chosen)
        print(f"{'fault':<40} {'s':>4}  caught by")
        verdicts = [_tried(tree, mutant) for mutant in chosen]
    survivors = [verdict.mutant.name for verdict in verdicts if not verdict.is_caught]
    print(f"{len(verdicts)} faults, survived by: {', '.join(survivors) or 'none'}")
    return 1 if survivors or not verdicts else 0


def refuse_broken_tests(tree: Tree, mutants: Sequence[Mutant]) -> None:
    """Tests that fail anyway catch nothing."""
    tests = sorted({test for mutant in mutants for test in mutant.tests})
    found = tree.run([*_PYTEST, *tests])
    if found.returncode != _PASSED:
        sys.exit(f"without any fault the tests fail:\n{found.stdout[-3000:]}")


def _tried(tree: Tree, mutant: Mutant) -> Verdict:
    begun_at = time.monotonic()
    with tree.with_fault(mutant):
        test = _failing_test(tree, mutant)
        seed = _broken_world(tree, mutant) if mutant.worlds else ""
    verdict = Verdict(mutant, test, seed, time.monotonic() - begun_at)
    print(f"{mutant.name:<40} {verdict.took_seconds:>4.0f}  {_caught_by(verdict)}", flush=True)
    return verdict


def _caught_by(verdict: Verdict) -> str:
    test = verdict.test or "NO TEST"
    if not verdict.mutant.worlds:
        return test
    return f"{test}; " + (f"make sim SEED={verdict.seed}" if verdict.seed else "NO WORLD")


_PYTEST = ("-m", "pytest", "-x", "-q", "-n0", "-p", "no:cacheprovider")


def _failing_test(tree: Tree, mutant: Mutant) -> str:
    found = tree.run([*_PYTEST, *mutant.tests])
    if found.returncode == _PASSED:
        return ""
    failed = [line for line in found.stdout.splitlines() if line.startswith("FAILED ")]
    if found.returncode != _FAILED or not failed:
        sys.exit(f"{mutant.name}: the tests could not run:\n{found.stdout[-3000:]}{found.stderr}")
    return failed[0].split()[1]


def _broken_world(tree: Tree, mutant: Mutant) -> str:
    worlds = ["--seeds", str(mutant.worlds), "--jobs", "1", "--until-broken"]
    found = tree.run(["-m", "simulation", *worlds])
    broken = [line for line in found.stdout.splitlines() if line.startswith("seed ")]
    if found.returncode not in {_PASSED, _FAILED} or bool(broken) != bool(found.returncode):
        sys.exit(f"{mutant.name}: the worlds could not run:\n{found.stdout[-3000:]}{found.stderr}")
    return broken[0].split()[1].rstrip(":") if broken else ""


if __name__ == "__main__":
    sys.exit(main())
