"""`outdial contact import`."""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

import typer

from outdial_client._client import Client
from outdial_client._contact_columns import ContactColumns
from outdial_client.cli._folder_names import FolderOption, find_folder
from outdial_client.cli._option_groups import takes
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run
from outdial_client.cli._source import open_source
from outdial_client.cli._upload_options import FileName, UploadOptions

commands = typer.Typer()


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnOptions:
    """What the columns of a file hold."""

    phone_column: Annotated[str, typer.Option(help="Holds the numbers.")] = ""
    first_name_column: Annotated[str, typer.Option(help="Holds first names.")] = ""
    last_name_column: Annotated[str, typer.Option(help="Holds last names.")] = ""
    email_column: Annotated[str, typer.Option(help="Holds email addresses.")] = ""
    company_column: Annotated[str, typer.Option(help="Holds companies.")] = ""
    industry_column: Annotated[str, typer.Option(help="Holds their lines of business.")] = ""
    location_column: Annotated[str, typer.Option(help="Holds where people are.")] = ""
    postal_code_column: Annotated[str, typer.Option(help="Holds postal codes.")] = ""
    keywords_column: Annotated[str, typer.Option(help="Holds words with commas between.")] = ""
    zone_column: Annotated[str, typer.Option(help="Holds IANA time zones.")] = ""
    label_column: Annotated[
        list[str] | None,
        typer.Option(help="Becomes a label and no field of your own; may be repeated."),
    ] = None

    def columns(self) -> ContactColumns:
        """In the words of the SDK."""
        return ContactColumns(
            phone=self.phone_column,
            first_name=self.first_name_column,
            last_name=self.last_name_column,
            email=self.email_column,
            company_name=self.company_column,
            industry=self.industry_column,
            location=self.location_column,
            postal_code=self.postal_code_column,
            keywords=self.keywords_column,
            time_zone=self.zone_column,
            metadata=tuple(self.label_column or ()),
        )


@commands.command("import")
@takes(ColumnOptions)
@takes(UploadOptions)
def import_file(
    context: typer.Context,
    file: FileName,
    *,
    folder: FolderOption,
    overwrite: Annotated[
        bool,
        typer.Option("--overwrite", help="Change those whose number is there, instead of nothing."),
    ] = False,
    reading: ColumnOptions,
    uploading: UploadOptions,
) -> None:
    """Put the people in a CSV file into a folder.

    Columns are found by their usual names: a number, names, email, company and so on; every
    other column becomes a field of your own under its own name.
    """
    uploading.check(context, file)

    async def command(client: Client, screen: Screen) -> None:
        async with open_source(screen, file) as source:
            found = await find_folder(client, screen, folder)
            upload = uploading.upload(client, screen, file, source)
            result = await upload.send(
                partial(
                    client.contacts.import_csv,
                    contact_folder_id=found.contact_folder_id,
                    overwrite_existing=overwrite,
                    columns=reading.columns(),
                )
            )
            changed = f", {result.updated_count} changed" if result.updated_count else ""
            sentence = f"Folder {found.display_name}: {result.added_count} added{changed}"
            filled = {"contact_folder": result.folder}
            await upload.show(result, filled, result.folder.contact_folder_id, sentence)

    run(context, command)
