"""Who is called: three lists at once, under caps of every kind."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import count, islice
from typing import Final

from outdial_client import Client, NewAgent, NewBatch, NewCall

ACCOUNT_CAP: Final = 90
_AGENT_CAP: Final = 60
_FIRST_CAP: Final = 50
_CONFIG_CAP: Final = 20
_THIRD_CAP: Final = 40


@dataclass(frozen=True, slots=True)
class CalledList:
    batch_id: str
    # Nobody is on two lists.
    people: tuple[str, ...]
    # By the name of what is limited; what has the same name is limited together.
    caps: Mapping[str, int]


async def make_lists(client: Client, calls: int) -> list[CalledList]:
    """Drafts of a half, a quarter and a quarter of the calls."""
    account = await client.accounts.get()
    account.max_concurrent_calls = ACCOUNT_CAP
    await client.accounts.update(account, ["max_concurrent_calls"])
    reminder = await client.agents.create(
        NewAgent(display_name="Reminder", max_concurrent_calls=_AGENT_CAP)
    )
    survey = await client.agents.create("Survey")
    await client.carrier_configs.create("main", "simulated", max_concurrent_calls=_CONFIG_CAP)
    quarter = calls // 4
    numbers = (f"+1555{number:07d}" for number in count())
    of_all, of_reminder = {"account": ACCOUNT_CAP}, {"agent": _AGENT_CAP}
    planned = [
        (
            NewBatch(
                display_name="First",
                agent_id=reminder.agent_id,
                max_concurrent_calls=_FIRST_CAP,
            ),
            calls - 2 * quarter,
            {**of_all, **of_reminder, "first batch": _FIRST_CAP},
        ),
        (
            NewBatch(display_name="Second", agent_id=reminder.agent_id, carrier_config="main"),
            quarter,
            {**of_all, **of_reminder, "carrier config": _CONFIG_CAP},
        ),
        (
            NewBatch(
                display_name="Third", agent_id=survey.agent_id, max_concurrent_calls=_THIRD_CAP
            ),
            quarter,
            {**of_all, "third batch": _THIRD_CAP},
        ),
    ]
    return [
        await _make(client, batch, tuple(islice(numbers, people)), caps)
        for batch, people, caps in planned
    ]


async def _make(
    client: Client, batch: NewBatch, people: tuple[str, ...], caps: Mapping[str, int]
) -> CalledList:
    calls = [NewCall(address=number) for number in people]
    created = await client.batches.create(batch, calls, draft=True)
    return CalledList(created.batch.batch_id, people, caps)
