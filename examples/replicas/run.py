"""What `make replicas` runs: three servers on one PostgreSQL, killed while they dial.

A client watches a batch over all of them, every event once, while one replica after the other
is killed and started again. Then the carrier's own log of what rang is compared with what the
client was told. Ends with 1 when a promise is broken.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from fleet import API_KEY, Fleet, Program, StartError, running_fleet
from outdial.v1.batch_service_pb2 import WATCH_DELIVERY_EVERY_EVENT
from outdial.v1.event_pb2 import EVENT_TYPE_CALL_ENDED

from outdial_client import Client, NewBatch, NewCall

REPLICAS = 3
CAP = 40


@dataclass
class Story:
    """What the client was told."""

    people: int
    sequences: list[int] = field(default_factory=list)
    first: int = 0
    ended: int = 0
    progress: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def follow(self, client: Client, batch_id: str, follows: asyncio.Event) -> None:
        watch = client.batches.watch(batch_id, delivery=WATCH_DELIVERY_EVERY_EVENT)
        async for message in watch:
            self.sequences += [event.sequence for event in message.events]
            self.ended += sum(e.type == EVENT_TYPE_CALL_ENDED for e in message.events)
            if message.snapshot_complete:
                self.first = message.sequence + 1
                follows.set()
            async with self.progress:
                self.progress.notify_all()

    async def wait_for(self, ended: int) -> None:
        async with self.progress:
            await self.progress.wait_for(lambda: self.ended >= ended)


async def kill_and_start(replica: Program) -> None:
    """The machine is back after a moment, as a process manager would have it."""
    replica.kill()
    replica.start()
    await asyncio.to_thread(replica.wait_until_up)


async def disturb(fleet: Fleet, story: Story, kills: int) -> None:
    """One replica after the other, at equal steps of the list."""
    for kill in range(kills):
        await story.wait_for((kill + 1) * story.people // (kills + 2))
        replica = fleet.replicas[kill % len(fleet.replicas)]
        print(f"{story.ended:5} calls have ended; {replica.name} is killed", flush=True)
        await kill_and_start(replica)
        print(f"{story.ended:5} calls have ended; {replica.name} is there again", flush=True)


async def dial(fleet: Fleet, people: int, kills: int) -> list[str]:
    """Returns the promises that were broken."""
    async with Client(",".join(fleet.addresses), api_key=API_KEY) as client:
        agent = await client.agents.create("Reminder")
        made = await client.batches.create(
            NewBatch(display_name="Reminders", agent_id=agent.agent_id, max_concurrent_calls=CAP),
            [NewCall(address=f"+1555{n:07d}") for n in range(people)],
            draft=True,
        )
        batch_id = made.batch.batch_id
        story, follows = Story(people), asyncio.Event()
        watching = asyncio.create_task(story.follow(client, batch_id, follows))
        await follows.wait()
        await client.batches.start(batch_id)
        disturbing = asyncio.create_task(disturb(fleet, story, kills))
        await asyncio.gather(watching, disturbing)
        batch = await client.batches.get(batch_id)
        account = await client.accounts.get(batch.account_id)
    print(f"{story.ended:5} calls have ended, and the batch with them", flush=True)
    expected = list(range(story.first, batch.sequence + 1))
    counts = batch.counts
    broken = judge(fleet.carrier_log)
    if story.sequences != expected:
        broken.append("the watcher missed an event, or saw one twice")
    if counts.completed + counts.failed != people:
        broken.append("not every person came to an end")
    if account.active_calls:
        broken.append(f"{account.active_calls} slots are still taken")
    return broken


def judge(carrier_log: Path) -> list[str]:
    """By the carrier's own record of what rang."""
    records = [json.loads(line) for line in carrier_log.read_text().splitlines()]
    rung = Counter(record["to"] for record in records if record["event"] == "placed")
    most = max(record["live"] for record in records)
    print(f"\nThe carrier rang {len(rung)} people, at most {most} at once of {CAP} allowed.")
    broken = [f"{address} was rung {n} times" for address, n in rung.items() if n > 1]
    if most > CAP:
        broken.append(f"{most} calls at once, of {CAP}")
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--people", type=int, default=400)
    parser.add_argument("--kills", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(
        prefix="outdial-replicas-", ignore_cleanup_errors=True
    ) as folder:
        print("Starting PostgreSQL, a simulated carrier and three replicas.", flush=True)
        with running_fleet(Path(folder), REPLICAS) as fleet:
            print(f"They are up: OUTDIAL_ADDRESS={','.join(fleet.addresses)}\n", flush=True)
            broken = asyncio.run(dial(fleet, options.people, options.kills))
    for promise in broken:
        print(f"BROKEN: {promise}")
    if not broken:
        print("Nobody was rung twice, nobody was lost, and the watcher saw every event once.")
    return 1 if broken else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StartError as failure:
        sys.exit(f"The example failed: {failure}")
    except KeyboardInterrupt:
        sys.exit(130)
