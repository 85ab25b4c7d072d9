"""Texts with places for values: `{{first_name}}`, `{{ customer.first_name }}`.

Substitution and nothing else: a place names a value of a context, and there are no
expressions, conditions or loops. What was put in is never looked at again, so that no value
can name another or stand for one.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from outdial_server.domain import limits

Path = tuple[str, ...]
"""The names on the way to a value."""

Context = Mapping[str, Any]
"""Values as JSON has them."""

_OPEN: Final = "{{"
_CLOSE: Final = "}}"

_PATH: Final = re.compile(r"[\w-]+(?:\.[\w-]+)*")

_SHOWN_CHARS: Final = 40


class TemplateError(ValueError):
    """A text that is no template; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Template:
    """A parsed text: `paths[n]` stands between `literals[n]` and `literals[n + 1]`."""

    literals: Sequence[str] = ("",)
    paths: Sequence[Path] = ()

    def __bool__(self) -> bool:
        return bool(self.paths or self.literals[0])

    def render(self, context: Context, write: Callable[[str], str] = str) -> str:
        """`write` is applied to each value, and to nothing else. What the context does not
        have is left out."""
        if not self.paths:
            return self.literals[0]
        pieces = [self.literals[0]]
        for path, literal in zip(self.paths, self.literals[1:], strict=True):
            pieces.append(write(text_of(find(context, path))))
            pieces.append(literal)
        return "".join(pieces)


def parse_template(text: str) -> Template:
    """A single brace and `}}` alone are text, as in JSON; `{{` begins a place, always. Raises
    TemplateError when no path and `}}` follow, or when there are too many places."""
    literals, paths = list[str](), list[Path]()
    end = 0
    while (start := text.find(_OPEN, end)) >= 0:
        close = text.find(_CLOSE, start + len(_OPEN))
        if close < 0:
            raise TemplateError(f"has {_OPEN} without {_CLOSE} at character {start + 1}")
        literals.append(text[end:start])
        paths.append(_path(text[start + len(_OPEN) : close], start))
        end = close + len(_CLOSE)
    if len(paths) > limits.TEMPLATE_PLACES_MAX:
        raise TemplateError(f"must not have more than {limits.TEMPLATE_PLACES_MAX} variables")
    literals.append(text[end:])
    return Template(tuple(literals), tuple(paths))


def _path(between: str, start: int) -> Path:
    name = between.strip()
    if not _PATH.fullmatch(name) or len(name) > limits.VARIABLE_NAME_MAX_CHARS:
        shown = name if len(name) <= _SHOWN_CHARS else f"{name[:_SHOWN_CHARS]}..."
        raise TemplateError(
            f"has {_OPEN}{shown}{_CLOSE} at character {start + 1}, which is no name "
            "like first_name or customer.first_name"
        )
    return tuple(name.split("."))


def find(context: Context, path: Path) -> Any:
    """The value at a path; None when there is none, and null is none."""
    value: Any = context
    for name in path:
        # A dict first: the check for a Mapping takes ten times as long.
        if not isinstance(value, dict) and not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def text_of(value: Any) -> str:
    """Strings as they are, everything else as JSON; nothing for None."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def merged(defaults: Context, given: Context) -> Context:
    """What is given, and below it the defaults, object by object. Null counts as not given
    where there is a default."""
    if not defaults:
        return given
    together = {**defaults, **given}
    for name, default in defaults.items():
        value = given.get(name)
        if isinstance(default, Mapping) and isinstance(value, Mapping):
            together[name] = merged(default, value)
        elif value is None:
            together[name] = default
    return together
