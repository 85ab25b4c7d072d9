"""The config file: settings by profile.

    profile = "work"          # which one counts when none is named; else "default"

    [profiles.work]
    address = "outdial.example.com:443"
    api_key = "..."
    tls = true

A profile stands alone: nothing is taken over from another one, so that no key goes to
a server that it was not meant for.
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import uuid4

from outdial_client.cli._exit_code import CommandFailure

Value = str | bool | int
Profile = Mapping[str, Value]

DEFAULT_PROFILE = "default"
KINDS: Mapping[str, type[str] | type[bool] | type[int]] = {
    "address": str,
    "api_key": str,
    "tls": bool,
    "ca_cert": str,
    "client_cert": str,
    "client_key": str,
    "timeout_seconds": int,
    "output": str,
}
_KIND_NAMES = {str: "a text", bool: "true or false", int: "a whole number"}
OUTPUTS = ("table", "json")
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_TOML_PLACE = re.compile(r"(?P<fault>.*) \(at line (?P<line>\d+), column \d+\)")


def default_path(environment: Mapping[str, str]) -> Path:
    """Where the file is looked for when nobody says."""
    # The standard says to ignore a path that is not absolute.
    base = Path(environment.get("XDG_CONFIG_HOME", ""))
    folder = base if base.is_absolute() else Path.home() / ".config"
    return folder / "outdial" / "config.toml"


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What is in the file; one that does not exist is empty."""

    path: Path
    text: str
    named_profile: str
    """The profile that the file names; empty when it names none."""
    profiles: Mapping[str, Profile]

    @classmethod
    def read(cls, path: Path) -> "ConfigFile":
        """The checked file; CommandFailure names file, line and key of a fault."""
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls(path, "", "", {})
        except UnicodeDecodeError:
            raise CommandFailure(f"{path} is not UTF-8") from None
        except OSError as error:
            raise CommandFailure(f"{path} cannot be read: {error.strerror}") from None
        return cls.parse(path, text)

    @classmethod
    def parse(cls, path: Path, text: str) -> "ConfigFile":
        """The same from text."""
        try:
            document = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise _syntax_fault(path, error) from None
        checked = _Checked(path, text)
        return cls(path, text, checked.named_profile(document), checked.profiles(document))

    @property
    def can_be_read_by_others(self) -> bool:
        """Whether other users of the machine can read a key in it."""
        has_key = any("api_key" in profile for profile in self.profiles.values())
        return has_key and os.name == "posix" and bool(self.path.stat().st_mode & 0o077)

    def profile(self, name: str) -> Profile:
        """The settings of a profile; an empty name means the one that the file names."""
        wanted = name or self.named_profile or DEFAULT_PROFILE
        if wanted in self.profiles:
            return self.profiles[wanted]
        if wanted == DEFAULT_PROFILE:
            return {}
        known = ", ".join(self.profiles) or "none"
        raise CommandFailure(f"there is no profile {wanted!r} in {self.path}; there are: {known}")

    def with_setting(self, profile: str, key: str, value: Value | None) -> "ConfigFile":
        """The file with one setting changed, or taken out for None; the rest stays as it is."""
        if not _NAME.fullmatch(profile):
            raise CommandFailure(f"{profile!r} is no name for a profile: use a-z, 0-9, _ and -")
        if value is not None:
            _check_value(key, value)
        text = _edit(self.text, profile, key, value)
        changed = self.parse(self.path, text)
        if changed.profiles.get(profile, {}).get(key) != value:
            raise CommandFailure(f"{self.path} is written in a way that only a person can change")
        return changed

    def with_profile(self, profile: str) -> "ConfigFile":
        """The file with another profile as the one that counts."""
        self.profile(profile)
        line = _assignment("profile", profile)
        lines = _lines(self.text)
        place = _find(lines, _TOP, "profile")
        if place.key_line is None:
            lines.insert(0, line)
        else:
            lines[place.key_line] = line
        return self.parse(self.path, "".join(lines))

    def write(self) -> None:
        """Writes the file in one step, for its owner's eyes alone."""
        # A file that is a link stays one.
        target = self.path.resolve()
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = target.with_name(f".{target.name}.{uuid4().hex}")
        draft.touch(mode=0o600, exist_ok=False)
        draft.write_text(self.text, encoding="utf-8")
        draft.replace(target)


def parse_value(key: str, text: str) -> Value:
    """A setting as it is typed on the command line; CommandFailure for one that cannot be."""
    kind = KINDS.get(key)
    value: Value = text
    if kind is bool and text in {"true", "false"}:
        value = text == "true"
    elif kind is int and text.isdecimal():
        value = int(text)
    _check_value(key, value)
    return value


def _check_value(key: str, value: object) -> None:
    fault = _value_fault(key, value)
    if fault:
        raise CommandFailure(f"{key} {fault}")


def _value_fault(key: str, value: object) -> str:
    kind = KINDS.get(key)
    if kind is None:
        return f"is no setting; there are: {', '.join(KINDS)}"
    if type(value) is not kind:
        return f"must be {_KIND_NAMES[kind]}"
    if value == "" or (isinstance(value, str) and value != value.strip()):
        return "must not be empty or have blanks around it"
    if key == "output" and value not in OUTPUTS:
        return f"must be one of {', '.join(OUTPUTS)}"
    return "must be 1 or more" if kind is int and value == 0 else ""


@dataclass(frozen=True, slots=True)
class _Checked:
    """Takes a parsed document apart; faults name file, line and key."""

    path: Path
    text: str

    def named_profile(self, document: Mapping[str, Any]) -> str:
        for key in document:
            if key not in {"profile", "profiles"}:
                raise self._fault(
                    _TOP, key, "is not known here; settings belong in [profiles.NAME]"
                )
        name = document.get("profile", "")
        if not isinstance(name, str):
            raise self._fault(_TOP, "profile", "must be a text")
        return name

    def profiles(self, document: Mapping[str, Any]) -> Mapping[str, Profile]:
        profiles = document.get("profiles", {})
        if not isinstance(profiles, dict):
            raise self._fault(_TOP, "profiles", "must hold tables: [profiles.NAME]")
        for name, profile in profiles.items():
            if not isinstance(profile, dict):
                raise self._fault("profiles", name, "must be a table: [profiles.NAME]")
            for key, value in profile.items():
                if fault := _value_fault(key, value):
                    raise self._fault(f"profiles.{name}", key, fault)
        return profiles

    def _fault(self, table: str, key: str, fault: str) -> CommandFailure:
        line = _find(_lines(self.text), table, key).key_line
        where = f"{self.path}" if line is None else f"{self.path}, line {line + 1}"
        named = f"{table}.{key}" if table else key
        return CommandFailure(f"{where}: {named} {fault}")


def _syntax_fault(path: Path, error: tomllib.TOMLDecodeError) -> CommandFailure:
    place = _TOML_PLACE.fullmatch(str(error))
    if place is None:
        return CommandFailure(f"{path}: {error}")
    return CommandFailure(f"{path}, line {place['line']}: {place['fault']}")


# The lines before the first table.
_TOP = ""
_HEADER = re.compile(r"\s*\[\s*(?P<name>[^\[\]]+?)\s*\]\s*(#.*)?$")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a table ends and where a key of it stands, as indexes of lines."""

    end: int | None = None
    """Behind the last line of the table that says something; None without the table."""
    key_line: int | None = None


def _find(lines: list[str], table: str, key: str) -> _Place:
    assignment = re.compile(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=")
    current = _TOP
    end = 0 if table == _TOP else None
    key_line = None
    for index, line in enumerate(lines):
        if header := _HEADER.match(line):
            current = re.sub(r"[\s\"']", "", header["name"])
        if current != table or not line.strip():
            continue
        end = index + 1
        if assignment.match(line):
            key_line = index
    return _Place(end, key_line)


def _edit(text: str, profile: str, key: str, value: Value | None) -> str:
    lines = _lines(text)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    place = _find(lines, f"profiles.{profile}", key)
    new = [] if value is None else [_assignment(key, value)]
    if place.key_line is not None:
        lines[place.key_line : place.key_line + 1] = new
    elif place.end is not None:
        lines[place.end : place.end] = new
    elif new:
        lines += ["\n"] * bool(lines) + [f"[profiles.{profile}]\n", *new]
    return "".join(lines)


def _lines(text: str) -> list[str]:
    # TOML's lines end at a newline alone; str.splitlines knows ten other ends.
    return StringIO(text).readlines()


def _assignment(key: str, value: Value) -> str:
    # JSON's texts are TOML's too, but for DEL, which TOML wants escaped.
    return f"{key} = {json.dumps(value, ensure_ascii=False)}\n".replace("\x7f", "\\u007f")
