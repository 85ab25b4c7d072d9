"""`outdial contact`."""

from dataclasses import dataclass, fields
from typing import Annotated, Any

import typer
from outdial.v1.contact_pb2 import Contact

from outdial_client._client import Client
from outdial_client._inputs import NewContact, to_struct
from outdial_client.cli._choices import DISPOSITIONS, choice
from outdial_client.cli._contact_views import CONTACTS, contact_facts
from outdial_client.cli._folder_names import FolderOption, find_folder
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._option_groups import takes
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run
from outdial_client.cli._typed import parse_context, parse_pairs

commands = typer.Typer(no_args_is_help=True, help="People who are kept to be called.")

ContactId = Annotated[str, typer.Argument(metavar="CONTACT", help="The contact's id.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactSettings:
    """None is: not said."""

    first_name: Annotated[str | None, typer.Option(help="What agents call {{first_name}}.")] = None
    last_name: Annotated[str | None, typer.Option(help="What agents call {{last_name}}.")] = None
    email: Annotated[str | None, typer.Option(help="Nothing is sent to it.")] = None
    company: Annotated[str | None, typer.Option(help="The person's company.")] = None
    industry: Annotated[str | None, typer.Option(help="Its line of business.")] = None
    location: Annotated[str | None, typer.Option(help="Where the person is.")] = None
    postal_code: Annotated[str | None, typer.Option(help="With its country's rules.")] = None
    keyword: Annotated[
        list[str] | None, typer.Option("--keyword", help="To find it by; may be repeated.")
    ] = None
    time_zone: Annotated[str | None, typer.Option(help="IANA zone, like Europe/Vienna.")] = None
    field: Annotated[
        list[str] | None,
        typer.Option("--field", metavar="NAME=VALUE", help="A field of your own; may be repeated."),
    ] = None
    label: Annotated[
        list[str] | None,
        typer.Option("--label", metavar="NAME=TEXT", help="A label of your own; may be repeated."),
    ] = None

    def given(self) -> dict[str, Any]:
        """What was said, under the names of Contact."""
        said = {part.name: getattr(self, part.name) for part in fields(self)}
        said["company_name"] = said.pop("company")
        said["keywords"] = said.pop("keyword") or None
        said["custom_fields"] = parse_context(said.pop("field")) or None
        said["metadata"] = parse_pairs(said.pop("label")) or None
        return {name: value for name, value in said.items() if value is not None}


@commands.command()
@takes(ContactSettings)
def create(
    context: typer.Context,
    address: Annotated[str, typer.Argument(help="A phone number like +15551230001.")],
    folder: FolderOption,
    settings: ContactSettings,
    request_id: Annotated[str, typer.Option(help="The same id makes it only once.")] = "",
) -> None:
    """Put one person into a folder."""

    async def command(client: Client, screen: Screen) -> None:
        found = await find_folder(client, screen, folder)
        new = NewContact(
            contact_folder_id=found.contact_folder_id, address=address, **settings.given()
        )
        made = await client.contacts.create(new, request_id=request_id)
        screen.made(made, made.contact_id, f"Contact {made.address}: {made.contact_id}")

    run(context, command)


@commands.command("list")
def list_contacts(
    context: typer.Context,
    folder: FolderOption = "",
    search: Annotated[str, typer.Option(help="Words of name, email or number.")] = "",
    last_ended: Annotated[
        list[int] | None, choice(DISPOSITIONS, "HOW", "Only those whose latest call ended so.")
    ] = None,
    limit: Limit = 50,
) -> None:
    """List contacts, oldest first."""

    async def command(client: Client, screen: Screen) -> None:
        folder_id = ""
        if folder:
            folder_id = (await find_folder(client, screen, folder)).contact_folder_id
        contacts = client.contacts.list(
            contact_folder_id=folder_id,
            search=search,
            last_dispositions=[DISPOSITIONS.enum.ValueType(value) for value in last_ended or ()],
            page_size=min(limit + 1, LARGEST_PAGE),
        )
        await show_list(screen, contacts, CONTACTS, limit)

    run(context, command)


@commands.command()
def show(context: typer.Context, contact: ContactId) -> None:
    """Show one contact."""

    async def command(client: Client, screen: Screen) -> None:
        found = await client.contacts.get(contact)
        screen.facts(found, contact_facts(found))

    run(context, command)


@commands.command()
@takes(ContactSettings)
def update(
    context: typer.Context,
    contact: ContactId,
    settings: ContactSettings,
    address: Annotated[str | None, typer.Option(help="A new number.")] = None,
) -> None:
    """Change a contact; keywords, own fields and labels take the place of all that it had."""
    changes = settings.given() | ({} if address is None else {"address": address})
    if not changes:
        context.fail("say what to change")

    async def command(client: Client, screen: Screen) -> None:
        found = await client.contacts.get(contact)
        named = list(changes)
        if "custom_fields" in changes:
            changes["custom_fields"] = to_struct(changes["custom_fields"])
        wanted = Contact(contact_id=found.contact_id, etag=found.etag, **changes)
        changed = await client.contacts.update(wanted, named)
        screen.done(changed, f"Contact {changed.address} is changed.")

    run(context, command)


@commands.command()
def delete(context: typer.Context, contact: ContactId) -> None:
    """Delete a contact for good; batches that have a copy keep it."""

    async def command(client: Client, screen: Screen) -> None:
        found = await client.contacts.get(contact)
        await client.contacts.delete(contact)
        screen.done(found, f"Contact {found.address} is deleted.")

    run(context, command)
