"""Accounts at carriers: one adapter for each carrier config, as new as whoever asks knows."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from outdial_server.adapters.master_key import master_key_from
from outdial_server.adapters.sealing import AesGcmSeal
from outdial_server.carriers.accounts import IDLE_AFTER, RETIRED_FOR, CarrierAccounts
from outdial_server.carriers.registry import CarrierRegistry
from outdial_server.domain.carrier_config import ANY_REVISION, ConfigRef, OverRate
from outdial_server.domain.carrier_params import DialledThrough, Params
from outdial_server.domain.checks import Checks
from outdial_server.domain.credentials import CredentialValue
from outdial_server.domain.errors import Reason, UnavailableError
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.ports.carrier_configs import StoredCredentials
from support.carriers import FunctionCarrier
from support.clock import ManualClock

SEAL = AesGcmSeal(master_key_from("a key"))
MAIN, OTHER = CarrierConfigId("k-1"), CarrierConfigId("k-2")


class Opened(FunctionCarrier):
    def __init__(self, values: Mapping[str, CredentialValue], callback_url: str) -> None:
        super().__init__()
        self.values = values
        self.callback_url = callback_url
        self.is_closed = False

    @override
    async def close(self) -> None:
        self.is_closed = True


class Acme:
    """A kind of carrier that opens anything."""

    name = "acme"
    default_calls_per_second: float | None = 3.0
    over_rate = OverRate.REFUSES
    secrets = frozenset({"token"})

    def connects_to(self, account: Mapping[str, CredentialValue]) -> frozenset[str]:
        return frozenset({"wss"})

    def check_credentials(self, checks: Checks, values: Mapping[str, CredentialValue]) -> None:
        return

    def write_params(self, params: Params, account: Mapping[str, CredentialValue]) -> Params:
        return {f"acme_{name}": value for name, value in params.items()}

    def open(
        self,
        values: Mapping[str, CredentialValue],
        callback_url: str,
        config_id: CarrierConfigId,
    ) -> Opened:
        return Opened(values, callback_url)


@dataclass
class Configs:
    """CredentialStore."""

    kept: dict[CarrierConfigId, StoredCredentials] = field(default_factory=dict)
    reads: int = 0
    failure: Exception | None = None

    def write(self, config_id: CarrierConfigId, token: str | None, carrier: str = "acme") -> None:
        """None erases."""
        before = self.kept.get(config_id)
        sealed = None
        if token is not None:
            sealed = SEAL.seal(orjson.dumps({"token": token}).decode(), config_id)
        revision = 1 if before is None else before.revision + 1
        self.kept[config_id] = StoredCredentials(carrier, sealed, revision)

    def rename(self, config_id: CarrierConfigId) -> None:
        """A change of something else."""
        before = self.kept[config_id]
        self.kept[config_id] = StoredCredentials(before.carrier, before.sealed, before.revision + 1)

    async def stored_credentials(
        self, carrier_config_id: CarrierConfigId
    ) -> StoredCredentials | None:
        self.reads += 1
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        return self.kept.get(carrier_config_id)


class Accounts:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.configs = Configs()
        self.accounts = CarrierAccounts(
            {"acme": Acme()},
            self.configs,
            SEAL,
            lambda carrier, config_id: f"https://us/{carrier}/{config_id}",
            self.clock,
        )

    async def find(self, config_id: CarrierConfigId = MAIN, revision: int = ANY_REVISION) -> Opened:
        found = await self.accounts.find(ConfigRef(config_id, revision))
        assert isinstance(found, Opened)
        return found


async def test_an_account_is_opened_once_with_its_own_credentials_and_callbacks() -> None:
    world = Accounts()
    world.configs.write(MAIN, "one")
    world.configs.write(OTHER, "two")
    found = await asyncio.gather(*(world.find(MAIN, 1) for _ in range(10)))
    assert len(set(map(id, found))) == 1
    assert world.configs.reads == 1
    assert (found[0].values, found[0].callback_url) == ({"token": "one"}, "https://us/acme/k-1")
    assert (await world.find(OTHER)).values == {"token": "two"}


async def test_credentials_that_changed_are_taken_up_by_the_first_who_knows_of_it() -> None:
    world = Accounts()
    world.configs.write(MAIN, "one")
    before = await world.find(MAIN, 1)
    world.configs.write(MAIN, "two")
    assert await world.find(MAIN, 1) is before
    after = await world.find(MAIN, 2)
    assert after.values == {"token": "two"}
    # Whoever claimed under the old ones is not served by them any more.
    assert await world.find(MAIN, 1) is after
    assert world.configs.reads == 2


async def test_a_change_of_something_else_keeps_the_account_open() -> None:
    world = Accounts()
    world.configs.write(MAIN, "one")
    before = await world.find()
    world.configs.rename(MAIN)
    assert await world.find(MAIN, 2) is before
    assert await world.find(MAIN, 2) is before
    assert world.configs.reads == 2


async def test_the_newest_is_always_asked_for() -> None:
    world = Accounts()
    world.configs.write(MAIN, "one")
    await world.accounts.find(ConfigRef(MAIN))
    world.configs.write(MAIN, "two")
    found = await world.accounts.find(ConfigRef(MAIN))
    assert isinstance(found, Opened)
    assert found.values == {"token": "two"}


async def test_an_account_that_was_replaced_stays_open_as_long_as_its_requests_may_be_out() -> None:
    world = Accounts()
    world.configs.write(MAIN, "one")
    before = await world.find()
    world.configs.write(MAIN, "two")
    after = await world.find(MAIN, 2)
    world.clock.advance(RETIRED_FOR)
    await world.accounts.find(ConfigRef(OTHER))
    assert not before.is_closed
    world.clock.advance(RETIRED_FOR / 10)
    await world.accounts.find(ConfigRef(OTHER))
    assert (before.is_closed, after.is_closed) == (True, False)


async def test_an_account_that_nobody_needs_is_closed_and_opened_again() -> None:
    world = Accounts()
    world.configs.write(MAIN, "one")
    before = await world.find()
    world.clock.advance(IDLE_AFTER)
    assert await world.find() is before
    world.clock.advance(IDLE_AFTER * 1.1)
    await world.accounts.find(ConfigRef(OTHER))
    assert before.is_closed
    after = await world.find()
    assert after is not before
    assert not after.is_closed


async def test_erased_credentials_open_nothing_and_close_what_was_open() -> None:
    world = Accounts()
    world.configs.write(MAIN, "one")
    before = await world.find()
    world.configs.write(MAIN, None)
    assert await world.accounts.find(ConfigRef(MAIN, 2)) is None
    assert not before.is_closed
    await world.accounts.close()
    assert before.is_closed


async def test_what_cannot_be_opened_is_told_once_until_it_changes() -> None:
    world = Accounts()
    world.configs.write(MAIN, "one")
    stranger = AesGcmSeal(master_key_from("another key"))
    sealed = stranger.seal("{}", MAIN)
    world.configs.kept[MAIN] = StoredCredentials("acme", sealed, 2)
    with capture_logs() as logs:
        for _ in range(3):
            assert await world.accounts.find(ConfigRef(MAIN, 2)) is None
    assert [line["event"] for line in logs] == ["carrier.credentials_unreadable"]
    assert logs[0]["carrier_config_id"] == MAIN
    assert world.configs.reads == 1
    world.configs.write(MAIN, "put right")
    assert (await world.find(MAIN, 3)).values == {"token": "put right"}


async def test_what_there_is_not_is_found_as_soon_as_there_is() -> None:
    world = Accounts()
    assert await world.accounts.find(ConfigRef(MAIN)) is None
    world.configs.write(OTHER, None, carrier="simulated")
    assert await world.accounts.find(ConfigRef(OTHER)) is None
    world.configs.write(MAIN, "one")
    assert (await world.find()).values == {"token": "one"}


async def test_a_store_that_is_away_is_no_missing_account() -> None:
    world = Accounts()
    world.configs.write(MAIN, "one")
    before = await world.find()
    world.configs.failure = UnavailableError(Reason.DATABASE_UNAVAILABLE, "away")
    assert await world.find(MAIN, 1) is before
    with pytest.raises(UnavailableError):
        await world.find(MAIN, 2)
    world.configs.failure = None
    assert await world.find(MAIN, 1) is before


# --- the registry


async def test_without_a_simulated_carrier_kinds_are_dialled_through_configs_alone() -> None:
    world = Accounts()
    world.configs.write(MAIN, "one")
    registry = CarrierRegistry(None, [Acme()], world.accounts)
    assert registry.names == ("acme",)
    assert dict(registry.rates.defaults) == {"acme": 3.0}
    assert registry.terms.need_config == registry.terms.connect_to.keys() == {"acme"}
    assert await registry.find("acme", ConfigRef(MAIN)) is await world.find()
    assert await registry.find("acme", None) is None
    assert await registry.find("simulated", None) is None
    assert await registry.find("simulated", ConfigRef(MAIN)) is None


async def test_with_a_simulated_carrier_every_call_goes_there() -> None:
    world = Accounts()
    world.configs.write(MAIN, "one")
    simulated = FunctionCarrier()
    registry = CarrierRegistry(simulated, [Acme()], world.accounts)
    assert registry.names == ("simulated", "acme")
    assert not registry.terms.are_any
    written = registry.terms.written({"voice": "low"}, DialledThrough("acme"))
    assert written == {"acme_voice": "low"}, "so that it is found out before it is dialled"
    for name, config in (
        ("simulated", None),
        ("simulated", ConfigRef(MAIN)),
        ("acme", ConfigRef(MAIN)),
    ):
        assert await registry.find(name, config) is simulated
    assert await registry.find("gone", None) is None
    assert world.configs.reads == 0
