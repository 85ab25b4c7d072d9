"""What an account at a carrier is opened with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

CredentialValue = str | bool

HINT_SUFFIX: Final = "_hint"
"""Of the name under which the beginning of a secret is shown."""

_HINT_CHARS: Final = 4
_HINTED_LEAST_CHARS: Final = 16
"""Of a shorter secret four characters would tell too much."""

SECRET_MAX_CHARS: Final = 256


@dataclass(frozen=True, slots=True)
class GivenCredentials:
    """As a client writes them: with their secrets, for one carrier. What is not set is not
    there."""

    carrier: str
    values: Mapping[str, CredentialValue] = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealedCredentials:
    """As they are kept: `sealed` is the whole, encrypted, and `shown` what anybody may see,
    with hints in place of the secrets."""

    shown: Mapping[str, CredentialValue]
    sealed: str = field(repr=False)


def shown_of(
    values: Mapping[str, CredentialValue], secrets: frozenset[str]
) -> dict[str, CredentialValue]:
    """`secrets`: the names of those that are."""
    shown = {name: value for name, value in values.items() if name not in secrets}
    hints = {name + HINT_SUFFIX: _hint(str(values[name])) for name in secrets & values.keys()}
    return shown | hints


def _hint(secret: str) -> str:
    return secret[:_HINT_CHARS] if len(secret) >= _HINTED_LEAST_CHARS else ""


def secret_fault(secret: str) -> str | None:
    """A secret goes into a header: what cannot stand there is a slip of whoever copied it."""
    if len(secret) > SECRET_MAX_CHARS:
        return f"must not be longer than {SECRET_MAX_CHARS} characters"
    if not all("!" <= character <= "~" for character in secret):
        return "must be ASCII without spaces"
    return None
