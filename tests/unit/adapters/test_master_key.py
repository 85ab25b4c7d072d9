"""The master key and what is derived from it."""

from pathlib import Path

import pytest

from outdial_server.adapters.master_key import master_key_from, master_key_in, old_master_keys


def test_a_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "outdial.key"
    first = master_key_in(path).derive("callbacks")
    assert path.stat().st_mode & 0o777 == 0o600
    assert master_key_in(path).derive("callbacks") == first


def test_purposes_have_secrets_of_their_own() -> None:
    key = master_key_from("some text")
    assert key.derive("callbacks") != key.derive("cookies")
    assert key.derive("callbacks") == master_key_from("some text").derive("callbacks")


def test_a_file_that_was_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "outdial.key"
    path.write_text("abcd")
    with pytest.raises(ValueError, match="no key of 32 bytes"):
        master_key_in(path)


def test_old_keys_are_named_one_a_line_or_by_their_file(tmp_path: Path) -> None:
    kept = master_key_in(tmp_path / "key")
    keys = old_master_keys(f"the first one\n\n file:{tmp_path / 'key'} \n")
    assert [key.derive("x") for key in keys] == [
        master_key_from("the first one").derive("x"),
        kept.derive("x"),
    ]
    assert old_master_keys("") == ()
    with pytest.raises(FileNotFoundError):
        old_master_keys(f"file:{tmp_path / 'nothing'}")
