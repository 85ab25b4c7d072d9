"""A callback is the carrier's own when its very bytes carry the carrier's signature."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.carriers.simulated.signature import is_signed, sign

BODY = b'{"status": "ringing"}'
GENUINE = sign("secret", 1_700_000_000, BODY)


@given(st.text(min_size=1), st.binary())
def test_what_is_signed_is_recognised(secret: str, body: bytes) -> None:
    assert is_signed(secret, sign(secret, 1, body), body)


def test_another_body_is_refused() -> None:
    assert not is_signed("secret", GENUINE, BODY.replace(b"ringing", b"ended"))


def test_another_secret_is_refused() -> None:
    assert not is_signed("secret", sign("other", 1_700_000_000, BODY), BODY)


def test_the_time_is_signed_too() -> None:
    assert not is_signed("secret", GENUINE.replace("t=17", "t=18"), BODY)


@pytest.mark.parametrize(
    "header", ["", "t=1", "v1=", "t=1,v1=", "nonsense", "t=1,v1=é", "t=é,v1=00", ",,=,=", "=" * 99]
)
def test_a_header_that_says_nothing_is_refused(header: str) -> None:
    assert not is_signed("secret", header, BODY)


@given(st.text())
def test_no_header_is_too_strange_to_be_refused(header: str) -> None:
    assert not is_signed("secret", header, BODY)
