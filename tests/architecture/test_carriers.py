"""A carrier is one folder, and one entry where the server is put together."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

SERVER = Path(__file__).parents[2] / "src/server/outdial_server"
PACKAGE = "outdial_server.carriers."
SHARED = {"twiml"}
ENTRY = Path("app/carriers.py")
FOLDERS = sorted(
    path.name for path in (SERVER / "carriers").iterdir() if (path / "__init__.py").exists()
)
CARRIERS = sorted(set(FOLDERS) - SHARED)
ALSO = {
    # What stands in for carriers is a process of its own, too.
    "simulated": {Path("app/simulated_carrier.py"), Path("cli/simulate_carrier.py")},
    # Its worker is one, that the server starts and stops.
    "sip": {Path("app/server.py")},
}


def imported(path: Path) -> Iterator[str]:
    """The folders of carriers that a module names."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith(PACKAGE):
                yield name.removeprefix(PACKAGE).split(".")[0]


@cache
def named_in() -> dict[str, set[Path]]:
    """By carrier, the modules that name it."""
    found: dict[str, set[Path]] = {carrier: set() for carrier in FOLDERS}
    for path in SERVER.rglob("*.py"):
        for carrier in found.keys() & set(imported(path)):
            found[carrier].add(path.relative_to(SERVER))
    return found


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_carrier_is_named_in_its_folder_and_where_the_server_is_put_together(
    carrier: str,
) -> None:
    elsewhere = {path for path in named_in()[carrier] if path.parts[:2] != ("carriers", carrier)}
    assert elsewhere == {ENTRY} | ALSO.get(carrier, set())


def test_the_kinds_are_those_of_the_folders() -> None:
    kinds = {name for name in CARRIERS if (SERVER / "carriers" / name / "kind.py").exists()}
    assert kinds == set(CARRIERS) - {"simulated"}
