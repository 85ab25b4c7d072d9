"""Phone numbers of an account, and which of them calls show."""

from collections.abc import Sequence
from typing import Any

from outdial_server.domain.explanation import batch_answers, row_answers, row_verdict
from outdial_server.domain.gates import GateAnswer
from outdial_server.domain.ids import AgentId, BatchId, PhoneNumberId
from outdial_server.domain.phone_number import PhoneNumber, PhoneNumberFields
from outdial_server.domain.rotation import Rotation
from outdial_server.ports.dispatch import ClaimedCall
from support.stores import World

FRONT, BACK, SIDE, FREE = "+15550001111", "+15550002222", "+15550003333", "+15550009999"
SEQUENTIAL, ROUND_ROBIN = Rotation.SEQUENTIAL, Rotation.ROUND_ROBIN


async def new_number(world: World, address: str = FRONT, **values: Any) -> PhoneNumber:
    return await world.store.phone_numbers.create_phone_number(
        world.account_id, PhoneNumberId(world.ids.new_id()), address, PhoneNumberFields(**values)
    )


async def change_number(world: World, number: PhoneNumber, **values: Any) -> None:
    fields = PhoneNumberFields(**values)
    await world.store.phone_numbers.change_phone_number(
        world.account_id, number.phone_number_id, lambda present: fields
    )


async def bind_numbers(
    world: World, *numbers: PhoneNumber, agent_id: AgentId | None = None
) -> None:
    for number in numbers:
        await world.store.phone_numbers.bind_phone_number(
            world.account_id, number.phone_number_id, agent_id or world.agent_id
        )


async def three_numbers(world: World, **values: Any) -> list[PhoneNumber]:
    return [await new_number(world, address, **values) for address in (FRONT, BACK, SIDE)]


async def active_calls(world: World, number: PhoneNumber) -> int:
    found = await world.store.phone_numbers.get_phone_number(
        world.account_id, number.phone_number_id
    )
    return found.active_calls


async def everybody(world: World) -> list[ClaimedCall]:
    """All whom claims take one after another."""
    calls: list[ClaimedCall] = []
    while (found := await world.store.dispatch.claim(100)).calls or found.more:
        calls += found.calls
    await world.send(calls)
    return calls


def shown(calls: Sequence[ClaimedCall]) -> list[str]:
    return [call.caller_id for call in calls]


async def scope_answer(world: World, batch_id: BatchId, gate: str) -> GateAnswer:
    standing = await world.store.standings.batch_standing(world.account_id, batch_id)
    (found,) = [a.answer for a in batch_answers(standing) if a.answer.gate == gate]
    return found


async def row_answer(world: World, batch_id: BatchId, position: int) -> GateAnswer:
    row = await world.row(batch_id, position)
    standings = world.store.standings
    standing = await standings.row_standing(world.account_id, row.scheduled_call_id)
    assert standing.candidate is not None
    answers = row_answers(standing, standing.candidate)
    (found,) = [a.answer for a in answers if a.answer.gate == "caller_id"]
    assert row_verdict(standing, standing.candidate, answers).next_at in (None, found.next_at)
    return found
