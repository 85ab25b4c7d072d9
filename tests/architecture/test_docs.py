"""The docs name code; the code must be there."""

import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "src/server/outdial_server"
_NAMED = re.compile(r"`([a-z_/]+)\.py(?::\s+([A-Za-z_.]+))?`")


def _named_code() -> list[tuple[str, str]]:
    text = (ROOT / "docs/one-call.md").read_text()
    return sorted(set(_NAMED.findall(text)))


def test_the_walk_names_code() -> None:
    assert len(_named_code()) > 20


@pytest.mark.parametrize(("module", "name"), _named_code())
def test_code_named_in_the_walk_exists(module: str, name: str) -> None:
    found: object = importlib.import_module("outdial_server." + module.replace("/", "."))
    for part in filter(None, name.split(".")):
        found = getattr(found, part)
    assert found is not None


def test_every_room_is_in_the_architecture_page() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    rooms = [p.name for p in SERVER.iterdir() if p.is_dir() and (p / "__init__.py").exists()]
    assert rooms
    assert [room for room in rooms if f"`{room}`" not in page] == []


_LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")


@pytest.mark.parametrize(
    "page", [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"], ids=lambda p: p.name
)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    targets = _LINK.findall(page.read_text())
    assert [t for t in targets if not (page.parent / t).exists()] == []


def test_every_page_is_linked_from_another() -> None:
    pages = {*ROOT.glob("docs/**/*.md"), ROOT / "README.md"}
    linked = {
        (page.parent / target).resolve()
        for page in pages
        for target in _LINK.findall(page.read_text())
        if (page.parent / target).resolve() != page
    }
    assert pages - linked == {ROOT / "README.md"}
