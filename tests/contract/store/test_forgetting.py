"""A number is forgotten, wherever it stands, and what was counted stays right."""

from dataclasses import replace
from datetime import timedelta

import pytest

from outdial_server.commands.erase_address import EraseAddress
from outdial_server.domain.batch_policies import DuplicatePolicy
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.errors import (
    InvalidFieldsError,
    NotFoundError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.ids import AccountId, BatchId
from outdial_server.domain.number_rules import NumberRules
from outdial_server.domain.report import CallReport
from outdial_server.domain.scheduled_call import NewScheduledCall, ScheduledCallState
from outdial_server.domain.suppression import SuppressionFields
from outdial_server.ports.erasure import Forgotten, Place, Subject
from outdial_server.storage.encoding import pack_id
from outdial_server.storage.verbs import forgetting
from support.contacts import contact, folder, person
from support.invariants import check_invariants
from support.stores import NO_ID, World, accepted, ended, new_row, settled

ADDRESS = "+436601112223"
CANCELLED, COMPLETED, FAILED = (
    ScheduledCallState.CANCELLED,
    ScheduledCallState.COMPLETED,
    ScheduledCallState.FAILED,
)


async def forget(
    world: World,
    address: str = ADDRESS,
    account_id: AccountId | None = None,
    *,
    with_suppressions: bool = False,
) -> Forgotten:
    command = EraseAddress(world.store.erasure)
    forgotten = await command.execute(address, account_id, with_suppressions=with_suppressions)
    await check_invariants(world.store)
    return forgotten


def theirs(n: int = 0, address: str = ADDRESS) -> NewScheduledCall:
    return new_row(
        n,
        address=address,
        custom_id="patient 4711",
        template_context_json='{"name":"Ada"}',
        metadata={"file": "4711"},
        annotations_json='{"note":"x"}',
        carrier_params={"send_digits": "4711"},
        time_zone="Europe/Vienna",
    )


async def called(world: World, batch_id: BatchId, disposition: Disposition) -> None:
    calls = await world.live()
    await world.apply(*(ended(call, disposition) for call in calls))
    assert (await world.get(batch_id)).ended_at is not None


async def test_a_late_word_of_the_carrier_brings_nothing_back(world: World) -> None:
    await world.batch([theirs()])
    (call,) = await world.live()
    await world.apply(ended(call, Disposition.NO_ANSWER))
    await forget(world)
    # News comes twice, and the answer to a request behind the first of it.
    await world.apply(accepted(call, "CA1"), ended(call, Disposition.NO_ANSWER))
    assert await world.sql("SELECT carrier_call_id FROM calls") == [(None,)]


async def test_of_somebody_who_was_called_only_what_was_counted_stays(world: World) -> None:
    batch_id = await world.batch([new_row(0), theirs(), new_row(1), theirs()])
    await called(world, batch_id, Disposition.NO_ANSWER)
    before = await world.get(batch_id)
    assert await forget(world) == Forgotten(people=2, calls=2)
    first, gone, *_ = rows = await world.rows(batch_id)
    assert (gone.address, gone.normalized_address, gone.custom_id) == ("", "", "")
    assert (gone.template_context_json, gone.metadata, gone.annotations_json) == ("", {}, "")
    assert gone.carrier_params == {}
    assert gone.time_zone == ""
    assert (gone.state, gone.disposition) == (first.state, first.disposition)
    assert [row.address for row in rows][::2] == [new_row(0).address, new_row(1).address]
    after = await world.get(batch_id)
    assert (after.counts, after.state) == (before.counts, before.state)
    kept = await world.sql("SELECT COUNT(*) FROM calls WHERE carrier_call_id IS NOT NULL")
    assert kept == [(2,)], "those of the others"
    assert await forget(world) == Forgotten(), "there is nothing more"


@pytest.mark.parametrize("draft", [False, True])
async def test_somebody_who_waits_is_taken_out_first(world: World, *, draft: bool) -> None:
    batch_id = await world.batch([theirs(), new_row(0), theirs()], draft=draft)
    assert await forget(world) == Forgotten(people=2)
    states = [row.state for row in await world.rows(batch_id)]
    assert states == [CANCELLED, ScheduledCallState.WAITING, CANCELLED]
    if not draft:
        assert [call.address for call in await world.claim()] == [new_row(0).address]


async def test_a_claim_is_taken_away_before_it_is_sent(world: World) -> None:
    batch_id = await world.batch([theirs()])
    claims = await world.claim()
    assert await forget(world) == Forgotten(people=1, calls=1)
    assert not (await world.send(claims)).calls
    assert (await world.row(batch_id)).state is CANCELLED
    assert await world.used() == (0, 0)


async def test_somebody_in_a_call_is_left_until_it_is_over(world: World) -> None:
    batch_id = await world.batch([theirs(), new_row(0)])
    first, second = await world.live()
    assert await forget(world) == Forgotten(people_left=1)
    assert (await world.row(batch_id)).address == ADDRESS
    await world.apply(ended(first), ended(second))
    assert await forget(world) == Forgotten(people=1, calls=1)


async def test_a_list_that_is_being_added_is_left(world: World) -> None:
    new = world.new_batch()
    async with world.store.intake.new_batch(new, None) as staging:
        await staging.stage([theirs()])
        assert await forget(world) == Forgotten(people_left=1)


async def test_a_list_of_contacts_on_its_way_is_told_of(world: World) -> None:
    await world.execute(
        "INSERT INTO imports (id, account_key, created_us) "
        "SELECT :id, a.key, 0 FROM accounts a WHERE a.id = :account",
        id=pack_id(world.ids.new_id()),
        account=pack_id(world.account_id),
    )
    await world.execute(
        "INSERT INTO staged_contacts (import_key, seq, row_number, values_json) "
        "SELECT i.key, 1, 0, '[]' FROM imports i"
    )
    assert await forget(world, account_id=world.account_id) == Forgotten(lists_left=1)
    other = await settled(world.store, world.clock, world.ids)
    assert await forget(world, account_id=other.account_id) == Forgotten()


async def test_a_direct_call_is_forgotten_like_others(world: World) -> None:
    made = await world.direct(theirs())
    assert made.claimed is not None
    await world.send([made.claimed])
    await world.apply(accepted(made.claimed), ended(made.claimed))
    assert await forget(world) == Forgotten(people=1, calls=1)
    call = await world.store.calls.get_call(world.account_id, made.call.call_id)
    assert (call.address, call.state) == ("", CallState.ENDED)


async def test_nobody_can_call_them_again(world: World) -> None:
    batch_id = await world.batch([theirs(), new_row(0)])
    await called(world, batch_id, Disposition.NO_ANSWER)
    row_id = (await world.row(batch_id)).scheduled_call_id
    await forget(world)
    with pytest.raises(PreconditionError) as refused:
        await world.store.retries.retry_scheduled_call(world.account_id, row_id, None)
    assert refused.value.reason is Reason.SCHEDULED_CALL_NOT_ENDED
    assert "was erased" in refused.value.message
    assert await world.retry(batch_id, FAILED) == 1
    assert [call.address for call in await world.claim()] == [new_row(0).address]


async def test_late_news_of_a_call_change_nothing(world: World) -> None:
    batch_id = await world.batch([theirs()])
    (call,) = await world.live()
    end: CallReport = ended(call)
    await world.apply(end)
    await forget(world)
    assert (await world.apply(end)).changed == 0
    assert (await world.row(batch_id)).address == ""


async def test_contacts_counts_and_answers_go_and_the_do_not_call_list_stays(
    world: World,
) -> None:
    patients, guests = await folder(world), await folder(world, "Guests")
    for of in (patients, guests):
        await contact(world, of, replace(person(0), address=ADDRESS, normalized_address=ADDRESS))
        await contact(world, of, person(1))
    await world.store.accounts.change_account(
        world.account_id, lambda a: replace(a, number_rules=NumberRules(timedelta(days=3), 9))
    )
    made = await world.create(
        [theirs(), theirs()], world.request("one"), duplicates=DuplicatePolicy.SKIP
    )
    await called(world, made.batch.batch_id, Disposition.BUSY)
    await world.store.suppressions.put_suppressions(
        world.account_id, [ADDRESS], SuppressionFields()
    )
    went = Forgotten(people=1, calls=1, contacts=2, numbers_counted=1, answers=1)
    assert await forget(world) == replace(went, suppressions_kept=1)
    count = (
        await world.store.contact_folders.get_folder(world.account_id, patients.contact_folder_id)
    ).contact_count
    assert count == 1
    assert await forget(world, with_suppressions=True) == Forgotten(suppressions=1)
    for table, column in (
        ("contacts", "normalized_address"),
        ("number_calls", "address"),
        ("requests", "answer_json"),
        ("suppressions", "address"),
        ("scheduled_calls", "address"),
    ):
        found = await world.sql(
            f"SELECT COUNT(*) FROM {table} WHERE {column} LIKE :like", like=f"%{ADDRESS}%"
        )
        assert found == [(0,)], table


async def test_one_account_forgets_and_the_others_do_not(world: World) -> None:
    other = await settled(world.store, world.clock, world.ids)
    for each in (world, other):
        await each.batch([theirs()], draft=True)
    assert await forget(world, account_id=world.account_id) == Forgotten(people=1)
    assert await forget(world, account_id=world.account_id) == Forgotten()
    assert await forget(world) == Forgotten(people=1)


async def test_sip_uris_are_found_by_their_normal_form(world: World) -> None:
    row = new_row(0, address="sip:Ada@Example.net", normalized_address="sip:Ada@example.net")
    batch_id = await world.batch([row], draft=True)
    assert await forget(world, "SIP:Ada@EXAMPLE.net") == Forgotten(people=1)
    assert (await world.row(batch_id)).address == ""


async def test_it_goes_in_groups_and_may_be_broken_off(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(forgetting, "LOOKED_AT_MOST", 3)
    listed = [theirs() if n % 4 == 1 else new_row(n) for n in range(13)]
    batch_id = await world.batch(listed)
    await called(world, batch_id, Disposition.BUSY)
    subject = Subject(ADDRESS, None, with_suppressions=False)
    some = await world.store.erasure.forget(subject, Place())
    assert some.forgotten == Forgotten(people=1, calls=1)
    assert some.next_place is not None
    await check_invariants(world.store)
    assert await forget(world) == Forgotten(people=2, calls=2)
    gone = [n for n, row in enumerate(await world.rows(batch_id)) if not row.address]
    assert gone == [1, 5, 9]


async def test_what_is_no_number_and_no_account_is_refused(world: World) -> None:
    with pytest.raises(InvalidFieldsError) as wrong:
        await forget(world, "nobody")
    assert [v.field for v in wrong.value.violations] == ["address"]
    with pytest.raises(NotFoundError):
        await forget(world, account_id=AccountId(NO_ID))
