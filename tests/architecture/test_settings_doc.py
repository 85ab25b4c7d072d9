"""The page of settings names every setting, and no other."""

import re
from pathlib import Path

from outdial_server.settings import Settings

PAGE = Path(__file__).parents[2] / "docs/settings.md"


def test_the_page_lists_the_settings_that_there_are() -> None:
    listed = re.findall(r"^\| `OUTDIAL_([A-Z_]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(listed) == sorted(name.upper() for name in Settings.model_fields)


def test_defaults_on_the_page_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `OUTDIAL_([A-Z_]+)` \| `([^`]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert rows
    for name, default in rows:
        given = Settings.model_fields[name.lower()].default
        shown = int(given) if isinstance(given, bool | float) else given
        assert str(shown) == default, name
