"""Kinds of carriers: those where many may have accounts, each with credentials of its own."""

from collections.abc import Mapping
from typing import Protocol

from outdial_server.domain.checks import Checks
from outdial_server.domain.credentials import CredentialValue


class CarrierKind(Protocol):
    """What is known of a carrier without an account there."""

    @property
    def name(self) -> str:
        """The name in `CarrierConfig.carrier`, and of its credentials there."""
        ...

    @property
    def default_calls_per_second(self) -> float | None:
        """What it takes of an account that has agreed nothing else; None for any rate."""
        ...

    @property
    def secrets(self) -> frozenset[str]:
        """Which of the credentials are never shown."""
        ...

    def check_credentials(self, checks: Checks, values: Mapping[str, CredentialValue]) -> None:
        """Notes what cannot be right, without asking the carrier. What is not set is not
        there."""
        ...
