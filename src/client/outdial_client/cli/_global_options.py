"""Lets the global options stand anywhere: `outdial batch list --output json`."""

from collections.abc import Sequence
from typing import Any

from typer.core import TyperGroup

_WITH_VALUE = {"--address", "--api-key", "--ca-cert", "--output", "-o"}
_FLAGS = {"--tls", "--no-tls"}


class GlobalOptionsGroup(TyperGroup):
    """Reads the global options of the whole line before the command's own."""

    # typing.override comes with Python 3.12.
    def parse_args(  # type: ignore[explicit-override]
        self, ctx: Any, args: list[str]
    ) -> list[str]:
        return super().parse_args(ctx, hoist(args))


def hoist(args: Sequence[str]) -> list[str]:
    """The same words with the global options in front; behind `--` nothing is moved."""
    end = args.index("--") if "--" in args else len(args)
    front: list[str] = []
    rest: list[str] = []
    words = iter(args[:end])
    for word in words:
        if word in _WITH_VALUE:
            front += [word, *(value for value in [next(words, None)] if value is not None)]
        elif word in _FLAGS or word.partition("=")[0] in _WITH_VALUE:
            front.append(word)
        else:
            rest.append(word)
    return [*front, *rest, *args[end:]]
