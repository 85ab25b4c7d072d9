"""How long and how much."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    # For databases: a disk, since what is durable is measured. One a row, and one for all.
    folder: Path
    shared: Path
    # A short form, to see that all of it runs.
    quick: bool = False
    # Smaller still, for a test of the benchmarks themselves.
    tiny: bool = False
    profile: bool = False

    @property
    def rounds(self) -> int:
        return 1 if self.tiny or self.quick else 3

    def amount(self, full: int, quick: int, tiny: int) -> int:
        if self.tiny:
            return tiny
        return quick if self.quick else full
