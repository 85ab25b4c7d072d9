"""Lets the global options stand anywhere: `outdial batch list --json`."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from typer.core import TyperGroup

# Each of these ends the run; a command's own --help is not the group's.
_NOT_MOVED = {"--help", "--version", "--install-completion", "--show-completion"}


class GlobalOptionsGroup(TyperGroup):
    """Reads the global options of the whole line before the command's own."""

    # typing.override comes with Python 3.12.
    def parse_args(  # type: ignore[explicit-override]
        self, ctx: Any, args: list[str]
    ) -> list[str]:
        return super().parse_args(ctx, hoist(args, OptionNames.of(self.get_params(ctx))))


@dataclass(frozen=True, slots=True)
class OptionNames:
    """How the options that may stand anywhere are written."""

    with_value: Collection[str]
    flags: Collection[str]

    @classmethod
    def of(cls, params: Sequence[Any]) -> "OptionNames":
        """The names of a group's options."""
        with_value: set[str] = set()
        flags: set[str] = set()
        for param in params:
            names = flags if getattr(param, "is_flag", False) else with_value
            names.update({*param.opts, *param.secondary_opts} - _NOT_MOVED)
        return cls(with_value, flags)


def hoist(args: Sequence[str], names: OptionNames) -> list[str]:
    """The same words with the global options in front; behind `--` nothing is moved."""
    end = args.index("--") if "--" in args else len(args)
    front: list[str] = []
    rest: list[str] = []
    words = iter(args[:end])
    for word in words:
        if word in names.with_value:
            front += [word, *(value for value in [next(words, None)] if value is not None)]
        elif word in names.flags or word.partition("=")[0] in names.with_value:
            front.append(word)
        else:
            rest.append(word)
    return [*front, *rest, *args[end:]]
