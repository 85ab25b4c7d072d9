"""Plivo as a kind of carrier: what its credentials must be."""

import re
from collections.abc import Mapping
from typing import Final

from outdial_server.carriers.base_url import check_base_url
from outdial_server.carriers.plivo.account import NAME, PlivoAccount
from outdial_server.carriers.plivo.adapter import DEFAULT_CALLS_PER_SECOND, PlivoCarrier
from outdial_server.carriers.plivo.params import KNOWN
from outdial_server.carriers.twiml.markup import ANY_AGENT
from outdial_server.domain.carrier_config import OverRate
from outdial_server.domain.carrier_params import Params
from outdial_server.domain.checks import Checks
from outdial_server.domain.credentials import CredentialValue, secret_fault
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.domain.internet import AddressGuard

_AUTH_ID: Final = re.compile(r"(MA|SA)[0-9A-Z]{18}")


class PlivoKind:
    name = NAME
    default_calls_per_second: float | None = DEFAULT_CALLS_PER_SECOND
    over_rate = OverRate.QUEUES
    secrets = frozenset({"auth_token"})

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard

    def check_credentials(self, checks: Checks, values: Mapping[str, CredentialValue]) -> None:
        for name in ("auth_id", "auth_token"):
            if name not in values:
                checks.fault(name, "is required")
        if "auth_id" in values and not _AUTH_ID.fullmatch(str(values["auth_id"])):
            checks.fault("auth_id", "must be MA or SA and 18 capitals and digits")
        if "auth_token" in values:
            fault = secret_fault(str(values["auth_token"]))
            if fault:
                checks.fault("auth_token", fault)
        if "base_url" in values:
            check_base_url(checks, str(values["base_url"]), self._guard)

    def connects_to(self, account: Mapping[str, CredentialValue]) -> frozenset[str]:
        # It would be taken for a socket, once somebody has answered.
        return ANY_AGENT - {"sip"}

    def write_params(self, params: Params, account: Mapping[str, CredentialValue]) -> Params:
        return KNOWN.write(params)

    def open(
        self,
        values: Mapping[str, CredentialValue],
        callback_url: str,
        config_id: CarrierConfigId,
    ) -> PlivoCarrier:
        account = PlivoAccount(**values)  # type: ignore[arg-type] # as they were checked
        return PlivoCarrier(account, callback_url, guard=self._guard)
