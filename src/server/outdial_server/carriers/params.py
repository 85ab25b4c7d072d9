"""Parameters of a carrier's own that a caller may add to its calls: which there are, and how
their names may be spelled."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from difflib import get_close_matches


class ParamsError(ValueError):
    """A parameter that cannot be passed on; the message names it."""


@dataclass(frozen=True, slots=True)
class KnownParams:
    """`ours` are said in another way, and how. `spell` makes the carrier's spelling of any."""

    carrier: str
    allowed: AbstractSet[str]
    ours: Mapping[str, str]
    spell: Callable[[str], str]

    def documented(self, params: Mapping[str, object]) -> dict[str, tuple[str, object]]:
        """By the carrier's names: each parameter's name as it was given, and its value.
        Raises ParamsError."""
        found: dict[str, tuple[str, object]] = {}
        for name, value in params.items():
            written = self._as_documented(name)
            if written in found:
                raise ParamsError(f"{name!r} is given twice")
            found[written] = name, value
        return found

    def _as_documented(self, name: str) -> str:
        written = self.spell(name)
        if written in self.allowed:
            return written
        if written in self.ours:
            raise ParamsError(f"{name!r} is set by {self.ours[written]}")
        near = get_close_matches(written, self.allowed, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ParamsError(f"{name!r} is no parameter of {self.carrier}'s calls{hint}")
