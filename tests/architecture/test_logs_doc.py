"""Every line of the log has an action that docs/logs.md lists, and lists no other."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVER = ROOT / "src/server/outdial_server"

LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
_ACTION = re.compile(r"[a-z_]+\.[a-z_]+")
_UNITS = re.compile(r"_(seconds|ms|us|bytes)$|^(?!.*(seconds|millis|duration|took|elapsed))")

# Said of a request by the ids that it has, and by whom it was sent.
_GIVEN_ELSEWHERE = {"rpc.ended", "rpc.broken", "retention.swept", "library.message"}


@dataclass(frozen=True)
class Line:
    """A call that writes a line."""

    place: str
    level: str
    action: object
    positional: int
    fields: frozenset[str]


def lines_in(path: Path) -> Iterator[Line]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr in LEVELS and _is_log(node.func.value):
            action = node.args[0].value if isinstance(node.args[0], ast.Constant) else None
            fields = frozenset(k.arg for k in node.keywords if k.arg)
            yield Line(f"{path}:{node.lineno}", node.func.attr, action, len(node.args), fields)


def _is_log(owner: ast.expr) -> bool:
    name = owner.id if isinstance(owner, ast.Name) else getattr(owner, "attr", "")
    return name in ("log", "_log")


def all_lines() -> list[Line]:
    lines = [line for path in sorted(SERVER.rglob("*.py")) for line in lines_in(path)]
    # Its level is the record's own, so the call has another name.
    logs = SERVER / "adapters/logs.py"
    assert '"library.message"' in logs.read_text()
    return [*lines, Line(str(logs), "warning", "library.message", 1, frozenset())]


def documented() -> dict[str, tuple[str, frozenset[str]]]:
    told = {}
    for line in (ROOT / "docs/logs.md").read_text().splitlines():
        if line.startswith("| `"):
            action, level, fields, _ = (cell.strip() for cell in line.split("|")[1:-1])
            told[action.strip("`")] = (level, frozenset(re.findall(r"`(\w+)`", fields)))
    return told


def test_code_and_page_name_the_same_actions() -> None:
    assert sorted({str(line.action) for line in all_lines()}) == sorted(documented())


def test_an_action_is_a_constant_dotted_name_and_the_only_text() -> None:
    lines = all_lines()
    assert len(lines) > 15
    wrong = [
        line.place
        for line in lines
        if line.positional != 1
        or not isinstance(line.action, str)
        or not _ACTION.fullmatch(line.action)
        or line.fields & {"action", "event", "timestamp", "level"}
    ]
    assert wrong == []


def test_levels_and_fields_are_those_of_the_page() -> None:
    pages = documented()
    for line in all_lines():
        levels, fields = pages[str(line.action)]
        level = "error" if line.level == "exception" else line.level
        assert level in levels.split(", "), line.place
        said = {("fault" if name == "exc_info" else name) for name in line.fields}
        if line.action not in _GIVEN_ELSEWHERE:
            said |= {"fault"} if line.level == "exception" else set()
            assert said == fields, line.place


def test_a_length_of_time_has_its_unit_in_its_name() -> None:
    names = {name for _, fields in documented().values() for name in fields}
    assert [name for name in names if not _UNITS.search(name)] == []
