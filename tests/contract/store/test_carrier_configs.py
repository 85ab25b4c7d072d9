"""Carrier configs: as resources, and as batches name them and are dialled through them."""

from dataclasses import replace
from typing import Any

import pytest

from outdial_server.domain.carrier_config import CarrierConfigFields, ConfigRef
from outdial_server.domain.carrier_terms import CarrierTerms
from outdial_server.domain.credentials import SealedCredentials
from outdial_server.domain.errors import (
    AlreadyExistsError,
    NotFoundError,
    PreconditionError,
    Reason,
)
from outdial_server.domain.ids import BatchId, CarrierConfigId
from outdial_server.ports.carrier_configs import StoredCredentials
from support.carrier_configs import NO_DEFAULTS, change_config, make_config, read_config
from support.invariants import check_invariants
from support.stores import NO_ID, World, accepted, all_pages, ended

# --- as resources


async def test_credentials_are_kept_as_they_were_sealed_and_erased_in_the_end(
    world: World,
) -> None:
    store = world.store.carrier_configs
    credentials = SealedCredentials({"sid": "AC0", "detect": True, "token_hint": "abcd"}, "1.k.xyz")
    made = await store.create_carrier_config(
        world.account_id,
        CarrierConfigId(world.ids.new_id()),
        "twilio",
        CarrierConfigFields("main", credentials=credentials),
        NO_DEFAULTS,
    )
    assert made.fields.credentials == credentials
    assert await read_config(world, made) == made
    another = SealedCredentials({"sid": "AC1"}, "1.k.other")
    for wanted in (another, None, another):
        changed = await store.change_carrier_config(
            world.account_id,
            made.carrier_config_id,
            lambda config, wanted=wanted: replace(config.fields, credentials=wanted),
            NO_DEFAULTS,
        )
        assert changed.fields.credentials == wanted
        assert await read_config(world, made) == changed
    stored = await store.stored_credentials(made.carrier_config_id)
    assert stored == StoredCredentials("twilio", another.sealed, 4)
    await store.delete_carrier_config(world.account_id, made.carrier_config_id)
    # A revision later: who has them open learns of it.
    stored = await store.stored_credentials(made.carrier_config_id)
    assert stored == StoredCredentials("twilio", None, 5)
    assert await store.stored_credentials(CarrierConfigId(NO_ID)) is None
    assert await store.stored_credentials(CarrierConfigId("none")) is None
    kept = await world.sql("SELECT credentials_json, credentials_sealed FROM carrier_configs")
    assert [tuple(row) for row in kept] == [("", None)]


async def test_a_carrier_config_is_read_as_it_was_made(world: World) -> None:
    store = world.store.carrier_configs
    fields = CarrierConfigFields("Süd", 20, 2.5, {"team": "a"})
    made = await store.create_carrier_config(
        world.account_id, CarrierConfigId(world.ids.new_id()), "simulated", fields, NO_DEFAULTS
    )
    assert (made.fields, made.carrier, made.active_calls) == (fields, "simulated", 0)
    assert await read_config(world, made) == made
    listed, _ = await all_pages(lambda page: store.list_carrier_configs(world.account_id, page))
    assert listed == [made]
    named, _ = await all_pages(lambda page: store.list_carrier_configs(world.account_id, page, "x"))
    assert named == []
    changed = await store.change_carrier_config(
        world.account_id,
        made.carrier_config_id,
        lambda _: CarrierConfigFields("Nord"),
        NO_DEFAULTS,
    )
    assert (changed.fields, changed.revision) == (CarrierConfigFields("Nord"), 2)
    assert await read_config(world, made) == changed


async def test_a_name_is_taken_once_in_an_account_and_free_after_deletion(world: World) -> None:
    made, other = await make_config(world), await make_config(world, name="other")
    for attempt in (make_config(world), change_config(world, other)):
        with pytest.raises(AlreadyExistsError) as refusal:
            await attempt
        assert refusal.value.reason is Reason.CARRIER_CONFIG_NAME_TAKEN
    await world.store.carrier_configs.delete_carrier_config(
        world.account_id, made.carrier_config_id
    )
    assert (await make_config(world)).carrier_config_id != made.carrier_config_id


async def test_a_carrier_config_of_another_account_is_not_found(world: World) -> None:
    stranger = await world.new_account()
    made = await make_config(world)
    store = world.store.carrier_configs
    for account_id, text in [
        (stranger, made.carrier_config_id),
        (world.account_id, NO_ID),
        (world.account_id, "no uuid"),
    ]:
        config_id = CarrierConfigId(text)
        attempts: list[Any] = [
            store.get_carrier_config(account_id, config_id),
            store.delete_carrier_config(account_id, config_id),
            store.change_carrier_config(account_id, config_id, lambda k: k.fields, NO_DEFAULTS),
        ]
        for attempt in attempts:
            with pytest.raises(NotFoundError) as refusal:
                await attempt
            assert refusal.value.reason is Reason.CARRIER_CONFIG_NOT_FOUND


async def test_a_request_that_is_repeated_makes_one(world: World) -> None:
    request = world.request("r-1", surface="CreateCarrierConfig")
    first, again = [
        await world.store.carrier_configs.create_carrier_config(
            world.account_id,
            CarrierConfigId(world.ids.new_id()),
            "simulated",
            CarrierConfigFields("main", calls_per_second=1),
            NO_DEFAULTS,
            request,
        )
        for _ in range(2)
    ]
    assert again == first
    assert len(await world.sql("SELECT key FROM throttles")) == 1


# --- named by batches


async def test_a_batch_names_a_config_by_id_or_by_name_and_says_its_id(world: World) -> None:
    made = await make_config(world)
    for text in (made.carrier_config_id, "main"):
        batch_id = await world.batch(carrier_config=text, carrier="")
        batch = await world.get(batch_id)
        assert (batch.settings.carrier_config, batch.carrier) == (
            made.carrier_config_id,
            "simulated",
        )
    for text in (NO_ID, "other"):
        with pytest.raises(NotFoundError) as refusal:
            await world.batch(carrier_config=text)
        assert refusal.value.reason is Reason.CARRIER_CONFIG_NOT_FOUND
    batch_id = await world.batch()
    await world.edit(batch_id, carrier_config="main")
    assert (await world.get(batch_id)).settings.carrier_config == made.carrier_config_id
    await world.edit(batch_id, carrier_config="")
    assert (await world.get(batch_id)).settings.carrier_config == ""


async def test_a_config_of_another_carrier_than_the_batch_is_refused(world: World) -> None:
    await make_config(world, carrier="elsewhere")
    batch_id = await world.batch()
    for attempt in (
        world.batch(carrier_config="main", carrier="simulated"),
        world.edit(batch_id, carrier_config="main"),
    ):
        with pytest.raises(PreconditionError) as refusal:
            await attempt
        assert refusal.value.reason is Reason.CARRIER_MISMATCH
        assert refusal.value.metadata == {
            "carrier": "simulated",
            "carrier_config_carrier": "elsewhere",
        }
    assert (await world.get(batch_id)).settings.carrier_config == ""


async def test_a_config_that_is_named_is_not_deleted_before_its_batches_end(
    world: World,
) -> None:
    made = await make_config(world)
    batch_id = await world.batch(carrier_config="main")
    store = world.store.carrier_configs
    with pytest.raises(PreconditionError) as refusal:
        await store.delete_carrier_config(world.account_id, made.carrier_config_id)
    assert refusal.value.reason is Reason.CARRIER_CONFIG_IN_USE
    await world.apply(*(ended(call) for call in await world.live()))
    await store.delete_carrier_config(world.account_id, made.carrier_config_id)
    assert (await world.get(batch_id)).settings.carrier_config == made.carrier_config_id


async def test_a_config_is_not_deleted_before_the_calls_that_were_made_with_it_end(
    world: World,
) -> None:
    first = await make_config(world)
    await make_config(world, name="second")
    batch_id = await world.batch(2, carrier_config="main")
    calls = await world.live()
    await world.report("theirs", carrier_config="main")
    await world.edit(batch_id, carrier_config="second")
    store = world.store.carrier_configs
    for call in calls:
        with pytest.raises(PreconditionError) as refusal:
            await store.delete_carrier_config(world.account_id, first.carrier_config_id)
        assert refusal.value.reason is Reason.CARRIER_CONFIG_IN_USE
        alive = str(len(calls) - calls.index(call))
        assert refusal.value.metadata == {"batches": "0", "phone_numbers": "0", "calls": alive}
        await world.apply(ended(call))
    # An external call needs no credentials, and may be reported for ever.
    await store.delete_carrier_config(world.account_id, first.carrier_config_id)
    assert await world.hang_up("theirs")
    await check_invariants(world.store)


# --- through which account


async def test_a_call_goes_through_the_config_of_its_batch_and_is_asked_for_there(
    world: World,
) -> None:
    config = await make_config(world)
    config_id = config.carrier_config_id
    await change_config(world, config, 5)
    await world.batch(1, carrier_config="main")
    (call,) = await world.claim()
    assert call.carrier_config == ConfigRef(config_id, 2)
    await world.send([call])
    other = await make_config(world, name="other")
    await world.edit(call.batch_id or BatchId(""), carrier_config="other")
    shown = await world.store.calls.get_call(world.account_id, call.call_id)
    assert shown.carrier_config == config_id != other.carrier_config_id
    await world.apply(accepted(call))
    world.advance(hours=2)
    (silent,) = (await world.store.dispatch.silent_calls(10)).calls
    assert silent.carrier_config == ConfigRef(config_id)


async def test_a_call_without_a_config_goes_through_none(world: World) -> None:
    await world.batch(1)
    (call,) = await world.live()
    assert call.carrier_config is None
    shown = await world.store.calls.get_call(world.account_id, call.call_id)
    assert shown.carrier_config == ""
    world.advance(hours=2)
    (silent,) = (await world.store.dispatch.silent_calls(10)).calls
    assert silent.carrier_config is None


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        (CarrierTerms(need_config=frozenset({"simulated"})), Reason.CARRIER_NOT_CONFIGURED),
        (CarrierTerms(known=frozenset({"twilio"})), Reason.CARRIER_NOT_CONFIGURED),
        (
            CarrierTerms(connect_to={"simulated": lambda account: frozenset({"wss"})}),
            Reason.AGENT_HAS_NO_JOIN_URL,
        ),
    ],
)
async def test_a_batch_that_its_carrier_would_not_dial_is_not_made(
    world: World, terms: CarrierTerms, reason: Reason
) -> None:
    await make_config(world)
    with pytest.raises(PreconditionError) as refused:
        await world.create(carrier_config="main", terms=terms)
    assert refused.value.reason is reason
    assert await world.sql("SELECT key FROM batches") == []
