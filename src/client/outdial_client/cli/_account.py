"""`outdial account`."""

from typing import Annotated

import typer
from outdial.v1 import account_pb2 as messages
from outdial.v1.account_pb2 import Account

from outdial_client._client import Client
from outdial_client._number_rules import NumberRules
from outdial_client.cli._facts import account_facts
from outdial_client.cli._lengths import parse_length
from outdial_client.cli._listing import LARGEST_PAGE, Limit, show_list
from outdial_client.cli._listings import ACCOUNTS
from outdial_client.cli._screen import Screen
from outdial_client.cli._session import run

commands = typer.Typer(no_args_is_help=True, help="Accounts, their limits and slots in use.")

AccountId = Annotated[
    str, typer.Argument(metavar="[ACCOUNT]", help="Its id; else the account of your key.")
]

NumberGap = Annotated[
    str | None,
    typer.Option(
        metavar="LENGTH",
        help="From the end of one call to a number to the next, like 4h; 0s for none.",
    ),
]
NumberCallsPerDay = Annotated[
    int | None,
    typer.Option(min=0, help="Calls to a number on one date of its person; 0 for any number."),
]


def _number_rules(
    before: messages.NumberRules, gap: str | None, calls_per_day: int | None
) -> messages.NumberRules:
    """As they are, but for what was said."""
    rules = messages.NumberRules()
    rules.CopyFrom(before)
    if gap is not None:
        length = parse_length(gap)
        rules.ClearField("min_gap")
        rules.MergeFrom(NumberRules(min_gap=length or None).to_message())
    if calls_per_day is not None:
        rules.max_calls_per_day = calls_per_day
    return rules


@commands.command()
def show(context: typer.Context, account_id: AccountId = "") -> None:
    """Show an account, its limits and the slots in use."""

    async def command(client: Client, screen: Screen) -> None:
        account = await client.accounts.get(account_id)
        screen.facts(account, account_facts(account))

    run(context, command)


@commands.command("list")
def list_accounts(context: typer.Context, limit: Limit = 50) -> None:
    """List accounts, oldest first; without an operator's key your own alone."""

    async def command(client: Client, screen: Screen) -> None:
        accounts = client.accounts.list(page_size=min(limit + 1, LARGEST_PAGE))
        await show_list(screen, accounts, ACCOUNTS, limit)

    run(context, command)


@commands.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A label for people.")],
    max_concurrent: Annotated[int, typer.Option(min=0, help="Calls alive at once; 100.")] = 0,
    reserved: Annotated[int, typer.Option(min=0, help="Slots that batches never use.")] = 0,
    number_gap: NumberGap = None,
    number_calls_per_day: NumberCallsPerDay = None,
    request_id: Annotated[str, typer.Option(help="The same id makes it only once.")] = "",
) -> None:
    """Make an account; needs an operator's key."""
    gap = parse_length(number_gap) if number_gap else None

    async def command(client: Client, screen: Screen) -> None:
        account = await client.accounts.create(
            name,
            max_concurrent_calls=max_concurrent,
            reserved_slots=reserved,
            number_rules=NumberRules(
                min_gap=gap or None, max_calls_per_day=number_calls_per_day or 0
            ),
            request_id=request_id,
        )
        sentence = f"Account {account.display_name}: {account.account_id}"
        screen.made(account, account.account_id, sentence)

    run(context, command)


@commands.command()
def update(
    context: typer.Context,
    account_id: AccountId = "",
    name: Annotated[str | None, typer.Option(help="A new label.")] = None,
    max_concurrent: Annotated[int | None, typer.Option(min=1, help="Calls alive at once.")] = None,
    reserved: Annotated[
        int | None, typer.Option(min=0, help="Slots that batches never use.")
    ] = None,
    number_gap: NumberGap = None,
    number_calls_per_day: NumberCallsPerDay = None,
) -> None:
    """Change an account; only an operator's key raises limits."""
    said = {
        "display_name": name,
        "max_concurrent_calls": max_concurrent,
        "reserved_slots": reserved,
    }
    changes = {field: value for field, value in said.items() if value is not None}
    asks_rules = number_gap is not None or number_calls_per_day is not None
    if number_gap is not None:
        # Said before anything is asked of the server.
        parse_length(number_gap)
    if not changes and not asks_rules:
        context.fail("say what to change")

    async def command(client: Client, screen: Screen) -> None:
        found = await client.accounts.get(account_id)
        wanted = Account(account_id=found.account_id, etag=found.etag, **changes)  # type: ignore[arg-type]
        fields = list(changes)
        if asks_rules:
            rules = _number_rules(found.number_rules, number_gap, number_calls_per_day)
            wanted.number_rules.CopyFrom(rules)
            fields.append("number_rules")
        changed = await client.accounts.update(wanted, fields)
        screen.done(changed, f"Account {changed.display_name} is changed.")

    run(context, command)
