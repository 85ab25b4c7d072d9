"""What Twilio's credentials must be."""

from datetime import timedelta

import pytest
from outdial.v1.carrier_credentials_pb2 import TwilioCredentials

from outdial_server.carriers.twilio.kind import TwilioKind
from outdial_server.domain.checks import Checks
from outdial_server.domain.ids import CallId, CarrierConfigId
from outdial_server.domain.internet import AddressGuard, parse_networks
from outdial_server.ports.carrier import DialRequest, NotSent
from support.domain import ACCOUNT

GOOD = {"account_sid": "AC" + "0a" * 16, "auth_token": "t" * 32}
KEY = {"api_key_sid": "SK" + "1b" * 16, "api_key_secret": "s" * 32}
KIND = TwilioKind(AddressGuard(parse_networks(["10.1.0.0/16"])))


def faults(**changes: object) -> list[str]:
    checks = Checks()
    values = {name: value for name, value in (GOOD | changes).items() if value is not None}
    KIND.check_credentials(checks, values)
    return [violation.field for violation in checks.violations]


def test_sid_and_token_are_enough_and_a_key_goes_with_its_secret() -> None:
    assert faults() == []
    assert faults(**KEY, detect_machines=True) == []
    assert faults(account_sid=None, auth_token=None) == ["account_sid", "auth_token"]
    assert faults(api_key_sid=KEY["api_key_sid"]) == ["api_key_secret"]
    assert faults(api_key_secret=KEY["api_key_secret"]) == ["api_key_sid"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("account_sid", "SK" + "0" * 32),
        ("account_sid", "AC" + "0" * 31),
        ("account_sid", "AC" + "0" * 32 + "\n"),
        ("account_sid", "AC/../" + "0" * 28),
        ("auth_token", "with a space"),
        ("auth_token", "x" * 257),
    ],
)
def test_what_cannot_be_right_is_named(name: str, value: str) -> None:
    assert faults(**{name: value}) == [name]


@pytest.mark.parametrize(
    "url",
    [
        "https://api.dublin.ie1.twilio.com",
        "https://double.example.com:8443/twilio",
        "http://10.1.2.3:8080",
        "http://[::ffff:10.1.2.3]",
    ],
)
def test_a_base_url_is_https_or_leads_to_what_the_operator_allows(url: str) -> None:
    assert faults(base_url=url) == []


@pytest.mark.parametrize(
    "url",
    [
        "http://api.twilio.com",
        "http://10.2.0.1",
        "http://localhost",
        "ftp://api.twilio.com",
        "api.twilio.com",
        "https://",
        "https://user:password@api.twilio.com",
        "https://api.twilio.com?x=1",
        "https://api.twilio.com#x",
        "https://[::1",
        "https://a:port",
        "https://api .twilio.com",
        "https://api$twilio.com",
        "https://" + "a" * 300,
    ],
)
def test_any_other_base_url_is_refused(url: str) -> None:
    assert faults(base_url=url) == ["base_url"]


async def test_an_account_is_asked_at_addresses_that_may_be_reached_alone() -> None:
    values = GOOD | KEY | {"base_url": "https://127.0.0.1:1", "detect_machines": True}
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
        carrier = TwilioKind(guard).open(
            values, "https://us.example.com", CarrierConfigId("config")
        )
        assert await carrier.place_call(request) == NotSent(reason)
        await carrier.close()


def test_the_contract_names_the_same_secrets() -> None:
    fields = TwilioCredentials.DESCRIPTOR.fields
    redacted = {field.name for field in fields if field.GetOptions().debug_redact}
    hinted = {field.name.removesuffix("_hint") for field in fields if "_hint" in field.name}
    assert redacted == hinted == KIND.secrets
