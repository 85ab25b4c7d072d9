"""docs/simulated-carrier.md says what the code does."""

import re
from dataclasses import fields
from pathlib import Path

from outdial_server.carriers.simulated.profile import (
    PROFILES,
    Mode,
    SimulationProfile,
    Span,
)
from outdial_server.carriers.simulated.script import MAGIC_ENDINGS
from outdial_server.carriers.simulated.signature import HEADER

PAGE = (Path(__file__).parents[3] / "docs/simulated-carrier.md").read_text()


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading; one that is code as a whole, without its
    backquotes."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("| `")]
    return [[_plain(cell.strip()) for cell in row.strip("|").split(" | ")] for row in table]


def _plain(cell: str) -> str:
    code = re.fullmatch("`([^`]*)`", cell)
    return code[1] if code else cell


def shown(value: object) -> str:
    match value:
        case bool():
            return str(value).lower()
        case Span(least, most):
            return f"{least:g}" if least == most else f"{least:g}-{most:g}"
        case Mode():
            return value.value
        case _:
            return f"{value:g}"


def test_every_setting_is_listed_with_its_default() -> None:
    assert [(name, default) for name, default, _ in rows("Settings")] == [
        (field.name, shown(field.default)) for field in fields(SimulationProfile)
    ]


def test_every_profile_is_listed() -> None:
    assert [name for name, _ in rows("Profiles")] == list(PROFILES)


def test_every_magic_number_is_listed() -> None:
    assert dict(rows("Magic numbers")) == MAGIC_ENDINGS


def test_what_the_default_profile_changes_is_said() -> None:
    [said] = [text for name, text in rows("Profiles") if name == "default"]
    plain, default = SimulationProfile(), PROFILES["default"]
    changes = {
        field.name: shown(getattr(default, field.name))
        for field in fields(SimulationProfile)
        if getattr(default, field.name) != getattr(plain, field.name)
    }
    assert dict(re.findall(r"`(\w+)=([^`]+)`", said)) == changes


def test_the_signature_s_header_is_named() -> None:
    assert f"`{HEADER}: " in PAGE
