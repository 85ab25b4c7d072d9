"""`outdial-server erase`: on the database itself, for whoever answers for what is kept."""

from typing import Annotated

import typer

from outdial_server.cli.database import opened
from outdial_server.cli.run import refusals_told, run
from outdial_server.commands.erase_address import EraseAddress
from outdial_server.domain.ids import AccountId
from outdial_server.ports.erasure import Forgotten

_SOME_LEFT = 1


def command(
    address: Annotated[str, typer.Option(help="The phone number or SIP URI to forget.")],
    account: Annotated[str, typer.Option(help="In this account alone, by its id.")] = "",
    *,
    with_do_not_call: Annotated[
        bool,
        typer.Option(
            "--with-do-not-call", help="Its do-not-call entries too: it may be called again."
        ),
    ] = False,
) -> None:
    """Erase what is kept of one number; free pages keep it until a VACUUM."""

    async def work() -> None:
        async with opened() as base:
            forgotten = await EraseAddress(base.store.erasure).execute(
                address,
                AccountId(account) if account else None,
                with_suppressions=with_do_not_call,
            )
            _tell(forgotten)

    with refusals_told():
        run(work())


def _tell(forgotten: Forgotten) -> None:
    went = {
        "people of batches": forgotten.people,
        "calls": forgotten.calls,
        "contacts": forgotten.contacts,
        "counts of rules": forgotten.numbers_counted,
        "answers to requests": forgotten.answers,
        "do-not-call entries": forgotten.suppressions,
    }
    listed = ", ".join(f"{name} {count}" for name, count in went.items() if count)
    typer.echo(f"erased: {listed or 'nothing'}")
    if forgotten.suppressions_kept:
        typer.echo(f"stays on do-not-call lists: {forgotten.suppressions_kept}")
    left = {
        "in a call, or in a list that is being added": forgotten.people_left,
        "lists of contacts on their way into a folder": forgotten.lists_left,
    }
    for what, count in left.items():
        if count:
            typer.echo(f"{what}: {count}; run it again when that is over", err=True)
    if any(left.values()):
        raise typer.Exit(_SOME_LEFT)
