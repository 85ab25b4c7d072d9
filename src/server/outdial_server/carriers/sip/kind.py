"""SIP as a kind of carrier: what its credentials must be."""

import re
from collections.abc import Callable, Mapping
from typing import Final

from outdial_server.carriers.sip.account import NAME, SipAccount
from outdial_server.carriers.sip.adapter import SipCarrier
from outdial_server.carriers.sip.addresses import SipAddressError, parse_hop
from outdial_server.carriers.sip.params import KNOWN
from outdial_server.carriers.sip.supervisor import SipSupervisor
from outdial_server.domain.carrier_config import OverRate
from outdial_server.domain.carrier_params import Params
from outdial_server.domain.checks import Checks
from outdial_server.domain.credentials import CredentialValue, secret_fault
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.domain.internet import AddressGuard

# It stands in quotes in a header, and is the user part of From.
_USERNAME: Final = re.compile(r"[0-9A-Za-z\-_.!~*'()&=+$,;?/]{1,64}")


class SipKind:
    name = NAME
    default_calls_per_second: float | None = None
    over_rate = OverRate.REFUSES
    secrets = frozenset({"password"})

    def __init__(
        self, supervisor: SipSupervisor, guard: AddressGuard, is_alone: Callable[[], bool]
    ) -> None:
        self._supervisor = supervisor
        self._guard = guard
        self._is_alone = is_alone

    def check_credentials(self, checks: Checks, values: Mapping[str, CredentialValue]) -> None:
        for name in ("proxy", "from_domain"):
            if name in values:
                _check_host(checks, name, str(values[name]))
        if ":" in str(values.get("from_domain", "")):
            checks.fault("from_domain", "must have no port")
        if "username" in values and not _USERNAME.fullmatch(str(values["username"])):
            checks.fault("username", "must be 1 to 64 letters, digits and -_.!~*'()&=+$,;?/")
        if "password" in values:
            fault = secret_fault(str(values["password"]))
            if fault:
                checks.fault("password", fault)
        given = [name for name in ("username", "password") if name in values]
        if len(given) == 1:
            (missing,) = {"username", "password"} - set(given)
            checks.fault(missing, f"is required with {given[0]}")

    def connects_to(self, account: Mapping[str, CredentialValue]) -> frozenset[str]:
        return frozenset({"sip"})

    def write_params(self, params: Params, account: Mapping[str, CredentialValue]) -> Params:
        return KNOWN.write(params)

    def open(
        self,
        values: Mapping[str, CredentialValue],
        callback_url: str,
        config_id: CarrierConfigId,
    ) -> SipCarrier:
        account = SipAccount(**values)  # type: ignore[arg-type] # as they were checked
        return SipCarrier(account, config_id, self._supervisor, self._guard, self._is_alone)


def _check_host(checks: Checks, name: str, text: str) -> None:
    try:
        parse_hop(text)
    except SipAddressError:
        checks.fault(name, "must be HOST or HOST:PORT, a name or an IPv4 address")
