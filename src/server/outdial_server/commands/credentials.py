"""Credentials that a client gives, checked and sealed."""

from collections.abc import Mapping
from dataclasses import dataclass

import orjson

from outdial_server.domain.checks import Checks
from outdial_server.domain.credentials import GivenCredentials, SealedCredentials, shown_of
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.ports.carrier_kind import CarrierKind
from outdial_server.ports.sealing import Seal


@dataclass(frozen=True, slots=True)
class CredentialSealer:
    # By name.
    kinds: Mapping[str, CarrierKind]
    seal: Seal

    def sealed(
        self, config_id: CarrierConfigId, carrier: str, given: GivenCredentials
    ) -> SealedCredentials:
        """For that config alone, which is of `carrier`. Raises InvalidFieldsError."""
        checks = Checks("carrier_config.")
        if given.carrier != carrier:
            checks.fault(given.carrier, f"does not fit the carrier {carrier!r}")
        checks.raise_if_any()
        kind = self.kinds[carrier]
        checks = Checks(f"carrier_config.{carrier}.")
        kind.check_credentials(checks, given.values)
        checks.raise_if_any()
        text = orjson.dumps(dict(given.values)).decode()
        return SealedCredentials(
            shown_of(given.values, kind.secrets), self.seal.seal(text, config_id)
        )
