"""Faults of requests as this API says them: an object by fields, lists by their places."""

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from outdial_server.domain.errors import FieldViolation
from outdial_server.gateway.wording import reworded

Place = tuple[str | int, ...]

_STEP: Final = re.compile(r"([^.\[\]]+)|\[([^\]]*)\]")

_HOLDERS: Final = frozenset(
    {"batch", "agent", "webhook", "throttle", "carrier_config", "twilio", "telnyx", "plivo"}
)
"""What the contract has around a resource, and this API has not."""

_NAMES: Final[Mapping[str, Place]] = {
    "display_name": ("name",),
    "scheduled_calls": ("calls",),
    "window": ("windowSeconds",),
    "prompt": ("callTemplate", "systemPrompt"),
    "context_schema": ("callTemplate", "contextSchema"),
    "ring_timeout": ("joinTimeout",),
    "max_call_duration": ("maxDuration",),
    "event_types": ("events",),
    "secret": ("secrets",),
}

_WHOLE: Final[Mapping[str, str]] = {
    "address": "medium",
    "caller_id": "medium",
    "carrier": "medium",
    "carrier_params": "medium",
    "template_context": "templateContext",
    "metadata": "metadata",
    "annotations": "callTemplate",
}
"""Fields that are told as one here, with what is wrong inside them in words."""


def body_of(faults: Iterable[FieldViolation], *, are_own: bool = True) -> dict[str, Any]:
    """Own ones name fields as this API does, others as the contract."""
    told: dict[str, Any] = {}
    for fault in faults:
        steps = _steps(fault.field)
        place, text = steps, fault.description
        if not are_own:
            place, text = _placed(steps, reworded(text, _spelt))
        _put(told, place or ("non_field_errors",), text)
    return told


def _steps(path: str) -> Place:
    return tuple(name or int(index) for name, index in _STEP.findall(path) if _is_step(index))


def _placed(steps: Place, text: str) -> tuple[Place, str]:
    """Where this API has what the contract names."""
    place: list[str | int] = []
    for at, step in enumerate(steps):
        whole = _WHOLE.get(step) if isinstance(step, str) else None
        if whole is not None:
            inside = ".".join(map(str, steps[at + 1 :]))
            return (*place, whole), f"{inside}: {text}" if inside else text
        if step not in _HOLDERS or at > 0 or len(steps) == 1:
            place += _named(step)
    return tuple(place), text


def _is_step(index: str) -> bool:
    return not index or index.isdigit()


def _named(step: str | int) -> Place:
    if isinstance(step, int):
        return (step,)
    head, *rest = step.split("_")
    return _NAMES.get(step) or (head + "".join(map(str.capitalize, rest)),)


def _spelt(field: str) -> str:
    return ".".join(map(str, _named(field)))


def _put(holder: dict[str, Any], place: Place, text: str) -> None:
    """An entry of a list that is fine is an empty object."""
    here: Any = holder
    for step, following in pairwise(place):
        kind: Any = list if isinstance(following, int) else dict
        if isinstance(step, int):
            here.extend({} for _ in range(step + 1 - len(here)))
            if not isinstance(here[step], kind):
                here[step] = kind()
            here = here[step]
        else:
            if not isinstance(here.get(step), kind):
                here[step] = kind()
            here = here[step]
    last = place[-1]
    if isinstance(last, int):
        here.extend({} for _ in range(last + 1 - len(here)))
        here[last] = {"non_field_errors": [text]}
    elif isinstance(here.get(last), dict):
        here[last].setdefault("non_field_errors", []).append(text)
    else:
        here.setdefault(last, []).append(text)
