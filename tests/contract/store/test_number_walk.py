"""Random operations on batches that call from numbers: what holds of the store always, holds,
no number has more calls than it may, and what is explained comes true."""

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from outdial_server.domain.batch_policies import RetryCallerId
from outdial_server.domain.carrier_config import CarrierConfigFields, CarrierRates
from outdial_server.domain.errors import AlreadyExistsError, OutdialError
from outdial_server.domain.ids import CarrierConfigId, PhoneNumberId
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.phone_number import PhoneNumberFields
from outdial_server.domain.rotation import Rotation
from support.stores import NO_ID, World, new_row
from support.walk import STEPS, Walk
from support.walk_weights import EXPLAINED_WEIGHTS, OPERATORS, WEIGHTS

ADDRESSES = ("+15550001111", "+15550002222", "+15550003333")
STRANGE = "+15550009999"
CONFIGS = {"few": "simulated", "slow": "simulated", "abroad": "elsewhere"}
LIMITS: dict[str, tuple[int | None, float | None]] = {
    "few": (2, None),
    "slow": (None, 1),
    "abroad": (None, None),
}

OF_NUMBERS = {
    "change_number": 8,
    "cap_number": 5,
    "bind": 6,
    "edit_numbers": 5,
    "delete_number": 2,
}


class NumberWalk(Walk):
    """Three numbers, of which any may be bound, listed, shown by name, full or out of use."""

    operators = OPERATORS | set(OF_NUMBERS)
    numbers: dict[str, PhoneNumberId]
    # By name.
    configs: dict[str, CarrierConfigId]
    # Rotations whose next choice is known beforehand, where explanations are held to it.
    rotations = tuple(Rotation)

    async def run(self, steps: int) -> None:
        self.numbers, self.configs = {}, {}
        for name, carrier in CONFIGS.items():
            await self.make_config(name, carrier)
        for address in ADDRESSES:
            await self.make_number(address)
        await super().run(steps)

    async def make_number(self, address: str) -> None:
        """Unless a walk before has left it."""
        store = self.world.store.phone_numbers
        listed = await store.list_phone_numbers(self.world.account_id, PageRequest(), address)
        if not listed.items:
            number_id = PhoneNumberId(self.world.ids.new_id())
            await store.create_phone_number(
                self.world.account_id, number_id, address, PhoneNumberFields()
            )
        listed = await store.list_phone_numbers(self.world.account_id, PageRequest(), address)
        self.numbers[address] = listed.items[0].phone_number_id

    async def make_config(self, name: str, carrier: str) -> None:
        """Unless a walk before has left it."""
        store = self.world.store.carrier_configs
        with suppress(AlreadyExistsError):
            await store.create_carrier_config(
                self.world.account_id,
                CarrierConfigId(self.world.ids.new_id()),
                carrier,
                CarrierConfigFields(name, *LIMITS[name]),
                CarrierRates({}),
            )
        listed = await store.list_carrier_configs(self.world.account_id, PageRequest(), name)
        self.configs[name] = listed.items[0].carrier_config_id

    def some_number(self) -> PhoneNumberId:
        known = list(self.numbers.values())
        return self.random.choice([*known, *known, PhoneNumberId(NO_ID)])

    def some_numbers(self) -> dict[str, Any]:
        listed = self.random.sample(ADDRESSES, self.random.choice([0, 0, 1, 2, 3]))
        return {
            "phone_numbers": tuple(listed),
            "rotation": self.random.choice(self.rotations),
            "caller_id": self.random.choice(["", "", "", "", STRANGE, ADDRESSES[0]]),
            "retry_caller_id": self.random.choice(list(RetryCallerId)),
        }

    async def create(self) -> None:
        stored = None
        # Most batches go one way.
        named = ["", *self.configs.values()] if self.chance(40) else [""]
        with suppress(OutdialError):
            stored = await self.world.create(
                carrier_config=self.random.choice(["", "", "", "few"]),
                rows=[
                    new_row(
                        n,
                        priority=self.random.randint(0, 1),
                        caller_id=self.random.choice(["", "", "", STRANGE, *ADDRESSES]),
                        time_zone=self.draws.zone(),
                        carrier_config=self.random.choice(named),
                    )
                    for n in range(self.random.randint(1, 6))
                ],
                draft=self.chance(10),
                agent_id=self.random.choice(self.agents),
                max_concurrent_calls=self.draws.cap(),
                retry_policy=self.draws.policy(),
                **self.some_numbers(),
                **self.draws.schedule(),
            )
        if stored is None:
            # No number was of use: a mere text is.
            stored = await self.world.create(2, caller_id=STRANGE)
        self.batches.append(stored.batch.batch_id)
        self.judge.note_budget(stored.batch.batch_id, stored.batch.settings.retry_policy)

    async def edit_numbers(self) -> None:
        with suppress(OutdialError):
            await self.world.edit(self.some_batch(), **self.some_numbers())

    async def change_number(self) -> None:
        active = self.chance(70)
        config = self.random.choice(["", "", *CONFIGS])
        await self._change(
            lambda present: PhoneNumberFields(
                active=active,
                max_concurrent_calls=present.fields.max_concurrent_calls,
                carrier_config=config,
            )
        )

    async def cap_number(self) -> None:
        cap = self.draws.cap()
        await self._change(lambda present: replace(present.fields, max_concurrent_calls=cap))

    async def _change(self, decide: Any) -> None:
        with suppress(OutdialError):
            await self.world.store.phone_numbers.change_phone_number(
                self.world.account_id, self.some_number(), decide
            )

    async def bind(self) -> None:
        store, number_id = self.world.store.phone_numbers, self.some_number()
        with suppress(OutdialError):
            await store.unbind_phone_number(self.world.account_id, number_id)
            if self.chance(60):
                place = self.random.choice([None, 0, 1])
                agent_id = self.random.choice(self.agents)
                await store.bind_phone_number(self.world.account_id, number_id, agent_id, place)

    async def delete_number(self) -> None:
        address = self.random.choice(list(self.numbers))
        with suppress(OutdialError):
            await self.world.store.phone_numbers.delete_phone_number(
                self.world.account_id, self.numbers[address]
            )
        await self.make_number(address)

    async def drain(self) -> None:
        for number_id in self.numbers.values():
            await self.world.store.phone_numbers.change_phone_number(
                self.world.account_id, number_id, lambda present: PhoneNumberFields()
            )
        await super().drain()
        for table in ("held_rows", "rotations"):
            assert await self.world.sql(f"SELECT COUNT(*) FROM {table}") == [(0,)], table
        busy = await self.world.sql("SELECT owner FROM slots WHERE kind IN (5, 6) AND used <> 0")
        assert busy == [], "no call is left"


class ExplainedWalk(NumberWalk):
    """With rotations whose next choice is known beforehand."""

    rotations = (Rotation.SEQUENTIAL, Rotation.ROUND_ROBIN)


@pytest.mark.parametrize("seed", range(200, 204))
async def test_whatever_happens_no_number_has_more_calls_than_it_may(
    world: World, seed: int
) -> None:
    walk = NumberWalk(world, seed, WEIGHTS | OF_NUMBERS)
    await walk.run(STEPS)
    await walk.drain()


@pytest.mark.timeout(300)
async def test_what_is_explained_of_numbers_comes_true(world: World) -> None:
    weights = EXPLAINED_WEIGHTS | dict.fromkeys(OF_NUMBERS, 3)
    walks = []
    for seed in range(300, 302):
        walk = ExplainedWalk(world, seed, weights)
        await walk.run(STEPS)
        await walk.drain()
        walks.append(walk)
    assert sum(walk.explained.claims_foreseen for walk in walks) > 0
    assert sum(walk.explained.moments_kept for walk in walks) > 0
