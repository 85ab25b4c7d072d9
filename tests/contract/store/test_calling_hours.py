"""Calling hours, on both databases: who may be called now, and when the others may."""

from datetime import UTC, datetime, timedelta

import pytest

from outdial_server.domain.calling_hours import EVERY_DAY, CallingHours
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.time_zones import TimeZoneSource, ZoneRule
from outdial_server.storage.verbs.due_rows import PUT_OFF_MOST
from support.clock import START
from support.stores import World, addresses, bring_in, new_row, new_rows, not_sent, number

# START is a Monday, 09:00 UTC: 10:00 in Vienna, 04:00 in New York, 18:00 in Tokyo.
OFFICE = CallingHours(EVERY_DAY, 9 * 60, 17 * 60 + 30)
VIENNA, NEW_YORK, TOKYO = "Europe/Vienna", "America/New_York", "Asia/Tokyo"


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


async def test_inside_the_hours_everybody_is_called(world: World) -> None:
    await world.batch(2, calling_hours=OFFICE, time_zone=VIENNA)
    assert len(await world.sending()) == 2


async def test_outside_the_hours_nobody_is_and_no_row_is_touched(world: World) -> None:
    batch_id = await world.batch(3, calling_hours=OFFICE, time_zone=NEW_YORK)
    claims = await world.store.dispatch.claim(10)
    assert claims.calls == ()
    assert not claims.more
    assert claims.next_due_at == at("2026-03-02 14:00")
    assert {row.due_at for row in await world.rows(batch_id)} == {START}
    world.clock.move_to(at("2026-03-02 14:00"))
    assert len(await world.sending()) == 3


async def test_each_person_is_called_by_their_own_zone(world: World) -> None:
    rows = [
        new_row(0, time_zone=NEW_YORK),
        new_row(1, time_zone=VIENNA),
        new_row(2, time_zone=TOKYO),
        new_row(3),
    ]
    batch_id = await world.batch(rows, calling_hours=OFFICE, time_zone=VIENNA)
    claims = await world.store.dispatch.claim(10)
    assert addresses(claims.calls) == [number(1), number(3)]
    assert claims.next_due_at == at("2026-03-02 14:00")
    due = [row.due_at for row in await world.rows(batch_id)]
    assert due[0] == at("2026-03-02 14:00")
    assert due[2] == at("2026-03-03 00:00")
    world.clock.move_to(at("2026-03-02 14:00"))
    assert addresses(await world.sending()) == [number(0)]


async def test_whoever_is_blocked_takes_no_place_of_those_behind(world: World) -> None:
    rows = [*new_rows(5, time_zone=TOKYO), new_row(9, time_zone=VIENNA)]
    await world.batch(rows, calling_hours=OFFICE, time_zone=VIENNA, max_concurrent_calls=1)
    assert addresses(await world.sending()) == [number(9)]


async def test_a_long_list_of_blocked_people_is_put_off_in_groups(world: World) -> None:
    blocked = new_rows(PUT_OFF_MOST + 20, time_zone=TOKYO)
    batch_id = await world.batch([*blocked, new_row(9_000, time_zone=VIENNA)], calling_hours=OFFICE)
    first = await world.store.dispatch.claim(3)
    assert first.calls == ()
    assert first.more
    second = await world.store.dispatch.claim(3)
    assert addresses(second.calls) == [number(9_000)]
    assert not second.more
    assert second.next_due_at == at("2026-03-03 00:00")
    waiting = [row.due_at for row in (await world.rows(batch_id))[:-1]]
    assert set(waiting) == {at("2026-03-03 00:00")}


async def test_zones_are_shown_with_what_told_them(world: World) -> None:
    rows = [
        new_row(0, time_zone=TOKYO, number_zone=NEW_YORK),
        new_row(1, number_zone=NEW_YORK),
        new_row(2),
    ]
    batch_id = await world.batch(rows, time_zone=VIENNA, zone_rule=ZoneRule.RECIPIENT_ZONE)
    shown = [(r.effective_time_zone, r.time_zone_source) for r in await world.rows(batch_id)]
    assert shown == [
        (TOKYO, TimeZoneSource.GIVEN),
        (NEW_YORK, TimeZoneSource.NUMBER),
        (VIENNA, TimeZoneSource.BATCH),
    ]


async def test_a_batch_that_goes_by_numbers_asks_each(world: World) -> None:
    rows = [new_row(0, number_zone=NEW_YORK), new_row(1)]
    await world.batch(
        rows, calling_hours=OFFICE, time_zone=VIENNA, zone_rule=ZoneRule.RECIPIENT_ZONE
    )
    assert addresses(await world.sending()) == [number(1)]


async def test_people_with_a_zone_who_are_added_later_are_asked_too(world: World) -> None:
    batch_id = await world.batch(1, calling_hours=OFFICE, time_zone=VIENNA)
    await world.add(batch_id, [new_row(7, time_zone=TOKYO)])
    assert addresses(await world.sending()) == [number(0)]


async def test_a_claim_that_comes_to_the_write_after_hours_is_given_back(world: World) -> None:
    world.clock.move_to(at("2026-03-02 16:29"))
    batch_id = await world.batch(1, calling_hours=OFFICE, time_zone=VIENNA)
    calls = await world.claim()
    world.clock.move_to(at("2026-03-02 16:30"))
    sent = await world.send(calls)
    assert (sent.calls, sent.given_back) == ((), 1)
    assert await world.used() == (0, 0)
    assert await world.claim() == []
    world.clock.move_to(at("2026-03-03 08:00"))
    assert len(await world.sending()) == 1
    assert (await world.row(batch_id)).attempt_count == 1


async def test_a_claim_is_given_back_when_the_batch_was_changed_before_the_write(
    world: World,
) -> None:
    batch_id = await world.batch(2, calling_hours=OFFICE, time_zone=VIENNA)
    calls = await world.claim()
    await world.edit(batch_id, time_zone=NEW_YORK)
    sent = await world.send(calls)
    assert (sent.calls, sent.given_back) == ((), 2)
    assert await world.claim() == []
    world.clock.move_to(at("2026-03-02 14:00"))
    assert len(await world.sending()) == 2


async def test_of_claims_from_before_and_after_a_change_only_the_later_go(world: World) -> None:
    batch_id = await world.batch(2)
    (before,) = await world.claim(1)
    await world.edit(batch_id, caller_id="+15550009999")
    (behind,) = await world.claim(1)
    sent = await world.send([before, behind])
    assert list(sent.calls) == [behind]
    assert sent.given_back == 1
    (again,) = await world.sending()
    assert again.caller_id == "+15550009999"


async def test_a_retry_that_falls_outside_the_hours_waits_for_them(world: World) -> None:
    world.clock.move_to(at("2026-03-02 16:29"))
    batch_id = await world.batch(
        [new_row(0, time_zone=VIENNA)], calling_hours=OFFICE, time_zone=VIENNA
    )
    (call,) = await world.sending()
    await world.apply(not_sent(call, timedelta(minutes=5)))
    world.clock.move_to(at("2026-03-02 16:40"))
    assert await world.claim() == []
    row = await world.row(batch_id)
    assert row.state is ScheduledCallState.WAITING
    assert row.due_at == at("2026-03-03 08:00")


async def test_hours_and_zones_are_kept(world: World) -> None:
    hours = CallingHours(frozenset({1, 7}), 22 * 60, 6 * 60)
    batch_id = await world.batch(
        1, calling_hours=hours, time_zone=TOKYO, zone_rule=ZoneRule.RECIPIENT_ZONE
    )
    batch = await world.get(batch_id)
    assert (batch.settings.calling_hours, batch.settings.time_zone) == (hours, TOKYO)
    assert batch.zone_rule is ZoneRule.RECIPIENT_ZONE
    assert (await world.edit(batch_id, calling_hours=None)).settings.calling_hours is None


@pytest.mark.parametrize(("ends_in_hours", "never"), [(4, True), (6, False)])
async def test_hours_that_never_open_are_told(
    world: World, ends_in_hours: int, never: bool
) -> None:
    # New York's office opens in five hours.
    batch_id = await world.batch(
        1,
        calling_hours=OFFICE,
        time_zone=NEW_YORK,
        window_end=START + timedelta(hours=ends_in_hours),
    )
    assert (await world.get(batch_id)).hours_never_open is never


async def test_people_none_of_whom_can_be_called_in_the_window_are_told(world: World) -> None:
    stored = await world.create(
        [new_row(n, time_zone=TOKYO) for n in range(3)],
        calling_hours=OFFICE,
        time_zone=VIENNA,
        window_end=START + timedelta(hours=4),
        zone_rule=ZoneRule.RECIPIENT_ZONE,
    )
    batch_id = stored.batch.batch_id
    assert stored.batch.schedule_warning == NOBODY
    assert (await world.get(batch_id)).schedule_warning == NOBODY
    # Nor can this one; and what has nothing to do with the schedule does not hide it.
    more = await world.add(batch_id, [new_row(10, number_zone=NEW_YORK)])
    assert more.batch.schedule_warning == NOBODY
    assert (await world.edit(batch_id, display_name="Late")).schedule_warning == NOBODY
    # This one has no zone but the batch's.
    one = await world.add(batch_id, [new_row(11)])
    assert one.batch.schedule_warning == ""
    late = await world.add(batch_id, [new_row(12, time_zone=TOKYO)])
    assert late.batch.schedule_warning == "", "somebody of the batch can be called"


async def test_a_longer_window_or_other_people_end_that_warning(world: World) -> None:
    window_end = START + timedelta(hours=4)
    late = [new_row(n, time_zone=TOKYO) for n in range(3)]
    batch_id = await world.batch(late, calling_hours=OFFICE, window_end=window_end)
    assert (await world.get(batch_id)).schedule_warning == NOBODY
    longer = await world.edit(batch_id, window_end=START + timedelta(days=1))
    assert longer.schedule_warning == ""
    soon = [new_row(20, time_zone=VIENNA)]
    batch_id = await world.batch(soon, calling_hours=OFFICE, window_end=window_end)
    assert (await world.get(batch_id)).schedule_warning == ""
    replaced = await world.add(batch_id, late, replaces=True)
    assert replaced.batch.schedule_warning == NOBODY
    back = await world.add(batch_id, [new_row(30, time_zone=VIENNA)], replaces=True)
    assert back.batch.schedule_warning == ""


async def test_a_rehearsal_tells_of_people_none_of_whom_can_be_called(world: World) -> None:
    new = world.new_batch(calling_hours=OFFICE, window_end=START + timedelta(hours=4))
    async with world.store.intake.rehearse_batch(new) as staging:
        told = await bring_in(staging, [new_row(0, time_zone=TOKYO)], None)
    assert told.batch.schedule_warning == NOBODY


NOBODY = "HOURS_OPEN_FOR_NOBODY"


async def test_new_hours_are_asked_for_whoever_the_old_ones_have_put_off(world: World) -> None:
    rows = [new_row(n, time_zone=TOKYO if n % 2 else VIENNA) for n in range(8)]
    batch_id = await world.batch(rows, calling_hours=OFFICE, time_zone=VIENNA)
    assert len(await world.sending()) == 4
    put_off = await world.row(batch_id, 1)
    assert put_off.due_at == at("2026-03-03 00:00")
    # In Tokyo it is 18:00.
    await world.edit(batch_id, calling_hours=CallingHours(EVERY_DAY, 9 * 60, 20 * 60))
    await world.settle_all(3)
    assert addresses(await world.sending()) == [number(n) for n in (1, 3, 5, 7)]


async def test_narrower_hours_put_off_whoever_is_brought_back(world: World) -> None:
    batch_id = await world.batch(new_rows(5, time_zone=TOKYO), calling_hours=OFFICE)
    assert await world.claim() == []
    await world.edit(batch_id, calling_hours=CallingHours(EVERY_DAY, 11 * 60, 12 * 60))
    await world.settle_all()
    assert await world.claim() == []
    assert {row.due_at for row in await world.rows(batch_id)} == {at("2026-03-03 02:00")}


async def test_rules_that_stay_bring_nobody_back(world: World) -> None:
    batch_id = await world.batch(new_rows(5, time_zone=TOKYO), calling_hours=OFFICE)
    assert await world.claim() == []
    await world.edit(batch_id, max_concurrent_calls=3)
    assert not await world.store.dispatch.settle(100)


async def test_a_retry_that_waits_is_not_brought_back_before_its_moment(world: World) -> None:
    batch_id = await world.batch(
        [new_row(0, time_zone=VIENNA)], calling_hours=OFFICE, time_zone=VIENNA
    )
    (call,) = await world.sending()
    await world.apply(not_sent(call, timedelta(minutes=5)))
    await world.edit(batch_id, calling_hours=None)
    await world.settle_all()
    assert await world.claim() == []
    world.advance(minutes=5)
    assert len(await world.sending()) == 1


async def test_a_change_while_people_are_brought_back_begins_anew(world: World) -> None:
    batch_id = await world.batch(new_rows(6, time_zone=TOKYO), calling_hours=OFFICE)
    assert await world.claim() == []
    await world.edit(batch_id, calling_hours=CallingHours(EVERY_DAY, 11 * 60, 12 * 60))
    assert await world.store.dispatch.settle(4)
    assert await world.claim() == []
    await world.edit(batch_id, calling_hours=None)
    await world.settle_all(4)
    assert len(await world.sending()) == 6
