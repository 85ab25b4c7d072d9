"""Telnyx as a kind of carrier: what its credentials must be."""

import re
from collections.abc import Mapping
from typing import Final

from outdial_server.carriers.base_url import check_base_url
from outdial_server.carriers.telnyx import params as params_of_calls
from outdial_server.carriers.telnyx import texml_params
from outdial_server.carriers.telnyx.account import NAME, TelnyxAccount
from outdial_server.carriers.telnyx.adapter import TelnyxCarrier
from outdial_server.carriers.telnyx.signature import public_key_of
from outdial_server.carriers.telnyx.texml import TexmlCarrier
from outdial_server.carriers.twiml.markup import ANY_AGENT
from outdial_server.domain.carrier_config import OverRate
from outdial_server.domain.carrier_params import Params
from outdial_server.domain.checks import Checks
from outdial_server.domain.credentials import CredentialValue, secret_fault
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.domain.internet import AddressGuard
from outdial_server.ports.clock import Clock

_CONNECTION_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")


class TelnyxKind:
    name = NAME
    default_calls_per_second: float | None = None
    over_rate = OverRate.REFUSES
    secrets = frozenset({"api_key"})

    def __init__(self, guard: AddressGuard, clock: Clock) -> None:
        self._guard = guard
        self._clock = clock

    def check_credentials(self, checks: Checks, values: Mapping[str, CredentialValue]) -> None:
        for name in ("api_key", "connection_id", "public_key"):
            if name not in values:
                checks.fault(name, "is required")
        if "api_key" in values:
            fault = secret_fault(str(values["api_key"]))
            if fault:
                checks.fault("api_key", fault)
        if "connection_id" in values and not _CONNECTION_ID.fullmatch(str(values["connection_id"])):
            checks.fault("connection_id", "must be 1 to 64 letters, digits and hyphens")
        if "texml_account_sid" in values and not _CONNECTION_ID.fullmatch(
            str(values["texml_account_sid"])
        ):
            checks.fault("texml_account_sid", "must be 1 to 64 letters, digits and hyphens")
        if "public_key" in values and not _is_public_key(str(values["public_key"])):
            checks.fault("public_key", "must be the base64 of 32 bytes")
        if "base_url" in values:
            check_base_url(checks, str(values["base_url"]), self._guard)

    def connects_to(self, account: Mapping[str, CredentialValue]) -> frozenset[str]:
        return ANY_AGENT if account.get("texml_account_sid") else frozenset({"wss"})

    def write_params(self, params: Params, account: Mapping[str, CredentialValue]) -> Params:
        known = texml_params.KNOWN if account.get("texml_account_sid") else params_of_calls.KNOWN
        return known.write(params)

    def open(
        self,
        values: Mapping[str, CredentialValue],
        callback_url: str,
        config_id: CarrierConfigId,
    ) -> TelnyxCarrier | TexmlCarrier:
        account = TelnyxAccount(**values)  # type: ignore[arg-type] # as they were checked
        carrier = TexmlCarrier if account.texml_account_sid else TelnyxCarrier
        return carrier(account, callback_url, self._clock, guard=self._guard)


def _is_public_key(text: str) -> bool:
    try:
        public_key_of(text)
    except ValueError:
        return False
    return True
