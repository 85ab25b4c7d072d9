"""A database that is brought back as it was before the last calls: the carrier says to whom they
were. Its own record is the judge of who was called."""

from collections import Counter
from pathlib import Path

from outdial.v1.batch_pb2 import Batch
from outdial.v1.carrier_credentials_pb2 import PlivoCredentials
from outdial.v1.scheduled_call_pb2 import SCHEDULED_CALL_STATE_SKIPPED, ScheduledCall
from tests.integration.api.conftest import watch_to_the_end
from tests.integration.carriers.outdial import (
    CALLER_ID,
    KEY,
    QUICK,
    Outdial,
    far_end,
    outdial,
)

from outdial_server.carriers.simulated.profile import with_settings
from support.far_carrier import FarCarrier
from support.far_plivo import AUTH_ID, TOKEN, PlivoFace
from support.file_copies import put_in_place

OTHERS = ("answered_machine", "busy", "no_answer", "rejected", "failed", "invalid_number")
TALKING = with_settings(QUICK, [*(f"{name}=0" for name in OTHERS), "talk_ms=3600000"])
PEOPLE, CAP = 4, 2


async def draft(server: Outdial, url: str) -> str:
    await server.add_config(
        PlivoCredentials(auth_id=AUTH_ID, auth_token=TOKEN, base_url=url), "plivo"
    )
    batch = Batch(
        agent_id=await server.add_agent(),
        display_name="list",
        carrier_config="main",
        caller_id=CALLER_ID,
        max_concurrent_calls=CAP,
    )
    people = [ScheduledCall(address=f"+1555123{n:04d}") for n in range(PEOPLE)]
    made = await server("CreateBatch", batch=batch, scheduled_calls=people, draft=True)
    batch_id: str = made.batch.batch_id
    return batch_id


async def until_so_many_talk(server: Outdial, far: FarCarrier, batch_id: str, calls: int) -> None:
    """Of those who did, some may have hung up since. The last of them is told in an event."""

    def talk(_: Batch) -> bool:
        return len(far.calls()) == calls and all(call.answered for call in far.calls())

    await server.when(batch_id, talk)


def hang_up(far: FarCarrier) -> None:
    for call in far.calls():
        far.hang_up(call)


async def test_whoever_was_called_since_the_copy_is_not_called_again(tmp_path: Path) -> None:
    database, copy = tmp_path / "outdial.db", tmp_path / "copy.db"
    async with far_end(PlivoFace(), TALKING) as (far, url):
        async with outdial(tmp_path) as server:
            batch_id = await draft(server, url)
        put_in_place(copy, by=database)
        async with outdial(tmp_path) as server:
            await server("StartBatch", batch_id=batch_id)
            await until_so_many_talk(server, far, batch_id, CAP)
        called = {call.to for call in far.calls()}
        put_in_place(database, by=copy)
        async with outdial(tmp_path) as server:
            await server("StartBatch", batch_id=batch_id)
            await server.when(batch_id, lambda batch: batch.counts.skipped == CAP)
            assert len(far.calls()) == CAP, "nobody is called while those calls go on"
            hang_up(far)
            await until_so_many_talk(server, far, batch_id, PEOPLE)
            hang_up(far)
            await watch_to_the_end(server.channel, KEY, batch_id)
            found = await server("ListScheduledCalls", batch_id=batch_id)
    assert set(Counter(call.to for call in far.calls()).values()) == {1}
    skipped = [row for row in found.scheduled_calls if row.state == SCHEDULED_CALL_STATE_SKIPPED]
    assert {row.address for row in skipped} == called
    assert {row.state_reason for row in skipped} == {"CALLED_BEFORE_FAILOVER"}
