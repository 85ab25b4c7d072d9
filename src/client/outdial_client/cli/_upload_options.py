"""What all commands that import a file are told, beside its columns."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from outdial_client._client import Client
from outdial_client.cli._screen import Screen
from outdial_client.cli._source import STDIN, title_of
from outdial_client.cli._upload import Upload

FileName = Annotated[str, typer.Argument(metavar="FILE", help="A CSV file; `-` for stdin.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadOptions:
    """What becomes of rows with faults, and of a repetition."""

    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Add the others, instead of nobody.")
    ] = False
    refused: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the rows that are not added there, with why."),
    ] = None
    request_id: Annotated[
        str, typer.Option(help="The same id, file and options add it only once.")
    ] = ""

    def upload(self, client: Client, screen: Screen, name: str, source: Path) -> Upload:
        """One file on its way."""
        return Upload(
            client=client,
            screen=screen,
            title=title_of(name),
            source=source,
            skip_bad_rows=self.skip_bad_rows,
            report=self.refused,
            request_id=self.request_id,
        )

    def check(self, context: typer.Context, name: str) -> None:
        """A report must not take the place of the list itself."""
        if self.refused and name != STDIN and self.refused.resolve() == Path(name).resolve():
            context.fail("--refused names the file that is imported")
