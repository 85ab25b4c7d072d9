"""`outdial-server erase`, and what of it can still be read from the file."""

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from outdial_server.adapters.identity import UuidV7Ids
from outdial_server.cli.main import app
from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.suppression import SuppressionFields
from outdial_server.storage import open_store
from support.clock import ManualClock, ManualSignals
from support.contacts import contact, folder, person
from support.stores import World, ended, new_row, number, settled

ADDRESS = "+436601112223"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUTDIAL_DATABASE_URL", f"sqlite:///{tmp_path / 'outdial.db'}")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path / "outdial.db"


async def _lived(file: Path, *, in_a_call: bool) -> None:
    """A server has called people from a list, and stopped."""
    clock = ManualClock()
    ids = UuidV7Ids(clock)
    store = await open_store(f"sqlite:///{file}", clock, ids, ManualSignals(clock))
    try:
        await _fill(await settled(store, clock, ids), in_a_call=in_a_call)
    finally:
        await store.close()


async def _fill(world: World, *, in_a_call: bool) -> None:
    theirs = new_row(
        0,
        address=ADDRESS,
        custom_id=f"patient {ADDRESS}",
        template_context_json=f'{{"number":"{ADDRESS}"}}',
        metadata={"number": ADDRESS},
    )
    request = world.request("one")
    rows = [theirs, new_row(1), theirs]
    await world.create(rows, request, duplicates=DuplicatePolicy.SKIP)
    calls = await world.live()
    if not in_a_call:
        await world.apply(*map(ended, calls))
    fields = replace(person(2), address=ADDRESS, normalized_address=ADDRESS, last_name=ADDRESS)
    await contact(world, await folder(world), fields)
    await world.store.suppressions.put_suppressions(
        world.account_id, [ADDRESS], SuppressionFields()
    )


def erase(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["erase", *arguments])


def holds(file: Path, text: str) -> bool:
    """Whether the text stands anywhere in the file, in use or not."""
    # Left to the collector, the connection would keep a log beside the file.
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("VACUUM")
    beside = [path for path in file.parent.iterdir() if path.name.startswith(file.name)]
    return any(text.encode() in path.read_bytes() for path in beside)


def test_after_a_vacuum_nothing_of_it_is_in_the_file(file: Path) -> None:
    asyncio.run(_lived(file, in_a_call=False))
    assert holds(file, ADDRESS)
    result = erase("--address", "+43 660 1112223")
    assert result.exit_code == 0, result.output
    assert "people of batches 1, calls 1, contacts 1, answers to requests 1" in result.stdout
    assert "stays on do-not-call lists: 1" in result.stdout
    assert holds(file, ADDRESS), "that entry"
    result = erase("--address", ADDRESS, "--with-do-not-call")
    assert result.stdout == "erased: do-not-call entries 1\n"
    assert not holds(file, ADDRESS)
    assert holds(file, number(1)), "of the others nothing is lost"


def test_somebody_in_a_call_is_told_of(file: Path) -> None:
    asyncio.run(_lived(file, in_a_call=True))
    result = erase("--address", ADDRESS)
    assert result.exit_code == 1
    assert "in a call, or in a list that is being added: 1" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--address", "nobody"], "address: must be a phone number"),
        (["--address", ADDRESS, "--account", "nonsense"], "there is no account"),
    ],
)
def test_a_refusal_is_told_in_words(file: Path, arguments: list[str], message: str) -> None:
    result = erase(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr
