"""Secrets sealed anew under another master key, wherever they are kept."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from outdial_server.adapters.master_key import master_key_from
from outdial_server.adapters.sealing import AesGcmSeal
from outdial_server.commands.rotate_master_key import GROUP_MOST, Resealed, RotateMasterKey
from outdial_server.domain.batch_webhook import BatchWebhook
from outdial_server.domain.carrier_config import CarrierConfigFields, CarrierRates
from outdial_server.domain.credentials import SealedCredentials
from outdial_server.domain.ids import CarrierConfigId, WebhookId
from outdial_server.domain.webhook import WebhookFields
from outdial_server.domain.webhook_secrets import SealedSecrets
from outdial_server.ports.resealing import KeptSecret, SealedStore, SecretPlace
from outdial_server.storage.schema import metadata
from outdial_server.storage.verbs.resealing import COLUMNS
from support.stores import World, edit_of

OLD_KEY, NEW_KEY = master_key_from("old"), master_key_from("new")
OLD, NEW, BOTH = AesGcmSeal(OLD_KEY), AesGcmSeal(NEW_KEY), AesGcmSeal(NEW_KEY, (OLD_KEY,))


class Stopped(Exception):
    """The command broke off."""


@dataclass
class Stopping:
    """A store whose process dies after so many groups."""

    store: SealedStore
    groups_left: int
    sizes: list[int] = field(default_factory=list)

    async def secrets_without(
        self, place: SecretPlace, mark: str, after: int, limit: int
    ) -> Sequence[KeptSecret]:
        return await self.store.secrets_without(place, mark, after, limit)

    async def replace_secrets(
        self, place: SecretPlace, renewed: Sequence[tuple[KeptSecret, str]]
    ) -> int:
        if not self.groups_left:
            raise Stopped
        self.groups_left -= 1
        self.sizes.append(len(renewed))
        return await self.store.replace_secrets(place, renewed)


async def add_config(world: World, name: str, seal: AesGcmSeal = OLD) -> CarrierConfigId:
    config_id = CarrierConfigId(world.ids.new_id())
    credentials = SealedCredentials({}, seal.seal(f"token of {name}", config_id))
    fields = CarrierConfigFields(name, credentials=credentials)
    store = world.store.carrier_configs
    await store.create_carrier_config(
        world.account_id, config_id, "twilio", fields, CarrierRates({})
    )
    return config_id


async def credentials_of(world: World, config_id: CarrierConfigId, seal: AesGcmSeal) -> str:
    stored = await world.store.carrier_configs.stored_credentials(config_id)
    assert stored is not None
    assert stored.sealed is not None
    return seal.unseal(stored.sealed, config_id)


async def rotated(world: World, seal: AesGcmSeal = BOTH) -> Resealed:
    return await RotateMasterKey(world.store.sealed, seal).execute()


def test_every_column_with_a_secret_is_known() -> None:
    named = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.columns
        if "secret" in column.name or "sealed" in column.name
    }
    hashes_and_times = {("api_keys", "secret_hash")}
    assert named - hashes_and_times == set(COLUMNS.values())


async def test_all_that_the_old_key_opens_is_opened_by_the_new_one_alone(world: World) -> None:
    config_id = await add_config(world, "main")
    webhook_id = WebhookId(world.ids.new_id())
    await world.store.webhooks.create_webhook(
        world.account_id,
        webhook_id,
        WebhookFields("https://example.com"),
        OLD.seal("first", webhook_id),
    )
    await world.store.webhooks.rotate_secret(
        world.account_id,
        webhook_id,
        lambda webhook, now: webhook.secrets.rotated(OLD.seal("second", webhook_id), now),
    )
    batch_id = await world.batch(1, draft=True)
    until = world.later(days=1)
    secrets = SealedSecrets(OLD.seal("of batch", batch_id), OLD.seal("before", batch_id), until)
    await world.change(batch_id, edit_of(webhook=BatchWebhook("https://example.com", secrets)))

    done = await rotated(world)
    assert done.renewed == dict.fromkeys(SecretPlace, 1)
    assert done.unreadable.total() == 0
    assert await credentials_of(world, config_id, NEW) == "token of main"
    webhook = await world.store.webhooks.get_webhook(world.account_id, webhook_id)
    opened = [NEW.unseal(one, webhook_id) for one in webhook.secrets.at(world.clock.now())]
    assert sorted(opened) == ["first", "second"]
    of_batch = (await world.get(batch_id)).settings.webhook
    assert of_batch is not None
    assert of_batch.secrets is not None
    assert NEW.unseal(of_batch.secrets.current, batch_id) == "of batch"
    assert (await rotated(world)).renewed.total() == 0


async def test_one_that_broke_off_is_gone_on_with(world: World) -> None:
    configs = [await add_config(world, f"{n}") for n in range(GROUP_MOST + 7)]
    stopping = Stopping(world.store.sealed, 1)
    with pytest.raises(Stopped):
        await RotateMasterKey(stopping, BOTH).execute()
    assert stopping.sizes == [GROUP_MOST]
    for n in (0, GROUP_MOST):
        assert await credentials_of(world, configs[n], BOTH) == f"token of {n}"
    assert (await rotated(world)).renewed == {SecretPlace.CREDENTIALS: 7}
    assert await credentials_of(world, configs[-1], NEW) == f"token of {GROUP_MOST + 6}"


async def test_what_no_key_opens_stays_and_is_counted(world: World) -> None:
    lost = AesGcmSeal(master_key_from("lost"))
    await add_config(world, "theirs", lost)
    config_id = await add_config(world, "main")
    done = await rotated(world)
    assert done.renewed[SecretPlace.CREDENTIALS] == 1
    assert done.unreadable == {SecretPlace.CREDENTIALS: 1}
    assert await credentials_of(world, config_id, NEW) == "token of main"


async def test_a_secret_that_is_written_meanwhile_stays(world: World) -> None:
    config_id = await add_config(world, "main")
    place, store = SecretPlace.CREDENTIALS, world.store.sealed
    (found,) = await store.secrets_without(place, NEW.mark, 0, 9)
    written = SealedCredentials({}, NEW.seal("another token", config_id))
    await world.store.carrier_configs.change_carrier_config(
        world.account_id,
        config_id,
        lambda config: CarrierConfigFields("main", credentials=written),
        CarrierRates({}),
    )
    assert await store.replace_secrets(place, [(found, NEW.seal("old token", config_id))]) == 0
    assert await credentials_of(world, config_id, NEW) == "another token"
