"""What Telnyx's credentials must be."""

from base64 import b64encode
from datetime import timedelta

import pytest
from outdial.v1.carrier_credentials_pb2 import TelnyxCredentials

from outdial_server.carriers.telnyx.adapter import TelnyxCarrier
from outdial_server.carriers.telnyx.kind import TelnyxKind
from outdial_server.carriers.telnyx.texml import TexmlCarrier
from outdial_server.domain.checks import Checks
from outdial_server.domain.ids import CallId, CarrierConfigId
from outdial_server.domain.internet import AddressGuard, parse_networks
from outdial_server.ports.carrier import DialRequest, NotSent
from support.clock import ManualClock
from support.domain import ACCOUNT

GOOD = {
    "api_key": "KEY" + "0" * 32,
    "connection_id": "1293384261075731461",
    "public_key": b64encode(bytes(32)).decode(),
}
KIND = TelnyxKind(AddressGuard(parse_networks(["10.1.0.0/16"])), ManualClock())


def faults(**changes: object) -> list[str]:
    checks = Checks()
    values = {name: value for name, value in (GOOD | changes).items() if value is not None}
    KIND.check_credentials(checks, values)
    return [violation.field for violation in checks.violations]


def test_a_key_a_connection_and_a_public_key_are_what_it_takes() -> None:
    assert faults() == []
    assert faults(detect_machines=True, base_url="https://api.telnyx.eu/v2") == []
    assert faults(texml_account_sid="61bf923e-5e4d-4595-a110-56190ea18a1b") == []
    assert faults(**dict.fromkeys(GOOD)) == list(GOOD)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("api_key", "with a space"),
        ("api_key", "x" * 257),
        ("connection_id", ""),
        ("connection_id", "1" * 65),
        ("connection_id", "1/../calls"),
        ("connection_id", "1\n"),
        ("texml_account_sid", "1/../calls"),
        ("public_key", b64encode(bytes(31)).decode()),
        ("public_key", "not base64!"),
        ("public_key", "schlüssel"),
        ("base_url", "http://api.telnyx.com/v2"),
        ("base_url", "https://api.telnyx.com/v2?x=1"),
    ],
)
def test_what_cannot_be_right_is_named(name: str, value: str) -> None:
    assert faults(**{name: value}) == [name]


async def test_an_account_is_asked_at_addresses_that_may_be_reached_alone() -> None:
    values = GOOD | {"base_url": "https://127.0.0.1:1", "detect_machines": True}
    request = DialRequest(
        CallId("call-0"),
        ACCOUNT,
        None,
        "+15550000001",
        "+15550000002",
        timedelta(seconds=30),
        timedelta(hours=1),
        join_url="wss://agent.example.com",
    )
    for guard, reason in (
        (AddressGuard(), "ADDRESS_NOT_ALLOWED"),
        (AddressGuard(parse_networks(["127.0.0.1"])), "CANNOT_CONNECT"),
    ):
        carrier = TelnyxKind(guard, ManualClock()).open(
            values, "https://us.example.com", CarrierConfigId("config")
        )
        assert await carrier.place_call(request) == NotSent(reason)
        await carrier.close()


async def test_the_way_to_dial_is_chosen_by_the_account_of_texml() -> None:
    opened = KIND.open(GOOD, "https://us.example.com", CarrierConfigId("config"))
    texml = GOOD | {"texml_account_sid": "acc-1"}
    other = KIND.open(texml, "https://us.example.com", CarrierConfigId("config"))
    assert (type(opened), type(other)) == (TelnyxCarrier, TexmlCarrier)
    await opened.close()
    await other.close()
    assert KIND.write_params({"record_trim": "x"}, {}) == {"record_trim": "x"}
    assert KIND.write_params({"record": True}, {"texml_account_sid": "acc-1"}) == {"Record": True}


def test_the_contract_names_the_same_secrets() -> None:
    fields = TelnyxCredentials.DESCRIPTOR.fields
    redacted = {field.name for field in fields if field.GetOptions().debug_redact}
    hinted = {field.name.removesuffix("_hint") for field in fields if "_hint" in field.name}
    assert redacted == hinted == KIND.secrets
