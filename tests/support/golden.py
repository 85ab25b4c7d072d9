"""Exchanges with a documented API, as files: what is asked, and what has to come back.

A file is a JSON list of steps, run in their order against one server:

    {"name": "what holds",
     "request": {"method": "POST", "path": "/api/agents/{agent}/scheduled_batches",
                 "headers": {}, "json": {}},
     "response": {"status": 201, "headers": {}, "json": {}}}

`{agent}` in a request is a name that was kept: given by the test, or kept by an earlier step. A
body is `json`, or `text` with a content-type among the headers, or `form` and `files` (name to
[file name, content]) for multipart. In what has to come back a text that begins with `$` stands
for many: `$id`, `$time`, `$text`, `$url`, `$number`, `$any`, `$absent`; `$id:batch` also keeps
it, as `batch`. `{batch}` stands for what was kept. All else has to be equal, and nothing may be
there that is not said; `"$more": true` in an object allows more in it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx

GOLDEN: Final = Path(__file__).parents[1] / "golden"

_ID = re.compile(
    r"([a-z]+_)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z]+_[0-9A-HJKMNP-TV-Z]{26}"
)
_KEPT = re.compile(r"\{([a-z_0-9]+)\}")


def _is_time(value: Any) -> bool:
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except (TypeError, ValueError):
        return False


_KINDS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "id": lambda value: isinstance(value, str) and _ID.fullmatch(value) is not None,
    "time": _is_time,
    "text": lambda value: isinstance(value, str) and value != "",
    "url": lambda value: isinstance(value, str) and value.startswith(("http://", "https://")),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "any": lambda value: True,
    # Of headers; what is not in an object is looked for there.
    "absent": lambda value: value == "$absent",
}


@dataclass(frozen=True, slots=True)
class GoldenFile:
    name: str
    steps: list[dict[str, Any]]


def golden_files(dialect: str) -> list[GoldenFile]:
    files = sorted((GOLDEN / dialect).glob("*.json"))
    assert files, f"no golden files of {dialect}"
    return [GoldenFile(file.stem, json.loads(file.read_text())) for file in files]


class Golden:
    """Runs files against one server; what is kept is kept from file to file of one object."""

    def __init__(self, http: httpx.AsyncClient, **kept: str) -> None:
        self._http = http
        self._kept = kept

    async def run(self, file: GoldenFile) -> None:
        for step in file.steps:
            answer = await self._ask(step["request"])
            self._compare(step["response"], answer, f"{file.name}: {step['name']}")

    async def _ask(self, request: dict[str, Any]) -> httpx.Response:
        told = self._filled(request)
        body = {
            {"text": "content", "form": "data"}.get(name, name): told[name]
            for name in ("json", "text", "form", "files", "headers")
            if name in told
        }
        if "files" in body:
            body["files"] = {name: tuple(file) for name, file in body["files"].items()}
        return await self._http.request(told["method"], told["path"], **body)

    def _compare(self, expected: dict[str, Any], answer: httpx.Response, place: str) -> None:
        assert answer.status_code == expected["status"], f"{place}: {answer.text}"
        for name, value in expected.get("headers", {}).items():
            found = answer.headers.get(name, "$absent")
            assert not list(self._differences(value, found, name)), f"{place}: {answer.headers}"
        if "json" not in expected:
            assert answer.content == b"", f"{place}: a body, and none is said"
            return
        wrong = list(self._differences(expected["json"], answer.json(), "body"))
        assert not wrong, f"{place}:\n" + "\n".join(wrong) + f"\n{answer.text}"

    def _differences(self, expected: Any, found: Any, place: str) -> Iterator[str]:
        if isinstance(expected, dict) and isinstance(found, dict):
            yield from self._in_object(dict(expected), found, place)
        elif isinstance(expected, list) and isinstance(found, list):
            if len(expected) != len(found):
                yield f"{place} has {len(found)} entries, not {len(expected)}"
            for index, (one, other) in enumerate(zip(expected, found, strict=False)):
                yield from self._differences(one, other, f"{place}[{index}]")
        elif isinstance(expected, str) and expected.startswith("$"):
            yield from self._of_kind(expected, found, place)
        elif self._filled(expected) != found or type(expected) is not type(found):
            yield f"{place} is {found!r}, not {self._filled(expected)!r}"

    def _in_object(self, expected: dict[str, Any], found: Any, place: str) -> Iterator[str]:
        allows_more = expected.pop("$more", False)
        for name in expected.keys() | (set() if allows_more else found.keys()):
            if expected.get(name) == "$absent" or name not in expected:
                if name in found:
                    yield f"{place}.{name} is there: {found[name]!r}"
            elif name not in found:
                yield f"{place}.{name} is missing"
            else:
                yield from self._differences(expected[name], found[name], f"{place}.{name}")

    def _of_kind(self, expected: str, found: Any, place: str) -> Iterator[str]:
        kind, _, name = expected[1:].partition(":")
        if not _KINDS[kind](found):
            yield f"{place} is {found!r}, and no {kind}"
        elif name:
            self._kept[name] = found

    def _filled(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: self._filled(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self._filled(item) for item in value]
        if isinstance(value, str):
            return _KEPT.sub(lambda found: self._kept.get(found[1], found[0]), value)
        return value
