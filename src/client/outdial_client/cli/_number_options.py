"""What can be said about a phone number."""

from dataclasses import dataclass, fields
from typing import Annotated, Any

import typer

from outdial_client.cli._choices import NUMBER_CAPABILITIES, choice
from outdial_client.cli._typed import parse_pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberSettings:
    """None is: not said."""

    max_concurrent: Annotated[
        int | None, typer.Option(min=0, help="Calls alive at once that show it; 0 for no limit.")
    ] = None
    active: Annotated[
        bool | None, typer.Option("--active/--inactive", help="Whether calls may show it.")
    ] = None
    capability: Annotated[
        list[int] | None,
        choice(NUMBER_CAPABILITIES, "WHAT", "What it is good for; may be repeated."),
    ] = None
    carrier_config: Annotated[
        str | None,
        typer.Option(help="Id or name of the carrier config that calls from it are dialled with."),
    ] = None
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME=TEXT", help="A label of your own; may be repeated."),
    ] = None

    def given(self) -> dict[str, Any]:
        """What was said, under the names of PhoneNumber."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        said["max_concurrent_calls"] = said.pop("max_concurrent")
        said["capabilities"] = said.pop("capability") or None
        said["metadata"] = parse_pairs(said.pop("label")) or None
        return {name: value for name, value in said.items() if value is not None}
