"""Twilio as a kind of carrier: what its credentials must be."""

import re
from collections.abc import Mapping
from typing import Final

from outdial_server.carriers.base_url import check_base_url
from outdial_server.carriers.twilio.account import NAME, TwilioAccount
from outdial_server.carriers.twilio.adapter import DEFAULT_CALLS_PER_SECOND, TwilioCarrier
from outdial_server.carriers.twilio.params import KNOWN
from outdial_server.carriers.twiml.markup import ANY_AGENT
from outdial_server.domain.carrier_config import OverRate
from outdial_server.domain.carrier_params import Params
from outdial_server.domain.checks import Checks
from outdial_server.domain.credentials import CredentialValue, secret_fault
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.domain.internet import AddressGuard

_SIDS: Final = {
    "account_sid": re.compile(r"AC[0-9a-fA-F]{32}"),
    "api_key_sid": re.compile(r"SK[0-9a-fA-F]{32}"),
}
_KEY: Final = ("api_key_sid", "api_key_secret")


class TwilioKind:
    name = NAME
    default_calls_per_second: float | None = DEFAULT_CALLS_PER_SECOND
    over_rate = OverRate.QUEUES
    secrets = frozenset({"auth_token", "api_key_secret"})

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard

    def check_credentials(self, checks: Checks, values: Mapping[str, CredentialValue]) -> None:
        for name in ("account_sid", "auth_token"):
            if name not in values:
                checks.fault(name, "is required")
        for name, pattern in _SIDS.items():
            if name in values and not pattern.fullmatch(str(values[name])):
                checks.fault(name, f"must be {pattern.pattern[:2]} and 32 hex digits")
        for name in self.secrets & values.keys():
            fault = secret_fault(str(values[name]))
            if fault:
                checks.fault(name, fault)
        given = [name for name in _KEY if name in values]
        if len(given) == 1:
            (missing,) = set(_KEY) - set(given)
            checks.fault(missing, f"is required with {given[0]}")
        if "base_url" in values:
            check_base_url(checks, str(values["base_url"]), self._guard)

    def connects_to(self, account: Mapping[str, CredentialValue]) -> frozenset[str]:
        return ANY_AGENT

    def write_params(self, params: Params, account: Mapping[str, CredentialValue]) -> Params:
        return KNOWN.write(params)

    def open(
        self,
        values: Mapping[str, CredentialValue],
        callback_url: str,
        config_id: CarrierConfigId,
    ) -> TwilioCarrier:
        account = TwilioAccount(**values)  # type: ignore[arg-type] # as they were checked
        return TwilioCarrier(account, callback_url, guard=self._guard)
