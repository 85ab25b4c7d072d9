"""The reserve, whatever happens: batches never have more than the account less its reserve, and
no call of ours is begun where all together have the account's slots."""

from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.call import Disposition
from outdial_server.domain.errors import ExhaustedError
from outdial_server.domain.ids import BatchId
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.storage.encoding import pack_id
from support.invariants import check_invariants
from support.stores import World, ended, settled

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["claim", "direct", "end", "report", "hang_up", "expire"]),
        st.integers(0, 4),
    ),
    max_size=25,
)


class Account:
    """One account, and a count of its own of whose calls live."""

    def __init__(self, world: World, batch_id: BatchId, cap: int, reserve: int) -> None:
        self.world = world
        self.batch_id = batch_id
        self.cap = cap
        self.of_batches_most = cap - reserve
        self.of_batches: list[ClaimedCall] = []
        self.direct_calls: list[ClaimedCall] = []
        self.external: set[str] = set()

    @property
    def used(self) -> int:
        return len(self.of_batches) + len(self.direct_calls) + len(self.external)

    async def claim(self, number: int) -> None:
        room = min(self.cap - self.used, self.of_batches_most - len(self.of_batches))
        calls = await self.world.sending(number + 1)
        assert len(calls) == max(0, min(number + 1, room)), "as many as there is room for"
        self.of_batches += calls

    async def direct(self, _: int) -> None:
        has_room = self.used < self.cap
        try:
            claimed = (await self.world.direct()).claimed
        except ExhaustedError:
            assert not has_room, "refused for want of room, and for nothing else"
        else:
            assert has_room
            assert claimed is not None
            await self.world.send([claimed])
            self.direct_calls.append(claimed)

    async def end(self, number: int) -> None:
        for calls in (self.of_batches, self.direct_calls):
            if number < len(calls):
                await self.world.apply(ended(calls.pop(number), Disposition.BUSY))

    async def report(self, number: int) -> None:
        self.external.add(f"theirs-{number}")
        await self.world.report(f"theirs-{number}", ttl_seconds=5)

    async def hang_up(self, number: int) -> None:
        was_there = f"theirs-{number}" in self.external
        assert await self.world.hang_up(f"theirs-{number}") == was_there
        self.external.discard(f"theirs-{number}")

    async def expire(self, _: int) -> None:
        self.world.advance(seconds=5)
        freed = await self.world.store.dispatch.free_externals(100)
        assert (freed.freed, freed.next_at) == (len(self.external), None)
        self.external.clear()

    async def check(self) -> None:
        of_all, of_batches = await self.world.sql(
            "SELECT s.used, s.external FROM slots s JOIN accounts a ON a.key = s.owner "
            "WHERE s.kind IN (1, 2) AND a.id = :id ORDER BY s.kind",
            id=pack_id(self.world.account_id),
        )
        assert of_all == (self.used, len(self.external))
        assert of_batches == (len(self.of_batches), 0)
        assert len(self.of_batches) <= self.of_batches_most
        assert len(self.of_batches) + len(self.direct_calls) <= self.cap

    async def close(self) -> None:
        """So that the next account dials alone."""
        await self.world.change(self.batch_id, rules.cancel)
        await self.world.settle_all()
        for calls in (self.of_batches, self.direct_calls):
            await self.world.apply(*(ended(call, Disposition.BUSY) for call in calls))
        for external_id in self.external:
            await self.world.hang_up(external_id)
        assert await self.world.used() == (0, 0)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.integers(1, 6), st.integers(0, 6), STEPS)
async def test_the_reserve_is_for_direct_calls_alone(
    world: World, cap: int, reserve: int, steps: Sequence[tuple[str, int]]
) -> None:
    reserve = min(cap, reserve)
    own = await settled(world.store, world.clock, world.ids, cap, reserve)
    account = Account(own, await own.batch(130), cap, reserve)
    for step, number in steps:
        await getattr(account, step)(number)
        await account.check()
    await account.close()
    await check_invariants(world.store)
