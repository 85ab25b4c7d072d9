"""The config file: profiles, faults with their place, changes that leave the rest alone."""

import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outdial_client.cli._config_file import ConfigFile, default_path, parse_value
from outdial_client.cli._exit_code import CommandFailure, ExitCode

PATH = Path("/etc/outdial.toml")
TWO_PROFILES = """\
# Mine.
profile = "work"

[profiles.work]
address = "work:443"  # behind the proxy
api_key = "key-of-work"
tls = true

[profiles.home]
address = "home:50051"
"""


def parse(text: str) -> ConfigFile:
    return ConfigFile.parse(PATH, text)


def test_the_file_names_the_profile_that_counts() -> None:
    config = parse(TWO_PROFILES)
    assert config.profile("")["address"] == "work:443"
    assert config.profile("home") == {"address": "home:50051"}


def test_a_profile_takes_nothing_over_from_another() -> None:
    assert "api_key" not in parse(TWO_PROFILES).profile("home")


def test_a_file_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert ConfigFile.read(tmp_path / "none.toml").profile("") == {}


def test_an_unknown_profile_lists_those_there_are() -> None:
    with pytest.raises(CommandFailure, match=r"no profile 'x' .* there are: work, home"):
        parse(TWO_PROFILES).profile("x")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[profiles.a]\naddress = "x"\nadress = "y"\n', "line 3: profiles.a.adress is no setting"),
        ("[profiles.a]\n\naddress = 7\n", "line 3: profiles.a.address must be a text"),
        ('[profiles.a]\ntls = "yes"\n', "line 2: profiles.a.tls must be true or false"),
        ("[profiles.a]\ntimeout_seconds = 0\n", "line 2: profiles.a.timeout_seconds must be 1"),
        ('[profiles.a]\noutput = "xml"\n', "line 2: profiles.a.output must be one of table, json"),
        ('# me\naddress = "x"\n', "line 2: address is not known here"),
        ("profile = 3\n", "line 1: profile must be a text"),
        ("profiles = 3\n", "line 1: profiles must hold tables"),
        ("[profiles]\na = 3\n", "line 2: profiles.a must be a table"),
        ("[profiles.a]\ntls = tru\n", "line 2: Invalid value"),
        ('[profiles]\na = {adress = "x"}\n', "outdial.toml: profiles.a.adress is no setting"),
    ],
)
def test_a_fault_names_file_line_and_key(text: str, fault: str) -> None:
    with pytest.raises(CommandFailure) as caught:
        parse(text)
    assert caught.value.message.startswith(str(PATH))
    assert fault in caught.value.message
    assert caught.value.code == ExitCode.USAGE


def test_a_file_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(CommandFailure, match="is not UTF-8"):
        ConfigFile.read(path)


def test_a_change_leaves_the_rest_as_it_is() -> None:
    changed = parse(TWO_PROFILES).with_setting("work", "tls", value=False)
    assert changed.text == TWO_PROFILES.replace("tls = true", "tls = false")


def test_a_new_setting_stands_at_the_end_of_its_profile() -> None:
    changed = parse(TWO_PROFILES).with_setting("work", "timeout_seconds", 9)
    expected = TWO_PROFILES.replace("tls = true\n", "tls = true\ntimeout_seconds = 9\n")
    assert changed.text == expected


def test_a_new_profile_stands_at_the_end() -> None:
    changed = parse(TWO_PROFILES).with_setting("new", "address", "new:1")
    assert changed.text == f'{TWO_PROFILES}\n[profiles.new]\naddress = "new:1"\n'


def test_a_setting_is_taken_out() -> None:
    changed = parse(TWO_PROFILES).with_setting("work", "api_key", None)
    assert changed.text == TWO_PROFILES.replace('api_key = "key-of-work"\n', "")


def test_another_profile_can_be_the_one_that_counts() -> None:
    assert parse(TWO_PROFILES).with_profile("home").profile("")["address"] == "home:50051"
    added = parse('[profiles.a]\naddress = "x"\n').with_profile("a")
    assert added.text.startswith('profile = "a"\n')


def test_what_only_a_person_can_change_is_left_to_one() -> None:
    inline = parse('profiles = {work = {address = "x"}}\n')
    with pytest.raises(CommandFailure):
        inline.with_setting("work", "address", "y")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1))
def test_every_text_that_is_kept_is_read_again(text: str) -> None:
    if text != text.strip():
        with pytest.raises(CommandFailure):
            parse("").with_setting("a", "api_key", text)
        return
    kept = parse(TWO_PROFILES).with_setting("work", "api_key", text)
    assert kept.profiles["work"]["api_key"] == text


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.toml"
    path.parent.mkdir()
    path.write_text(TWO_PROFILES)
    path.chmod(0o644)
    assert ConfigFile.read(path).can_be_read_by_others
    ConfigFile.read(path).with_setting("work", "api_key", "other").write()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not ConfigFile.read(path).can_be_read_by_others
    assert list(path.parent.iterdir()) == [path]


def test_a_link_to_the_file_stays_one(tmp_path: Path) -> None:
    target, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    target.write_text(TWO_PROFILES)
    link.symlink_to(target)
    ConfigFile.read(link).with_setting("home", "tls", value=True).write()
    assert link.is_symlink()
    assert "tls = true" in target.read_text().split("home", maxsplit=2)[-1]


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [("address", "a:1", "a:1"), ("tls", "true", True), ("timeout_seconds", "7", 7)],
)
def test_values_are_typed_as_words(key: str, text: str, value: object) -> None:
    assert parse_value(key, text) == value


@pytest.mark.parametrize(
    ("key", "text"),
    [("tls", "yes"), ("timeout_seconds", "soon"), ("colour", "red"), ("output", "")],
)
def test_a_value_that_cannot_be_is_refused(key: str, text: str) -> None:
    with pytest.raises(CommandFailure, match=key):
        parse_value(key, text)


def test_the_file_lies_where_the_standard_says() -> None:
    assert default_path({"XDG_CONFIG_HOME": "/x"}) == Path("/x/outdial/config.toml")
    for environment in ({}, {"XDG_CONFIG_HOME": "relative"}):
        assert default_path(environment) == Path.home() / ".config/outdial/config.toml"
