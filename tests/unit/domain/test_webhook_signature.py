"""Signatures, held against the library that receivers use."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from outdial_server.domain.webhook_signature import secret_of, signed_headers

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
