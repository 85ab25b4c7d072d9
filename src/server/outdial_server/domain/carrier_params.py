"""Parameters of a carrier's own that a client adds to its calls."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from outdial_server.domain.credentials import CredentialValue
from outdial_server.domain.errors import FieldViolation

Params = Mapping[str, object]

NO_PARAMS: Final[Params] = {}


class ParamsError(ValueError):
    """Parameters that cannot be passed on: each by its name, and why not."""

    def __init__(self, faults: Sequence[FieldViolation]) -> None:
        super().__init__("; ".join(f"{fault.field!r} {fault.description}" for fault in faults))
        self.faults = tuple(faults)

    def below(self, path: str) -> list[FieldViolation]:
        """The faults of a request in which the parameters are at `path`."""
        return [FieldViolation(f"{path}.{fault.field}", fault.description) for fault in self.faults]


class DialledThrough(NamedTuple):
    """Who dials: a carrier, and of the account there what anybody may see; empty for none."""

    carrier: str
    account: Mapping[str, CredentialValue] = {}


WriteParams = Callable[[Params, Mapping[str, CredentialValue]], Params]
"""Writes parameters as calls of an account have them: under the carrier's own names. The second
is what anybody may see of the account. Raises ParamsError."""
