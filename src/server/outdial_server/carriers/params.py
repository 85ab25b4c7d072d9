"""Parameters of a carrier's own that a caller may add to its calls: which there are, and how
their names may be spelled."""

import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from difflib import get_close_matches

from outdial_server.domain.carrier_params import Params, ParamsError
from outdial_server.domain.errors import FieldViolation


def snake_case(name: str) -> str:
    """`from_display_name` may be given as `fromDisplayName`, too."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


ValueFault = Callable[[object], str]
"""What is wrong with a value; empty for nothing."""


@dataclass(frozen=True, slots=True)
class KnownParams:
    """`ours` are said in another way, and how. `spell` makes the carrier's spelling of any."""

    carrier: str
    allowed: AbstractSet[str]
    ours: Mapping[str, str]
    spell: Callable[[str], str]
    value_fault: ValueFault

    def write(self, params: Params) -> dict[str, object]:
        """The same under the carrier's names. Raises ParamsError."""
        written: dict[str, object] = {}
        faults: list[FieldViolation] = []
        for given, value in params.items():
            name = self.spell(given)
            fault = "is given twice" if name in written else self._fault(name, value)
            if fault:
                faults.append(FieldViolation(given, fault))
            else:
                written[name] = value
        if faults:
            raise ParamsError(faults)
        return written

    def _fault(self, name: str, value: object) -> str:
        if name in self.allowed:
            return self.value_fault(value)
        if name in self.ours:
            return f"is set by {self.ours[name]}"
        near = get_close_matches(name, self.allowed, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"is no parameter of {self.carrier}'s calls{hint}"
