"""Options that several commands share, written down once as the fields of a dataclass."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

_Result = TypeVar("_Result")


def takes(group: type[Any]) -> Callable[[Callable[..., _Result]], Callable[..., _Result]]:
    """Gives a command the fields of `group` as options of its own.

    The command gets them as one object, under the parameter that is annotated with `group`.
    """

    def decorate(command: Callable[..., _Result]) -> Callable[..., _Result]:
        own = inspect.signature(command).parameters
        target = next(name for name, param in own.items() if param.annotation is group)
        shared = inspect.signature(group).parameters
        named = {name: param for name, param in own.items() if name != target}

        @wraps(command)
        def expanded(**given: Any) -> _Result:
            fields = {name: given.pop(name) for name in shared}
            return command(**given, **{target: group(**fields)})

        together = [
            param.replace(kind=inspect.Parameter.KEYWORD_ONLY)
            for param in (*named.values(), *shared.values())
        ]
        expanded.__signature__ = inspect.Signature(together)  # type: ignore[attr-defined]
        expanded.__annotations__ = {param.name: param.annotation for param in together}
        return expanded

    return decorate
