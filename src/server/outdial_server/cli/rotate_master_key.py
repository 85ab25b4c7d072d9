"""`outdial-server rotate-master-key`: on the database itself, as `keys`."""

from collections import Counter
from typing import TYPE_CHECKING

import typer

from outdial_server.cli.database import opened
from outdial_server.cli.run import refusals_told, run

if TYPE_CHECKING:
    from outdial_server.ports.resealing import SecretPlace

_SOME_UNREADABLE = 1


def command() -> None:
    """Seal all kept secrets with OUTDIAL_MASTER_KEY that OUTDIAL_OLD_MASTER_KEYS open."""

    async def work() -> None:
        # Loaded here: the other commands start without it.
        from outdial_server.adapters.sealing import AesGcmSeal  # noqa: PLC0415
        from outdial_server.app.master_keys import master_key, old_keys  # noqa: PLC0415
        from outdial_server.commands.rotate_master_key import RotateMasterKey  # noqa: PLC0415

        async with opened() as base:
            seal = AesGcmSeal(master_key(base.settings), old_keys(base.settings))
            done = await RotateMasterKey(base.store.sealed, seal).execute()
        typer.echo(f"sealed anew: {_listed(done.renewed) or 'nothing was left'}")
        if done.unreadable.total():
            said = f"no key opens: {_listed(done.unreadable)}; write them anew, or name the key"
            typer.echo(said, err=True)
            raise typer.Exit(_SOME_UNREADABLE)

    with refusals_told():
        run(work())


def _listed(counted: "Counter[SecretPlace]") -> str:
    return ", ".join(f"{place.value} {count}" for place, count in counted.items() if count)
