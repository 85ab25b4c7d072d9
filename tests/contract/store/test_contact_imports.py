"""Imports of contacts: all or nothing up to one decision, and from there to the end."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from datetime import timedelta
from typing import Any

import orjson
import pytest

from outdial_server.commands.import_contacts import (
    ContactImportSpec,
    ImportContacts,
    RawContact,
)
from outdial_server.commands.rows import SLICE_ROWS
from outdial_server.domain.contact import ContactFields
from outdial_server.domain.contact_folder import ContactFolder
from outdial_server.domain.errors import (
    AlreadyExistsError,
    InvalidFieldsError,
    NotFoundError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.ids import AccountId, ContactFolderId, ImportId
from outdial_server.domain.imports import BadRowPolicy, Finding, FindingKind, ImportState
from outdial_server.domain.limits import CUSTOM_FIELDS_MAX_BYTES, METADATA_MAX_ENTRIES
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.request import GrowingRequest, RequestName
from outdial_server.domain.retention import Retention
from outdial_server.ports.contact_intake import StoredContacts
from outdial_server.ports.contacts import ContactFilter
from outdial_server.storage.verbs import contact_merging
from support.contacts import contact, folder, person
from support.invariants import check_invariants
from support.stores import NO_ID, World, all_pages, number

BAD = ContactFields("5551230001")


class Interrupted(Exception):
    """The stream breaks."""


async def stream(
    people: Sequence[ContactFields], *, breaks: bool = False
) -> AsyncGenerator[Sequence[tuple[int, RawContact]], None]:
    numbered = [(n, RawContact(fields)) for n, fields in enumerate(people, 1)]
    for start in range(0, len(numbered), SLICE_ROWS):
        yield numbered[start : start + SLICE_ROWS]
    if breaks:
        raise Interrupted


def growing(world: World, content: bytes = b"") -> GrowingRequest:
    request = GrowingRequest(RequestName(world.account_id, "ImportContacts", "r-1"))
    request.read(content)
    return request


async def bring(
    world: World,
    into: ContactFolder,
    people: Sequence[ContactFields],
    *,
    bad_rows: BadRowPolicy = BadRowPolicy.REJECT_ALL,
    overwrite: bool = False,
    request: GrowingRequest | None = None,
    breaks: bool = False,
) -> StoredContacts:
    spec = ContactImportSpec(world.account_id, into.contact_folder_id, bad_rows, overwrite)
    command = ImportContacts(world.store.contact_intake, world.ids)
    return await command.execute(spec, stream(people, breaks=breaks), request)


async def people_in(world: World, of: ContactFolder) -> list[ContactFields]:
    listed, _ = await all_pages(
        lambda page: world.store.contacts.list_contacts(
            world.account_id, page, ContactFilter(of.contact_folder_id)
        ),
        size=1000,
    )
    return [one.fields for one in listed]


async def findings_of(world: World, import_id: ImportId) -> list[Finding]:
    listed, _ = await all_pages(
        lambda page: world.store.imports.list_findings(world.account_id, import_id, page)
    )
    return listed


async def nothing_is_left(world: World, imports: int = 0) -> None:
    assert await world.sql("SELECT COUNT(*) FROM staged_contacts") == [(0,)]
    assert await world.sql("SELECT COUNT(*) FROM imports") == [(imports,)]
    await check_invariants(world.store)


async def test_a_list_goes_into_a_folder_in_its_order(world: World) -> None:
    made = await folder(world)
    people = [person(n, first_name=f"n{n}", keywords=("a",)) for n in range(SLICE_ROWS + 10)]
    stored = await bring(world, made, people)
    assert stored.folder.contact_count == len(people)
    assert await people_in(world, made) == people
    counts = stored.imported.counts
    assert (counts.rows, counts.added, counts.updated) == (len(people), len(people), 0)
    assert stored.imported.state is ImportState.ADDED
    assert stored.imported.contact_folder_id == made.contact_folder_id
    assert stored.imported.batch_id is None
    await nothing_is_left(world, imports=1)


async def test_who_is_there_already_is_skipped_and_told_in_the_order_of_the_rows(
    world: World,
) -> None:
    made = await folder(world)
    await contact(world, made, person(2, first_name="before"))
    people = [person(1), person(2), BAD, person(1), person(3)]
    stored = await bring(world, made, people, bad_rows=BadRowPolicy.SKIP)
    counts = stored.imported.counts
    assert (counts.rows, counts.added, counts.refused, counts.duplicates) == (5, 2, 1, 2)
    told = await findings_of(world, stored.imported.import_id)
    assert [(one.row_number, one.kind, one.first_row_number) for one in told] == [
        (2, FindingKind.DUPLICATE_SKIPPED, 0),
        (3, FindingKind.FAULT, 0),
        (4, FindingKind.DUPLICATE_SKIPPED, 1),
    ]
    names = {one.normalized_address: one.first_name for one in await people_in(world, made)}
    assert names == {number(1): "", number(2): "before", number(3): ""}
    await nothing_is_left(world, imports=1)


async def test_who_is_there_already_is_overwritten_by_what_the_row_says(world: World) -> None:
    made = await folder(world)
    before = person(
        1,
        first_name="Ada",
        email="ada@example.net",
        custom_fields_json='{"a":1,"b":2}',
        metadata={"k": "v", "l": "w"},
    )
    old = await contact(world, made, before)
    world.advance(seconds=1)
    row = person(1, first_name="Bea", custom_fields_json='{"b":"ß"}', metadata={"l": "x"})
    stored = await bring(world, made, [row, person(2), person(1)], overwrite=True)
    counts = stored.imported.counts
    assert (counts.added, counts.updated, counts.duplicates) == (1, 1, 2)
    after = await world.store.contacts.get_contact(world.account_id, old.contact_id)
    assert (after.fields.first_name, after.fields.email) == ("Bea", "ada@example.net")
    assert orjson.loads(after.fields.custom_fields_json) == {"a": 1, "b": "ß"}
    assert after.fields.metadata == {"k": "v", "l": "x"}
    assert (after.revision, after.updated_at) == (old.revision + 1, world.clock.now())
    found = await world.store.contacts.list_contacts(
        world.account_id, PageRequest(), ContactFilter(words=("bea",))
    )
    assert [one.contact_id for one in found.items] == [old.contact_id]
    told = await findings_of(world, stored.imported.import_id)
    assert [(one.row_number, one.first_row_number) for one in told] == [(3, 1)]


async def test_what_is_too_large_together_is_refused_row_by_row(world: World) -> None:
    made = await folder(world)
    half = "x" * (20 * 1024)
    labels = [{f"{side}{n}": "" for n in range(METADATA_MAX_ENTRIES)} for side in "ab"]
    for n in (1, 2):
        old = person(n, custom_fields_json=f'{{"a":"{half}"}}', metadata=labels[0])
        await contact(world, made, old)
    people = [
        person(1, custom_fields_json=f'{{"b":"{half}"}}'),
        person(2, custom_fields_json=f'{{"b":"{half}"}}', metadata=labels[1]),
        person(3),
    ]
    stored = await bring(world, made, people, overwrite=True)
    counts = stored.imported.counts
    assert (counts.added, counts.updated, counts.refused) == (1, 0, 2)
    told = await findings_of(world, stored.imported.import_id)
    assert [(one.row_number, one.kind, one.field, one.description) for one in told] == [
        (1, FindingKind.FAULT, "custom_fields", TOO_LARGE),
        (2, FindingKind.FAULT, "custom_fields", f"{TOO_LARGE}; metadata {TOO_MANY}"),
    ]


TOO_LARGE = f"must not be larger than {CUSTOM_FIELDS_MAX_BYTES // 1024} KiB as JSON"
TOO_MANY = f"must not have more than {METADATA_MAX_ENTRIES} entries"


async def test_a_fault_refuses_all_and_is_kept(world: World) -> None:
    made = await folder(world)
    with pytest.raises(InvalidFieldsError) as refusal:
        await bring(world, made, [*(person(n) for n in range(SLICE_ROWS)), BAD])
    assert refusal.value.reason is Reason.IMPORT_REFUSED
    assert refusal.value.violations[0].field == f"rows[{SLICE_ROWS + 1}].address"
    import_id = ImportId(refusal.value.metadata["import_id"])
    told = await world.store.imports.get_import(world.account_id, import_id)
    assert (told.state, told.counts.added, told.counts.refused) == (ImportState.REFUSED, 0, 1)
    assert len(await findings_of(world, import_id)) == 1
    assert await people_in(world, made) == []
    await nothing_is_left(world, imports=1)


async def test_a_list_that_breaks_off_leaves_nothing(world: World) -> None:
    made = await folder(world)
    with pytest.raises(Interrupted):
        await bring(world, made, [person(n) for n in range(SLICE_ROWS + 1)], breaks=True)
    assert await people_in(world, made) == []
    await nothing_is_left(world)


async def test_an_empty_list_and_an_unknown_folder_are_refused(world: World) -> None:
    made = await folder(world)
    with pytest.raises(InvalidFieldsError):
        await bring(world, made, [])
    spec = ContactImportSpec(
        world.account_id, ContactFolderId(NO_ID), BadRowPolicy.SKIP, overwrite=False
    )
    with pytest.raises(NotFoundError) as refusal:
        await ImportContacts(world.store.contact_intake, world.ids).execute(
            spec, stream([person(1)]), None
        )
    assert refusal.value.reason is Reason.CONTACT_FOLDER_NOT_FOUND
    await nothing_is_left(world)


async def test_what_a_crash_left_before_the_decision_is_swept(world: World) -> None:
    made = await folder(world)
    wanted = contact_merging.ContactImport(
        world.account_id, ImportId(world.ids.new_id()), made.contact_folder_id, overwrite=False
    )

    def plant(tx: Any) -> None:
        staged = contact_merging.begin(tx, wanted, None)
        assert staged.import_key is not None
        rows = [contact_merging.NewContact(n, person(n)) for n in range(5)]
        contact_merging.stage(tx, staged.import_key, 0, rows, ())

    await world.store.database.write(plant)
    await world.store.dispatch.sweep_staging()
    await nothing_is_left(world)


async def half_way(
    world: World, made: ContactFolder, monkeypatch: pytest.MonkeyPatch, **values: Any
) -> None:
    """An import whose server goes away after the first of its groups."""
    monkeypatch.setattr(contact_merging, "MERGE_ROWS", 2)
    merge, done = contact_merging.merge_some, list[bool]()

    def merge_once(*arguments: Any) -> bool:
        if done:
            raise Interrupted
        done.append(merge(*arguments))
        return done[0]

    monkeypatch.setattr(contact_merging, "merge_some", merge_once)
    with pytest.raises(Interrupted):
        await bring(world, made, [person(n) for n in range(5)], **values)
    monkeypatch.setattr(contact_merging, "merge_some", merge)


async def test_an_import_that_was_decided_is_brought_to_its_end_by_whoever_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await folder(world)
    await half_way(world, made, monkeypatch)
    assert len(await people_in(world, made)) == 2
    await check_invariants(world.store)
    await world.store.dispatch.sweep_staging()
    with pytest.raises(PreconditionError) as refusal:
        await world.store.contact_folders.delete_folder(world.account_id, made.contact_folder_id)
    assert refusal.value.reason is Reason.CONTACT_FOLDER_IN_USE
    import_id = ImportId(refusal.value.metadata["import_id"])
    world.clock.advance(timedelta(days=2))
    await world.store.retention.erase(Retention(imports=timedelta(days=1)), 100)
    read = await world.store.imports.get_import(world.account_id, import_id)
    assert (read.state, read.counts.added) == (ImportState.ADDING, 2)
    await world.settle_all()
    read = await world.store.imports.get_import(world.account_id, import_id)
    assert (read.state, read.counts.added) == (ImportState.ADDED, 5)
    assert len(await people_in(world, made)) == 5
    await world.store.contact_folders.delete_folder(world.account_id, made.contact_folder_id)
    await nothing_is_left(world, imports=1)


async def test_a_repeated_request_goes_on_with_it_and_tells_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await folder(world)
    await half_way(world, made, monkeypatch, request=growing(world))
    again = await bring(world, made, [person(9)], request=growing(world))
    assert (again.imported.counts.added, again.folder.contact_count) == (5, 5)
    once_more = await bring(world, made, [], request=growing(world))
    assert once_more.imported == again.imported
    with pytest.raises(AlreadyExistsError) as refusal:
        await bring(world, made, [], request=growing(world, b"other"))
    assert refusal.value.reason is Reason.REQUEST_ID_REUSED
    await nothing_is_left(world, imports=1)


async def test_two_imports_and_a_contact_at_once_make_nobody_twice(world: World) -> None:
    made = await folder(world)
    people = [person(n) for n in range(300)]

    async def single() -> None:
        try:
            await contact(world, made, person(250))
        except AlreadyExistsError:
            return

    first, second, _ = await asyncio.gather(
        bring(world, made, people), bring(world, made, people[::-1]), single()
    )
    assert len(await people_in(world, made)) == 300
    added = first.imported.counts.added + second.imported.counts.added
    assert added in (299, 300)
    await nothing_is_left(world, imports=2)


async def test_imports_are_the_accounts_own(world: World) -> None:
    made = await folder(world)
    stored = await bring(world, made, [person(1)])
    stranger: AccountId = await world.new_account()
    with pytest.raises(NotFoundError):
        await world.store.imports.get_import(stranger, stored.imported.import_id)
