"""What is shown of credentials."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.domain.credentials import (
    SECRET_MAX_CHARS,
    GivenCredentials,
    SealedCredentials,
    secret_fault,
    shown_of,
)

NAMES = st.sampled_from(["sid", "token", "key", "url"])


@given(st.dictionaries(NAMES, st.text(min_size=1)), st.frozensets(NAMES))
def test_of_a_secret_four_characters_are_shown_at_most(
    values: dict[str, str], secrets: frozenset[str]
) -> None:
    shown = shown_of(values, secrets)
    for name, value in values.items():
        if name in secrets:
            hint = str(shown[f"{name}_hint"])
            assert name not in shown
            assert len(hint) <= min(4, len(value) / 4)
            assert value.startswith(hint)
        else:
            assert shown[name] == value
    assert len(shown) == len(values)


def test_a_long_secret_has_a_hint() -> None:
    assert shown_of({"token": "abcd" + "x" * 12}, frozenset({"token"})) == {"token_hint": "abcd"}


def test_secrets_do_not_show_when_credentials_are_printed() -> None:
    given_ones = GivenCredentials("twilio", {"auth_token": "open-sesame"})
    assert "sesame" not in repr(given_ones)
    assert "sesame" not in repr(SealedCredentials({}, "open-sesame"))


@pytest.mark.parametrize("secret", ["a b", "a\n", "é", "\0", "x" * (SECRET_MAX_CHARS + 1)])
def test_what_cannot_stand_in_a_header_is_no_secret(secret: str) -> None:
    fault = secret_fault(secret)
    assert fault is not None
    assert secret not in fault
    assert secret_fault("Zk9Ht7Lm.wX7pN9fM3kLj6tRq2bGhA8yE+/=") is None
