"""Kinds of carriers: those where many may have accounts, each with credentials of its own."""

from collections.abc import Mapping
from typing import Protocol

from outdial_server.domain.carrier_config import OverRate
from outdial_server.domain.carrier_params import Params
from outdial_server.domain.checks import Checks
from outdial_server.domain.credentials import CredentialValue
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.ports.carrier import Carrier


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
    def over_rate(self) -> OverRate:
        """What it does with calls above the rate of an account."""
        ...

    @property
    def secrets(self) -> frozenset[str]:
        """Which of the credentials are never shown."""
        ...

    def connects_to(self, account: Mapping[str, CredentialValue]) -> frozenset[str]:
        """See ConnectsTo."""
        ...

    def check_credentials(self, checks: Checks, values: Mapping[str, CredentialValue]) -> None:
        """Notes what cannot be right, without asking the carrier. What is not set is not
        there."""
        ...

    def write_params(self, params: Params, account: Mapping[str, CredentialValue]) -> Params:
        """See WriteParams."""
        ...

    def open(
        self,
        values: Mapping[str, CredentialValue],
        callback_url: str,
        config_id: CarrierConfigId,
    ) -> Carrier:
        """The account of these credentials, which were checked; nothing is sent yet. What the
        carrier tells goes to `callback_url`, public and with its token, or below it;
        `config_id` is for one that tells it within this machine."""
        ...
