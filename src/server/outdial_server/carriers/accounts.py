"""Accounts at carriers, opened with the credentials of carrier configs."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import orjson
import structlog

from outdial_server.domain.carrier_config import ConfigRef
from outdial_server.domain.ids import CarrierConfigId
from outdial_server.domain.silence import CARRIER_DEADLINE
from outdial_server.ports.carrier import Carrier
from outdial_server.ports.carrier_configs import CredentialStore, StoredCredentials
from outdial_server.ports.carrier_kind import CarrierKind
from outdial_server.ports.clock import Clock
from outdial_server.ports.sealing import Seal, UnreadableSecretError

log = structlog.get_logger()

IDLE_AFTER: Final = timedelta(minutes=10)
"""Connections are closed long before; what is given back then is the memory."""

RETIRED_FOR: Final = 2 * CARRIER_DEADLINE
"""How long an account stays open whose credentials were replaced: requests of it may be out,
and those that would be cut off would leave their calls UNKNOWN."""


@dataclass(slots=True)
class _Account:
    """As it was last read. `carrier` is None where there is nothing to open, or it could not be
    opened: asked for again it is not tried again before the config has changed."""

    stored: StoredCredentials
    carrier: Carrier | None
    used_at: datetime


class CarrierAccounts:
    """One adapter for each carrier config, made when it is first needed, and anew once its
    credentials are others: whoever asks says how new the config is that they have read, so a
    change by another server is seen with the first call under it."""

    def __init__(
        self,
        kinds: Mapping[str, CarrierKind],
        store: CredentialStore,
        seal: Seal,
        callback_url: Callable[[str, CarrierConfigId], str],
        clock: Clock,
    ) -> None:
        """`callback_url` is that of a carrier config, by carrier and id."""
        self._kinds = kinds
        self._store = store
        self._seal = seal
        self._callback_url = callback_url
        self._clock = clock
        self._accounts: dict[CarrierConfigId, _Account] = {}
        self._retired: list[tuple[datetime, Carrier]] = []
        # One read at a time: many calls of a config that has changed come together.
        self._reading = asyncio.Lock()

    async def find(self, config: ConfigRef) -> Carrier | None:
        """See FindCarrier."""
        account = self._known(config)
        if account is None:
            async with self._reading:
                account = self._known(config) or await self._read(config.config_id)
        if account is None:
            return None
        account.used_at = self._clock.now()
        return account.carrier

    async def close(self) -> None:
        opened = [account.carrier for account in self._accounts.values()]
        for carrier in [*opened, *(carrier for _, carrier in self._retired)]:
            if carrier is not None:
                await carrier.close()

    def _known(self, config: ConfigRef) -> _Account | None:
        account = self._accounts.get(config.config_id)
        is_new = account is not None and account.stored.revision >= config.revision
        return account if is_new else None

    async def _read(self, config_id: CarrierConfigId) -> _Account | None:
        stored = await self._store.stored_credentials(config_id)
        now = self._clock.now()
        await self._close_what_is_over(now)
        if stored is None:
            return None
        account = self._accounts.get(config_id)
        if account is not None and account.stored.sealed == stored.sealed:
            account.stored = stored
            return account
        if account is not None and account.carrier is not None:
            self._retired.append((now, account.carrier))
        account = _Account(stored, self._opened(config_id, stored), now)
        self._accounts[config_id] = account
        return account

    def _opened(self, config_id: CarrierConfigId, stored: StoredCredentials) -> Carrier | None:
        kind = self._kinds.get(stored.carrier)
        if kind is None or stored.sealed is None:
            return None
        try:
            values = orjson.loads(self._seal.unseal(stored.sealed, config_id))
        except UnreadableSecretError as error:
            log.error(  # noqa: TRY400 its words say all, and its places nothing
                "carrier.credentials_unreadable", carrier_config_id=config_id, cause=str(error)
            )
            return None
        url = self._callback_url(stored.carrier, config_id)
        return kind.open(values, url, config_id)

    async def _close_what_is_over(self, now: datetime) -> None:
        idle = [key for key, one in self._accounts.items() if now - one.used_at > IDLE_AFTER]
        closing = [self._accounts.pop(key).carrier for key in idle]
        closing += [carrier for since, carrier in self._retired if now - since > RETIRED_FOR]
        self._retired = [one for one in self._retired if now - one[0] <= RETIRED_FOR]
        for carrier in closing:
            if carrier is not None:
                await carrier.close()
