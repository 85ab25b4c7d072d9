"""Signatures, held against the library that receivers use."""

import json
from base64 import b64encode
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from outdial_server.domain.checks import Checks
from outdial_server.domain.webhook_format import WebhookFormat
from outdial_server.domain.webhook_signature import check_secret, secret_of, signed_headers

OLD, NEW = secret_of("a" * 32), secret_of("b" * 32)


def now() -> datetime:
    # The library compares with the system's clock.
    return datetime.now(UTC)


@given(st.dictionaries(st.text(), st.text()))
def test_a_receiver_verifies_what_was_signed(content: dict[str, str]) -> None:
    body = json.dumps(content).encode()
    headers = dict(signed_headers("evt_1", now(), body, [NEW]))
    assert Webhook(NEW).verify(body, headers) == content


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_either_secret_verifies_while_both_sign(secret: str) -> None:
    headers = dict(signed_headers("evt_1", now(), b"{}", [NEW, OLD]))
    assert Webhook(secret).verify(b"{}", headers) == {}


def test_nothing_else_verifies() -> None:
    headers = dict(signed_headers("evt_1", now(), b"{}", [NEW]))
    for secret, body, changed in (
        (OLD, b"{}", {}),
        (NEW, b"{ }", {}),
        (NEW, b"{}", {"webhook-id": "evt_2"}),
        (NEW, b"{}", {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)}),
    ):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(body, headers | changed)


def faults(form: WebhookFormat, secret: str) -> list[str]:
    checks = Checks()
    check_secret(checks, form, secret)
    return [violation.field for violation in checks.violations]


@pytest.mark.parametrize("length", [24, 64])
def test_a_secret_of_the_standard_is_taken(length: int) -> None:
    assert not faults(WebhookFormat.OUTDIAL, f"whsec_{b64encode(bytes(length)).decode()}")


@pytest.mark.parametrize(
    "secret",
    [
        "plain",
        b64encode(bytes(32)).decode(),
        "whsec_",
        "whsec_no base64!",
        f"whsec_{b64encode(bytes(23)).decode()}",
        f"whsec_{b64encode(bytes(65)).decode()}",
    ],
)
def test_another_is_refused_and_taken_where_it_is_used_as_it_is(secret: str) -> None:
    assert faults(WebhookFormat.OUTDIAL, secret) == ["secret"]
    for form in (WebhookFormat.ULTRAVOX, WebhookFormat.SPEECHIFY, WebhookFormat.TRUEDY):
        assert not faults(form, secret)


@pytest.mark.parametrize("form", WebhookFormat)
@pytest.mark.parametrize("secret", ["x" * 121, "nul\0"])
def test_a_secret_has_its_bounds(form: WebhookFormat, secret: str) -> None:
    assert faults(form, secret) == ["secret"]
