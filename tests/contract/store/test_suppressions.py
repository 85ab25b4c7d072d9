"""The do-not-call list, and that nobody on it is dialled."""

import asyncio
from collections.abc import Sequence

import pytest

from outdial_server.domain.errors import NotFoundError, Reason
from outdial_server.domain.event import EventType, ScheduledCallAfter
from outdial_server.domain.ids import SuppressionId
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.suppression import Suppression, SuppressionFields
from outdial_server.storage.verbs.call_texts import ParsedAgents
from outdial_server.storage.verbs.claiming import claim
from outdial_server.storage.verbs.sending import mark_sending
from support.invariants import check_invariants
from support.statements import said_by
from support.stores import NO_ID, World, addresses, all_pages, new_row, new_rows, number


async def suppress(world: World, *ns: int, **fields: object) -> tuple[Sequence[Suppression], int]:
    return await world.store.suppressions.put_suppressions(
        world.account_id,
        [number(n) for n in ns],
        SuppressionFields(**fields),  # type: ignore[arg-type]
    )


async def test_an_entry_is_read_as_it_was_made(world: World) -> None:
    until = world.later(days=30)
    (made,), new = await suppress(world, 1, source="registry", reason="asked", expires_at=until)
    assert new == 1
    assert (made.address, made.fields) == (
        number(1),
        SuppressionFields("registry", "asked", until),
    )
    store = world.store.suppressions
    assert await store.get_suppression(world.account_id, made.suppression_id) == made


async def test_an_address_is_on_the_list_once_and_stays_to_the_later_end(world: World) -> None:
    (first, other), _ = await suppress(world, 1, 2, source="a")
    (again, third), new = await suppress(world, 1, 3, source="b", expires_at=world.later(days=1))
    assert new == 1
    assert again.suppression_id == first.suppression_id
    assert again.fields == SuppressionFields("b", "", None)
    listed, _ = await all_pages(
        lambda page: world.store.suppressions.list_suppressions(world.account_id, page)
    )
    assert listed == [again, other, third]


async def test_entries_are_found_by_address_and_by_source(world: World) -> None:
    (one, two), _ = await suppress(world, 1, 2, source="a")
    (three,), _ = await suppress(world, 3, source="b")
    store = world.store.suppressions
    for filters, expected in [
        ({"address": number(2)}, [two]),
        ({"source": "a"}, [one, two]),
        ({"source": "b"}, [three]),
        ({"address": number(2), "source": "b"}, []),
        ({"source": "c"}, []),
    ]:
        listed, _ = await all_pages(
            lambda page, f=filters: store.list_suppressions(world.account_id, page, **f), size=1
        )
        assert listed == expected


async def test_an_entry_of_another_account_is_not_found(world: World) -> None:
    stranger = await world.new_account()
    (made,), _ = await suppress(world, 1)
    store = world.store.suppressions
    for account_id, entry in [
        (stranger, made.suppression_id),
        (world.account_id, NO_ID),
        (world.account_id, "no uuid"),
    ]:
        for attempt in (
            store.get_suppression(account_id, SuppressionId(entry)),
            store.delete_suppression(account_id, SuppressionId(entry)),
        ):
            with pytest.raises(NotFoundError) as refusal:
                await attempt
            assert refusal.value.reason is Reason.SUPPRESSION_NOT_FOUND
    assert await store.get_suppression(world.account_id, made.suppression_id) == made


async def test_whoever_is_on_the_list_is_skipped_and_those_behind_come_up(world: World) -> None:
    batch_id = await world.batch(5)
    await suppress(world, 0, 2)
    assert addresses(await world.claim(2)) == [number(1), number(3)]
    rows = await world.rows(batch_id)
    skipped = [row for row in rows if row.state is ScheduledCallState.SKIPPED]
    assert [(row.address, row.state_reason) for row in skipped] == [
        (number(0), "SUPPRESSED"),
        (number(2), "SUPPRESSED"),
    ]
    counts = (await world.get(batch_id)).counts
    assert (counts.skipped, counts.waiting) == (2, 3)
    ends = [e for e in await world.events(batch_id) if e.type is EventType.SCHEDULED_CALL_ENDED]
    assert [e.cause for e in ends] == ["SCHEDULER"] * 2
    for end in ends:
        assert isinstance(end.after, ScheduledCallAfter)
        assert (end.after.state, end.after.state_reason) == (
            ScheduledCallState.SKIPPED,
            "SUPPRESSED",
        )
    await check_invariants(world.store)


async def test_a_batch_of_which_everybody_is_on_the_list_ends(world: World) -> None:
    batch_id = await world.batch(3)
    await suppress(world, 0, 1, 2)
    assert await world.claim() == []
    assert (await world.get(batch_id)).ended_at is not None
    await check_invariants(world.store)


async def test_a_long_list_of_them_is_skipped_in_groups(world: World) -> None:
    batch_id = await world.batch(1_100)
    for first in range(0, 1_099, 500):
        await suppress(world, *range(first, min(first + 500, 1_099)))
    claimed = []
    for _ in range(4):
        claims = await world.store.dispatch.claim(10)
        claimed += claims.calls
        if not claims.more:
            break
    assert addresses(claimed) == [number(1_099)]
    assert (await world.get(batch_id)).counts.skipped == 1_099


async def test_the_normal_form_is_what_counts(world: World) -> None:
    row = new_row(1, address="SIP:a@B.net", normalized_address="sip:a@b.net")
    await world.batch([row])
    await world.store.suppressions.put_suppressions(
        world.account_id, ["sip:a@b.net"], SuppressionFields()
    )
    assert await world.claim() == []


async def test_an_entry_that_is_over_or_deleted_or_of_others_holds_nobody(world: World) -> None:
    stranger = await world.new_account()
    await world.store.suppressions.put_suppressions(stranger, [number(0)], SuppressionFields())
    await suppress(world, 1, expires_at=world.later(seconds=10))
    (gone,), _ = await suppress(world, 2)
    await world.store.suppressions.delete_suppression(world.account_id, gone.suppression_id)
    world.advance(seconds=10)
    await world.batch(3)
    assert addresses(await world.claim()) == [number(0), number(1), number(2)]


async def test_whoever_comes_on_the_list_after_the_claim_is_not_sent(world: World) -> None:
    batch_id = await world.batch(3)
    claims = await world.claim()
    await suppress(world, 1)
    sent = await world.send(claims)
    assert addresses(sent.calls) == [number(0), number(2)]
    assert await world.claim() == []
    assert (await world.row(batch_id, 1)).state is ScheduledCallState.SKIPPED
    await check_invariants(world.store)


async def test_sending_looks_for_itself(world: World) -> None:
    """As after a claim that has just missed the first entry of its account."""
    await world.batch(3)
    claims = await world.claim()
    await world.execute(
        "INSERT INTO suppressions (id, account_key, address, created_us) "
        "SELECT a.id, a.key, :address, 0 FROM accounts a WHERE a.suppressions = 0",
        address=number(1),
    )
    await world.execute("UPDATE accounts SET suppressions = 1")
    sent = await world.send(claims)
    assert addresses(sent.calls) == [number(0), number(2)]
    assert sent.given_back == 1
    assert await world.claim() == []
    await check_invariants(world.store)


async def test_a_call_that_was_let_go_before_goes_on(world: World) -> None:
    batch_id = await world.batch(1)
    await world.live()
    await suppress(world, 0)
    assert (await world.row(batch_id)).state is ScheduledCallState.DIALING
    await check_invariants(world.store)


async def test_entries_beside_claims_and_sends_let_nobody_through(world: World) -> None:
    """What was on the list before SENDING began is never SENDING, whoever was faster."""
    await world.batch(new_rows(60))
    listed: set[str] = set()
    sent: list[str] = []

    async def list_them() -> None:
        for first in range(0, 60, 4):
            await suppress(world, *range(first, first + 2))
            listed.update(number(n) for n in range(first, first + 2))

    async def dial() -> None:
        for _ in range(60):
            calls = await world.claim(3)
            before = set(listed)
            let_go = addresses((await world.send(calls)).calls)
            assert not before & set(let_go)
            sent.extend(let_go)

    await asyncio.gather(list_them(), dial(), dial())
    assert len(sent) == len(set(sent))
    await check_invariants(world.store)


async def test_a_list_without_entries_costs_no_statement(world: World) -> None:
    await world.batch(4)
    claims, claiming = await said_by(world.store, lambda tx: claim(tx, 2, ParsedAgents()))
    _, sending = await said_by(world.store, lambda tx: mark_sending(tx, claims.calls))
    assert claiming
    assert sending
    assert not [sql for sql in (*claiming, *sending) if "FROM suppressions" in sql]
    await suppress(world, 9)
    claims, claiming = await said_by(world.store, lambda tx: claim(tx, 2, ParsedAgents()))
    _, sending = await said_by(world.store, lambda tx: mark_sending(tx, claims.calls))
    assert [len([s for s in said if "FROM suppressions" in s]) for said in (claiming, sending)] == [
        1,
        1,
    ]
