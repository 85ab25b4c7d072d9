"""What can be said about an agent."""

from dataclasses import dataclass, fields
from typing import Annotated, Any

import typer

from outdial_client.cli._typed import parse_object, parse_pairs, parse_text


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentSettings:
    """None is: not said."""

    max_concurrent: Annotated[
        int | None, typer.Option(min=0, help="Calls alive at once; 0 for no limit of its own.")
    ] = None
    active: Annotated[
        bool | None,
        typer.Option("--active/--inactive", help="Whether calls of it may be started."),
    ] = None
    prompt: Annotated[
        str | None,
        typer.Option(parser=parse_text, metavar="TEXT|@FILE", help="With {{variables}}."),
    ] = None
    first_message: Annotated[
        str | None,
        typer.Option(parser=parse_text, metavar="TEXT|@FILE", help="What it says first."),
    ] = None
    join_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where calls are joined, with {{call_id}}.")
    ] = None
    default_context: Annotated[
        dict[str, Any] | None,
        typer.Option(
            parser=parse_object, metavar="JSON|@FILE", help="Values where a call gives none."
        ),
    ] = None
    context_schema: Annotated[
        dict[str, Any] | None,
        typer.Option(
            parser=parse_object, metavar="JSON|@FILE", help="JSON Schema for what calls give."
        ),
    ] = None
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME=TEXT", help="A label of your own; may be repeated."),
    ] = None

    def given(self) -> dict[str, Any]:
        """What was said, under the names of Agent."""
        said = {field.name: getattr(self, field.name) for field in fields(self)}
        said["max_concurrent_calls"] = said.pop("max_concurrent")
        said["join_url_template"] = said.pop("join_url")
        said["metadata"] = parse_pairs(said.pop("label")) or None
        return {name: value for name, value in said.items() if value is not None}
