"""Calls with what others' payloads tell of them, as the store reads them."""

from datetime import timedelta

from outdial_server.domain.call import CallState, CallTimes, Disposition
from outdial_server.domain.ids import CallId
from outdial_server.storage.verbs.told_calls import read_told_calls
from support.stores import NO_ID, World, ended, new_row


async def test_a_call_is_told_with_what_stands_beside_it(world: World) -> None:
    row = new_row(
        1,
        metadata={"crmId": "c-1"},
        custom_id="ada",
        annotations_json='{"experimentalSettings":{"a":1}}',
        ring_timeout=timedelta(seconds=25),
    )
    batch_id = await world.batch([row], max_call_duration=timedelta(minutes=9))
    (call,) = await world.live()
    await world.apply(ended(call, Disposition.BUSY))
    read = await world.store.database.read(
        lambda tx: read_told_calls(tx, [call.call_id, CallId(NO_ID)])
    )
    ((call_id, told),) = read.items()
    assert call_id == told.call.call_id == call.call_id
    assert (told.call.batch_id, told.call.state) == (batch_id, CallState.ENDED)
    assert told.call.disposition is Disposition.BUSY
    assert told.agent_name == "Ada"
    assert told.times == CallTimes(timedelta(seconds=25), timedelta(minutes=9))
    assert (told.metadata, told.custom_id) == ({"crmId": "c-1"}, "ada")
    assert told.annotations_json == '{"experimentalSettings":{"a":1}}'
    assert told.call.texts is not None


async def test_of_a_direct_call_nothing_is_told_that_stands_behind_it(world: World) -> None:
    call = (await world.direct(new_row(1, metadata={"crmId": "c-2"}))).call
    read = await world.store.database.read(lambda tx: read_told_calls(tx, [call.call_id]))
    told = read[call.call_id]
    assert (told.call.batch_id, told.call.scheduled_call_id) == (None, None)
    assert told.metadata == {"crmId": "c-2"}
