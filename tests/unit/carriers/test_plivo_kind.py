"""What Plivo's credentials must be."""

import pytest
from outdial.v1.carrier_credentials_pb2 import PlivoCredentials

from outdial_server.carriers.plivo.kind import PlivoKind
from outdial_server.domain.checks import Checks
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.domain.internet import AddressGuard, parse_networks
from outdial_server.ports.carrier import NotSent
from support.requests import REQUEST

GOOD = {"auth_id": "MA" + "Z0" * 9, "auth_token": "token-of-plivo"}
KIND = PlivoKind(AddressGuard(parse_networks(["10.1.0.0/16"])))


def faults(**changes: object) -> list[str]:
    checks = Checks()
    values = {name: value for name, value in (GOOD | changes).items() if value is not None}
    KIND.check_credentials(checks, values)  # type: ignore[arg-type]
    return [violation.field for violation in checks.violations]


def test_an_account_and_a_token_are_what_it_takes() -> None:
    assert faults() == []
    assert faults(auth_id="SA" + "1" * 18, detect_machines=True) == []
    assert faults(base_url="https://10.1.0.1") == []
    assert faults(**dict.fromkeys(GOOD)) == list(GOOD)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("auth_id", "MA0"),
        ("auth_id", "XX" + "0" * 18),
        ("auth_id", "MA" + "0" * 18 + "\n"),
        ("auth_id", "MA" + "0" * 16 + "/.."),
        ("auth_token", "with a space"),
        ("auth_token", "x" * 257),
        ("base_url", "http://api.plivo.com"),
        ("base_url", "https://api.plivo.com?x=1"),
    ],
)
def test_what_cannot_be_right_is_named(name: str, value: str) -> None:
    assert faults(**{name: value}) == [name]


async def test_an_account_is_asked_at_addresses_that_may_be_reached_alone() -> None:
    values = GOOD | {"base_url": "https://127.0.0.1:1", "detect_machines": True}
    for guard, reason in (
        (AddressGuard(), "ADDRESS_NOT_ALLOWED"),
        (AddressGuard(parse_networks(["127.0.0.1"])), "CANNOT_CONNECT"),
    ):
        carrier = PlivoKind(guard).open(values, "https://us.example.com", CarrierConfigId("c"))
        assert await carrier.place_call(REQUEST) == NotSent(reason)
        await carrier.close()


def test_the_contract_names_the_same_secrets() -> None:
    fields = PlivoCredentials.DESCRIPTOR.fields
    redacted = {field.name for field in fields if field.GetOptions().debug_redact}
    hinted = {field.name.removesuffix("_hint") for field in fields if "_hint" in field.name}
    assert redacted == hinted == KIND.secrets
