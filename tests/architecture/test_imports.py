"""What import-linter cannot say: the domain rests on the standard library alone."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOMAIN = ROOT / "src" / "server" / "outdial_server" / "domain"


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def test_domain_imports_only_itself_and_the_standard_library() -> None:
    modules = list(DOMAIN.rglob("*.py"))
    assert modules
    foreign = {
        f"{path.name}: {name}"
        for path in modules
        for name in imported_modules(path)
        if not name.startswith("outdial_server.domain")
        and name.partition(".")[0] not in sys.stdlib_module_names
    }
    assert foreign == set()


def test_domain_has_no_coroutine() -> None:
    waiting = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
    found = {
        path.name
        for path in DOMAIN.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, waiting)
    }
    assert found == set()


def requirement_names(lines: list[str]) -> set[str]:
    """The names alone, without versions, extras, markers and comments."""
    names = set()
    for line in lines:
        text = line.partition("#")[0].strip()
        if text and not text.startswith("-"):
            end = next(
                (i for i, c in enumerate(text) if not (c.isalnum() or c in "-_.")), len(text)
            )
            names.add(text[:end].lower())
    return names


def declared_dependencies(project_file: Path) -> set[str]:
    project = tomllib.loads(project_file.read_text())["project"]
    extras = project.get("optional-dependencies", {}).values()
    return requirement_names(
        [*project["dependencies"], *(line for extra in extras for line in extra)]
    )


def test_lock_input_names_what_the_distributions_declare() -> None:
    server = declared_dependencies(ROOT / "pyproject.toml")
    client = declared_dependencies(ROOT / "src" / "client" / "pyproject.toml")
    locked = requirement_names((ROOT / "requirements" / "runtime.in").read_text().splitlines())
    assert locked == (server | client) - {"outdial-client"}


def test_each_dependency_has_its_reason_on_record() -> None:
    reasons = (ROOT / "docs" / "dependencies.md").read_text()
    wanted = requirement_names(
        [
            *(ROOT / "requirements" / "runtime.in").read_text().splitlines(),
            *(ROOT / "requirements" / "dev.in").read_text().splitlines(),
        ]
    )
    assert {name for name in wanted if f"`{name}`" not in reasons} == set()
