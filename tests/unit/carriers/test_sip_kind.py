"""What the credentials of a SIP account must be, and what needs no worker to be refused."""

from dataclasses import replace
from datetime import timedelta

import pytest
from outdial.v1.carrier_credentials_pb2 import SipCredentials

from outdial_server.carriers.sip.kind import SipKind
from outdial_server.carriers.sip.supervisor import SipSupervisor
from outdial_server.domain.call import Disposition
from outdial_server.domain.carrier_params import ParamsError
from outdial_server.domain.checks import Checks
from outdial_server.domain.ids import CallId, CarrierConfigId
from outdial_server.domain.internet import AddressGuard, parse_networks
from outdial_server.domain.report import Fault
from outdial_server.ports.carrier import (
    AccountFault,
    CallQuery,
    DialRequest,
    LookUpFailed,
    NotSent,
    RawCallback,
    Refused,
)
from support.clock import ManualClock
from support.domain import ACCOUNT

GOOD = {"proxy": "trunk.example.net:5070", "username": "u1", "password": "p" * 16}
# No resolver is asked for a name like this.
NOWHERE = "x" * 64 + ".invalid"
LOOPBACK = AddressGuard(parse_networks(["127.0.0.1"]))
REQUEST = DialRequest(
    CallId("call-0"),
    ACCOUNT,
    None,
    "sip:ann@127.0.0.1",
    "+15550000002",
    timedelta(seconds=30),
    timedelta(hours=1),
    join_url="sip:agent@127.0.0.1",
)


class NoInbox:
    async def store(self, callback: RawCallback) -> None:
        raise AssertionError("nothing is told")

    async def pending(self, limit: int) -> list[None]:
        raise AssertionError("nothing is read")


def kind(guard: AddressGuard = LOOPBACK) -> SipKind:
    """Its worker is not started."""
    supervisor = SipSupervisor("127.0.0.1", 0, "", NoInbox(), ManualClock())  # type: ignore[arg-type]
    return SipKind(supervisor, guard, lambda: True)


def faults(**changes: object) -> list[str]:
    checks = Checks()
    values = {name: value for name, value in (GOOD | changes).items() if value is not None}
    kind().check_credentials(checks, values)
    return [violation.field for violation in checks.violations]


def test_a_trunk_and_who_we_are_there_is_what_it_takes_or_nothing_at_all() -> None:
    assert faults() == []
    assert faults(**dict.fromkeys(GOOD)) == []
    assert faults(agent_first=True, from_domain="our.example.net") == []
    assert faults(proxy="192.0.2.7") == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("proxy", "sip:trunk.example.net"),
        ("proxy", "trunk.example.net:0"),
        ("proxy", "trunk example"),
        ("proxy", "[2001:db8::1]:5060"),
        ("username", 'with "quotes"'),
        ("username", "u@host"),
        ("username", "x" * 65),
        ("password", "with a space"),
        ("password", "x" * 257),
        ("from_domain", "a b"),
        ("from_domain", "our.example.net:5060"),
        ("username", None),
        ("password", None),
    ],
)
def test_what_cannot_be_right_is_named(name: str, value: str | None) -> None:
    assert faults(**{name: value}) == [name]


def test_a_call_has_no_parameters_besides() -> None:
    assert kind().write_params({}, {}) == {}
    with pytest.raises(ParamsError) as refused:
        kind().write_params({"to": "sip:a@b", "Route": "x"}, {})
    assert [(fault.field, fault.description) for fault in refused.value.faults] == [
        ("to", "is set by the address of the scheduled call"),
        ("Route", "is no parameter of SIP's calls"),
    ]


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"join_url": ""}, Refused("AGENT_HAS_NO_JOIN_URL", Fault.CONFIGURATION)),
        (
            {"join_url": "wss://agent.example.net"},
            Refused("JOIN_URL_IS_NO_SIP_URI", Fault.CONFIGURATION),
        ),
        (
            {"address": "+15550000001"},
            Refused("SIP_URI_REQUIRED", Fault.CALL, Disposition.INVALID_NUMBER),
        ),
        (
            {"address": "sip:ann@127.0.0.1;transport=tcp"},
            Refused("SIP_OVER_UDP_ONLY", Fault.CALL, Disposition.INVALID_NUMBER),
        ),
        (
            {"address": f"sip:ann@{NOWHERE}"},
            NotSent("CANNOT_RESOLVE", tells_of_carrier=False),
        ),
        (
            {"address": "sip:ann@10.0.0.1"},
            Refused("ADDRESS_NOT_ALLOWED", Fault.CALL, Disposition.INVALID_NUMBER),
        ),
        (
            {"join_url": f"sip:agent@{NOWHERE}"},
            NotSent("AGENT_CANNOT_RESOLVE", tells_of_carrier=False),
        ),
        (
            {"join_url": "sip:agent@169.254.169.254"},
            Refused("AGENT_ADDRESS_NOT_ALLOWED", Fault.CONFIGURATION),
        ),
        ({}, NotSent("SIP_WORKER_DOWN", timedelta(seconds=2), tells_of_carrier=False)),
    ],
)
async def test_of_what_cannot_be_sent_nothing_is(changes: dict[str, str], result: object) -> None:
    carrier = kind().open({}, "https://us.example.com", CarrierConfigId("config"))
    assert await carrier.place_call(replace(REQUEST, **changes)) == result  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("proxy", "reason"),
    [(NOWHERE, "CANNOT_RESOLVE"), ("10.0.0.1", "ADDRESS_NOT_ALLOWED")],
)
async def test_a_trunk_that_cannot_be_reached_holds_its_calls_back(proxy: str, reason: str) -> None:
    carrier = kind().open({"proxy": proxy}, "https://us.example.com", CarrierConfigId("config"))
    assert await carrier.place_call(REQUEST) == NotSent(reason)
    assert await carrier.check_account() == AccountFault(reason, is_refusal=False)


async def test_without_a_worker_nobody_knows() -> None:
    carrier = kind().open(GOOD, "https://us.example.com", CarrierConfigId("config"))
    query = CallQuery(CallId("call-0"), "", "sip:ann@127.0.0.1")
    assert await carrier.look_up(query) == LookUpFailed("SIP_WORKER_DOWN")
    assert not await carrier.hang_up(query)


async def test_what_comes_over_http_is_not_the_worker_s() -> None:
    carrier = kind().open(GOOD, "https://us.example.com", CarrierConfigId("config"))
    assert not carrier.verify_callback(RawCallback("sip", "", "", {}, b"{}"))


def test_the_contract_names_the_same_secrets() -> None:
    fields = SipCredentials.DESCRIPTOR.fields
    redacted = {field.name for field in fields if field.GetOptions().debug_redact}
    hinted = {field.name.removesuffix("_hint") for field in fields if "_hint" in field.name}
    assert redacted == hinted == kind().secrets
