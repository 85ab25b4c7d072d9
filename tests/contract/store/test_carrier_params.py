"""Parameters of the carrier's own, from a batch and its people to whoever dials."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from outdial_server.domain.batch import Batch
from outdial_server.domain.batch_rules import BatchChange, edit
from outdial_server.domain.carrier_config import CarrierConfigFields, CarrierRates
from outdial_server.domain.carrier_params import Params, ParamsError
from outdial_server.domain.carrier_terms import CarrierTerms
from outdial_server.domain.credentials import CredentialValue, SealedCredentials
from outdial_server.domain.errors import (
    FieldViolation,
    InvalidFieldsError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.ports.batches import Decide
from support.stores import World, new_row, not_sent


def written(params: Params, account: Mapping[str, CredentialValue]) -> Params:
    """Names come out in capitals; one is refused, which the account may name."""
    refused = account.get("refused", "mine")
    if refused in params:
        raise ParamsError([FieldViolation(str(refused), "is ours")])
    return {name.upper(): value for name, value in params.items()}


TERMS = CarrierTerms(write_params={"simulated": written})


def changed(terms: CarrierTerms = TERMS, **settings: Any) -> Decide:
    def decide(batch: Batch, now: datetime) -> BatchChange | None:
        change = edit(batch, replace(batch.settings, **settings), now)
        return None if change is None else replace(change, terms=terms)

    return decide


async def test_a_batch_has_them_as_its_carrier_writes_them(world: World) -> None:
    batch_id = await world.batch(1, carrier_params={"pitch": 3, "tags": ["a"]}, terms=TERMS)
    assert (await world.get(batch_id)).settings.carrier_params == {"PITCH": 3, "TAGS": ["a"]}
    after = await world.change(batch_id, changed(carrier_params={"speed": True}))
    assert after.settings.carrier_params == {"SPEED": True}
    assert (await world.get(batch_id)).settings.carrier_params == {"SPEED": True}
    after = await world.change(batch_id, changed(priority=3))
    assert after.settings.carrier_params == {"SPEED": True}
    after = await world.change(batch_id, changed(carrier_params={}))
    assert after.settings.carrier_params == {}


async def test_what_the_carrier_does_not_take_leaves_nothing(world: World) -> None:
    with pytest.raises(InvalidFieldsError) as refusal:
        await world.batch(1, carrier_params={"mine": 1}, terms=TERMS)
    assert [one.field for one in refusal.value.violations] == ["batch.carrier_params.mine"]
    assert await world.sql("SELECT key FROM batches") == []
    batch_id = await world.batch(1, carrier_params={"pitch": 3}, terms=TERMS)
    with pytest.raises(InvalidFieldsError):
        await world.change(batch_id, changed(carrier_params={"mine": 1}))
    assert (await world.get(batch_id)).settings.carrier_params == {"PITCH": 3}


async def test_whoever_dials_is_told_the_person_s_before_the_batch_s(world: World) -> None:
    people = [new_row(0), new_row(1, carrier_params={"pitch": 9, "speed": "x"})]
    await world.batch(people, carrier_params={"pitch": 3})
    plain, own = await world.claim()
    assert plain.carrier_params == {"pitch": 3}
    assert own.carrier_params == {"pitch": 9, "speed": "x"}
    await world.send([plain, own])
    await world.apply(not_sent(own))
    world.advance(minutes=5)
    (again,) = await world.claim()
    assert again.carrier_params == own.carrier_params, "of a call that is claimed once more, too"


async def test_a_call_is_made_with_what_the_batch_says_by_then(world: World) -> None:
    batch_id = await world.batch(2, carrier_params={"pitch": 3})
    (first,) = await world.claim(1)
    await world.edit(batch_id, carrier_params={})
    (second,) = await world.claim(1)
    assert (first.carrier_params, second.carrier_params) == ({"pitch": 3}, {})


async def test_a_direct_call_has_its_own(world: World) -> None:
    new = world.new_direct_call(new_row(1, carrier_params={"pitch": 3}))
    new = replace(new, batch=replace(new.batch, terms=TERMS))
    made = await world.store.direct_calls.create_direct_call(new, None)
    assert made.claimed is not None
    assert made.claimed.carrier_params == {"PITCH": 3}
    assert made.call.direct is not None
    assert made.call.direct.carrier_params == {"PITCH": 3}
    wrong = world.new_direct_call(new_row(2, carrier_params={"mine": 3}))
    wrong = replace(wrong, batch=replace(wrong.batch, terms=TERMS))
    with pytest.raises(InvalidFieldsError) as refusal:
        await world.store.direct_calls.create_direct_call(wrong, None)
    assert [one.field for one in refusal.value.violations] == ["carrier_params.mine"]


async def add_config(world: World, name: str, credentials: SealedCredentials | None) -> None:
    await world.store.carrier_configs.create_carrier_config(
        world.account_id,
        CarrierConfigId(world.ids.new_id()),
        "simulated",
        CarrierConfigFields(name, credentials=credentials),
        CarrierRates({}),
    )


async def test_what_is_taken_is_asked_of_the_account_that_dials(world: World) -> None:
    await add_config(world, "one", SealedCredentials({"refused": "pitch"}, "sealed"))
    await add_config(world, "two", SealedCredentials({"refused": "SPEED"}, "sealed"))
    with pytest.raises(InvalidFieldsError):
        await world.batch(1, carrier_config="one", carrier_params={"pitch": 1}, terms=TERMS)
    params = {"speed": 1, "mine": 2}
    batch_id = await world.batch(1, carrier_config="one", carrier_params=params, terms=TERMS)
    with pytest.raises(InvalidFieldsError) as refusal:
        await world.change(batch_id, changed(carrier_config="two"))
    assert [one.field for one in refusal.value.violations] == ["batch.carrier_params.SPEED"]
    async with world.store.intake.append(world.account_id, batch_id, None) as staging:
        assert staging.through == ("simulated", {"refused": "pitch"})


async def test_a_batch_does_not_change_to_an_account_that_could_not_dial_it(world: World) -> None:
    await add_config(world, "ready", SealedCredentials({}, "sealed"))
    await add_config(world, "empty", None)
    terms = CarrierTerms(need_config=frozenset({"simulated"}))
    batch_id = await world.batch(1, carrier_config="ready", terms=terms)
    for without in ("empty", ""):
        with pytest.raises(PreconditionError) as refusal:
            await world.change(batch_id, changed(terms, carrier_config=without))
        assert refusal.value.reason is Reason.CARRIER_NOT_CONFIGURED
    assert (await world.change(batch_id, changed(terms, priority=4))).settings.priority == 4
