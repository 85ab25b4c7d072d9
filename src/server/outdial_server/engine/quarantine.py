"""Asks the carriers, after a failover, whom they called, and lets dialling go on."""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

import structlog

from outdial_server.domain.errors import UnavailableError
from outdial_server.domain.obstacle import Obstacle
from outdial_server.domain.quarantine import Listing, Quarantine, is_resolved
from outdial_server.domain.silence import NOT_FOUND_FINAL_AFTER
from outdial_server.engine.obstacles import Obstacles
from outdial_server.ports.carrier import Carrier, FindCarrier, ListedCall, ListsCalls
from outdial_server.ports.quarantine import DoubtedAccount, QuarantineStore
from outdial_server.ports.signals import Signals, Topic

log = structlog.get_logger()

ASK_EVERY: Final = timedelta(seconds=2)
LIST_DEADLINE_SECONDS: Final = 20.0
"""For all pages of one account: a stop waits for no longer."""

_COMPARED_MOST: Final = 500

_CANNOT_LIST: Final = Listing(failed=True)


class Inquiry:
    """Every server of an installation may ask: what it finds out is written in transactions
    that change nothing the second time."""

    def __init__(
        self,
        store: QuarantineStore,
        find_carrier: FindCarrier,
        obstacles: Obstacles,
        signals: Signals,
        settle: timedelta = NOT_FOUND_FINAL_AFTER,
        need_config: frozenset[str] = frozenset(),
    ) -> None:
        """`need_config` names the carriers of this server that dial with credentials alone."""
        self._store = store
        self._find_carrier = find_carrier
        self._obstacles = obstacles
        self._signals = signals
        self._settle = settle
        self._need_config = need_config
        # That an account cannot list its calls is told once in a quarantine.
        self._told: set[DoubtedAccount] = set()

    async def tick(self, now: datetime) -> datetime | None:
        if Obstacle.QUARANTINE not in self._obstacles:
            self._told.clear()
            return None
        # Before the lists: who is released behind them may be named in the next ones only.
        doubts = await self._store.read_doubts()
        quarantine = await self._store.read_quarantine()
        if quarantine is not None:
            listings = await asyncio.gather(
                *(self._ask(account, quarantine) for account in doubts.accounts)
            )
            if is_resolved(quarantine, listings, self._settle, had_claims=doubts.has_claims):
                await self._store.lift_quarantine(quarantine.begun_at)
                # Who watches over the database sees that it is over.
                self._signals.wake(Topic.DATABASE)
        return now + ASK_EVERY

    async def _ask(self, account: DoubtedAccount, quarantine: Quarantine) -> Listing:
        try:
            carrier = await self._find_carrier(account.carrier, account.config)
            if carrier is None:
                return self._without(account)
            listed = await self._list(carrier, quarantine)
        except (TimeoutError, UnavailableError):
            return self._failed(account, "NO_ANSWER")
        except Exception:
            log.exception("quarantine.adapter_broken", carrier=account.carrier)
            return _CANNOT_LIST
        if listed is None:
            return self._failed(account, "CANNOT_LIST")
        return await self._compare(listed)

    def _without(self, account: DoubtedAccount) -> Listing:
        """No server can dial without the credentials that the carrier needs. But a carrier that
        this one lacks, or credentials that it cannot read, another may have dialled with."""
        if account.carrier in self._need_config and not account.has_credentials:
            return Listing()
        return self._failed(account, "CARRIER_NOT_CONFIGURED")

    async def _list(self, carrier: Carrier, quarantine: Quarantine) -> Sequence[ListedCall] | None:
        if not isinstance(carrier, ListsCalls):
            return None
        async with asyncio.timeout(LIST_DEADLINE_SECONDS):
            # What is made later is not ours, and others may use the account, too.
            return await carrier.list_calls(
                quarantine.doubt_from, quarantine.begun_at + self._settle
            )

    async def _compare(self, listed: Sequence[ListedCall]) -> Listing:
        live = 0
        for start in range(0, len(listed), _COMPARED_MOST):
            compared = await self._store.compare(listed[start : start + _COMPARED_MOST])
            live += compared.live
            if compared.ended:
                log.warning("quarantine.called", people=compared.ended)
        return Listing(live=live)

    def _failed(self, account: DoubtedAccount, because: str) -> Listing:
        if account not in self._told:
            self._told.add(account)
            config_id = "" if account.config is None else account.config.config_id
            log.warning(
                "quarantine.not_listed",
                carrier=account.carrier,
                carrier_config_id=config_id,
                because=because,
            )
        return _CANNOT_LIST
