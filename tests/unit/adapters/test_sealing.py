"""Secrets encrypted at rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_server.adapters.master_key import master_key_from
from outdial_server.adapters.sealing import AesGcmSeal
from outdial_server.ports.sealing import UnreadableSecretError

SEAL = AesGcmSeal(master_key_from("some text"))


@given(st.text(), st.text(max_size=40))
def test_what_was_sealed_is_read_again_by_its_owner(text: str, owner: str) -> None:
    sealed = SEAL.seal(text, owner)
    assert AesGcmSeal(master_key_from("some text")).unseal(sealed, owner) == text
    with pytest.raises(UnreadableSecretError, match="not what was sealed"):
        SEAL.unseal(sealed, owner + "x")


def test_a_secret_is_never_sealed_the_same_twice_and_does_not_show() -> None:
    first, second = SEAL.seal("open sesame", "a"), SEAL.seal("open sesame", "a")
    assert first != second
    assert "sesame" not in first


def test_another_master_key_is_told_by_its_id() -> None:
    sealed = SEAL.seal("open sesame", "a")
    other = AesGcmSeal(master_key_from("another text"))
    with pytest.raises(UnreadableSecretError, match="sealed with the master key") as caught:
        other.unseal(sealed, "a")
    key_id = sealed.split(".")[1]
    assert key_id in str(caught.value)
    assert other.seal("x", "a").split(".")[1] in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_what_an_old_key_sealed_is_read_and_sealed_with_the_new_one() -> None:
    old, new = master_key_from("some text"), master_key_from("another text")
    seal = AesGcmSeal(new, [old])
    sealed = SEAL.seal("open sesame", "a")
    assert seal.unseal(sealed, "a") == "open sesame"
    anew = seal.seal("open sesame", "a")
    assert AesGcmSeal(new).unseal(anew, "a") == "open sesame"
    assert (anew.startswith(seal.mark), sealed.startswith(seal.mark)) == (True, False)
    with pytest.raises(UnreadableSecretError, match="not what was sealed"):
        seal.unseal(sealed, "b")


@given(st.integers(0, len(SEAL.seal("open sesame", "a")) - 1), st.sampled_from("Aa0-_.="))
def test_a_sealed_text_that_was_changed_is_refused(at: int, letter: str) -> None:
    sealed = SEAL.seal("open sesame", "a")
    # What is drawn must not depend on what was sealed, which is another text each time.
    changed = sealed[:at] + (letter if letter != sealed[at] else "B") + sealed[at + 1 :]
    try:
        opened = SEAL.unseal(changed, "a")
    except UnreadableSecretError:
        return
    # The last digits of base64 hold bits that mean nothing.
    assert opened == "open sesame"


@pytest.mark.parametrize("text", ["", "1", "1.", "2.abcdefgh.AAAA", "1.abcdefgh.", "\0"])
def test_what_is_no_sealed_text_is_refused(text: str) -> None:
    with pytest.raises(UnreadableSecretError):
        SEAL.unseal(text, "a")
