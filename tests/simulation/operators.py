"""People: they make batches, change their minds, and know what they were told."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Protocol

from outdial_server.commands.new_batch import BatchSpec
from outdial_server.commands.resolve_call import Resolution
from outdial_server.commands.stop_batch import StopBatch, Stopped
from outdial_server.domain.account import AccountChange
from outdial_server.domain.call import Disposition
from outdial_server.domain.carrier_config import CarrierConfigFields, CarrierRates
from outdial_server.domain.errors import OutdialError
from outdial_server.domain.ids import (
    AccountId,
    AgentId,
    BatchId,
    CallId,
    CarrierConfigId,
    ScheduledCallId,
    ThrottleId,
)
from outdial_server.domain.row_checks import RawRow
from outdial_server.domain.suppression import SuppressionFields
from outdial_server.domain.throttle import ThrottleFields
from outdial_server.ports.clock import Clock
from outdial_server.storage.encoding import micros, pack_id, unpack_id
from simulation.carrier import ARRIVES_MOST_SECONDS, SimulatedExchange
from simulation.chance import Dice, short
from simulation.database import Disk, PlantedError
from simulation.dialling import Judge
from simulation.scenario import (
    PEOPLE,
    Scenario,
    draw_cap,
    draw_duplicates,
    draw_rows,
    draw_rules,
    draw_schedule,
    draw_settings,
)
from simulation.server import Desk, Server
from support.stores import number

BATCHES_MOST = 4
PATIENCE_SECONDS = 20

BEHIND_A_CLAIM_PERCENT = 30
"""Of what people do: between claim and SENDING it counts most."""

WEIGHTS = {
    "create": 6,
    "add": 4,
    "pause": 6,
    "resume": 10,
    "start": 4,
    "cancel": 1,
    "delete": 1,
    "edit": 5,
    "limits": 4,
    "config": 3,
    "throttle": 3,
    "suppress": 4,
    "let_call": 2,
    "cancel_row": 3,
    "end_call": 4,
    "resolve": 6,
}


class Office(Protocol):
    """What people have around them."""

    scenario: Scenario
    clock: Clock
    disk: Disk
    exchange: SimulatedExchange
    judge: Judge
    account_id: AccountId
    agent_ids: Sequence[AgentId]
    config_id: CarrierConfigId
    throttle_id: ThrottleId

    def dice(self, part: str) -> Dice: ...

    def server(self) -> Server | None:
        """One that is up."""
        ...

    async def after_next(self, verb: str, patience_seconds: float) -> None: ...

    def tell(self, who: str, what: str) -> None: ...


class Operators:
    def __init__(self, office: Office) -> None:
        self._office = office
        self._dice = office.dice("operators")
        self._account = office.account_id

    async def work(self) -> None:
        while not self._batches("true"):
            await self.create()
            await asyncio.sleep(1)
        while True:
            pause = self._office.scenario.operators_pause
            await asyncio.sleep(self._dice.seconds(0, 2 * pause))
            if self._dice.chance(BEHIND_A_CLAIM_PERCENT):
                await self._office.after_next("claim", pause)
            await getattr(self, self._dice.weighted(WEIGHTS))()

    # --- asking

    async def _ask(self, what: str, work: Callable[[Desk], Coroutine[Any, Any, Any]]) -> Any:
        """The answer; None where there was none, or the wish was refused."""
        server = self._office.server()
        if server is None:
            return None
        task = await server.ask(work, PATIENCE_SECONDS)
        if task is None:
            self._office.tell("people", f"{what}: no answer")
            return None
        error = task.exception()
        if isinstance(error, OutdialError):
            self._office.tell("people", f"{what}: {error.reason.value}")
            return None
        if isinstance(error, PlantedError):
            self._office.tell("people", f"{what}: an internal error")
            return None
        result = task.result()
        self._office.tell("people", f"{what}: done")
        return result

    def _batches(self, where: str) -> list[BatchId]:
        found = self._office.disk.read(
            "SELECT id FROM batches WHERE revealed_us IS NOT NULL AND deleted_us IS NULL "
            f"AND {where} ORDER BY key"
        )
        return [BatchId(unpack_id(packed)) for (packed,) in found]

    def _some_batch(self) -> BatchId | None:
        batches = self._batches("ended_us IS NULL")
        return self._dice.one_of(batches) if batches else None

    # --- batches

    async def create(self) -> None:
        made = self._office.disk.read("SELECT COUNT(*) FROM batches")
        if made[0][0] >= BATCHES_MOST:
            return
        settings = draw_settings(self._dice, "slow", "main")
        spec = BatchSpec(
            self._account,
            self._dice.one_of(self._office.agent_ids),
            "",
            draw_duplicates(self._dice),
            settings,
            draft=self._dice.chance(15),
        )
        rows = draw_rows(self._dice, 6)
        await self._ask(
            f"create with {len(rows)} people",
            lambda desk: desk.create_batch.execute(spec, _raw(rows), None),
        )

    async def add(self) -> None:
        batch_id = self._some_batch()
        if batch_id is not None:
            rows = draw_rows(self._dice, 3)
            await self._ask(
                f"add {len(rows)} to {short(batch_id)}",
                lambda desk: desk.add_rows.execute(self._account, batch_id, _raw(rows), None),
            )

    async def pause(self) -> None:
        await self._stop("pause", StopBatch.pause)

    async def cancel(self) -> None:
        await self._stop("cancel", StopBatch.cancel)

    async def delete(self) -> None:
        await self._stop("delete", StopBatch.delete)

    async def _stop(
        self, what: str, stop: Callable[[StopBatch, AccountId, BatchId], Awaitable[Stopped]]
    ) -> None:
        batch_id = self._some_batch()
        if batch_id is None:
            return
        can_be_sure = self._office.judge.stops(pack_id(batch_id))

        async def work(desk: Desk) -> Stopped:
            stopped = await stop(desk.stop, self._account, batch_id)
            if stopped.sends_in_flight == 0:
                can_be_sure()
            return stopped

        await self._ask(f"{what} {short(batch_id)}", work)

    async def resume(self) -> None:
        for batch_id in self._batches("state = 4"):
            self._office.judge.lets_on(pack_id(batch_id))
            await self._ask(
                f"resume {short(batch_id)}",
                lambda desk, batch_id=batch_id: desk.start.resume(self._account, batch_id),
            )

    async def start(self) -> None:
        for batch_id in self._batches("state = 1"):
            await self._ask(
                f"start {short(batch_id)}",
                lambda desk, batch_id=batch_id: desk.start.execute(self._account, batch_id),
            )

    async def edit(self) -> None:
        batch_id = self._some_batch()
        if batch_id is None:
            return
        values: dict[str, Any] = {"max_concurrent_calls": draw_cap(self._dice)}
        if self._dice.chance(50):
            values |= draw_schedule(self._dice)
        if self._dice.chance(30):
            seconds = self._dice.number(5, 40)
            values["window_end"] = self._office.clock.now() + timedelta(seconds=seconds)
        await self._edit(batch_id, **values)

    async def _edit(self, batch_id: BatchId, **values: Any) -> None:
        await self._ask(
            f"edit {short(batch_id)}: {' '.join(values)}",
            lambda desk: desk.update_batch.execute(
                self._account, batch_id, lambda settings: replace(settings, **values)
            ),
        )

    # --- limits and lists

    async def limits(self) -> None:
        cap = self._dice.number(1, 6)
        await self._set_limits(cap, self._dice.number(0, 1) if cap > 1 else 0)

    async def _set_limits(self, cap: int, reserved: int) -> None:
        change = AccountChange(max_concurrent_calls=cap, reserved_slots=reserved)
        await self._ask(
            f"at most {cap} calls, {reserved} reserved",
            lambda desk: desk.update_account.execute(self._account, change, by_operator=True),
        )

    async def config(self) -> None:
        fields = CarrierConfigFields(
            "main", draw_cap(self._dice), self._dice.one_of([None, 0.5, 2])
        )
        await self._set_config(fields)

    async def _set_config(self, fields: CarrierConfigFields) -> None:
        await self._ask(
            f"carrier account with {fields.max_concurrent_calls}, {fields.calls_per_second}/s",
            lambda desk: desk.store.carrier_configs.change_carrier_config(
                self._account, self._office.config_id, lambda _: fields, CarrierRates({})
            ),
        )

    async def throttle(self) -> None:
        fields = ThrottleFields("slow", draw_rules(self._dice))
        await self._ask(
            f"a throttle of {len(fields.rules)} rules",
            lambda desk: desk.store.throttles.change_throttle(
                self._account, self._office.throttle_id, lambda _: fields
            ),
        )

    async def suppress(self) -> None:
        address = number(self._dice.number(1, PEOPLE))
        seconds = self._dice.one_of([None, 10])
        until = None if seconds is None else self._office.clock.now() + timedelta(seconds=seconds)
        await self._ask(
            f"never call {address[-2:]}",
            lambda desk: desk.suppress.execute(
                self._account, [address], SuppressionFields("", "", until)
            ),
        )

    async def let_call(self) -> None:
        listed = self._office.disk.read("SELECT id FROM suppressions ORDER BY key")
        if listed:
            (entry,) = self._dice.one_of(listed)
            await self._ask(
                "take somebody off the list",
                lambda desk: desk.store.suppressions.delete_suppression(
                    self._account, unpack_id(entry)
                ),
            )

    # --- single calls

    async def cancel_row(self) -> None:
        waiting = self._office.disk.read(
            "SELECT s.id FROM scheduled_calls s JOIN batches b ON b.key = s.batch_key "
            "WHERE s.final_state IS NULL AND b.revealed_us IS NOT NULL ORDER BY s.key"
        )
        if waiting:
            row_id = ScheduledCallId(unpack_id(self._dice.one_of(waiting)[0]))
            await self._ask(
                f"cancel row {short(row_id)}",
                lambda desk: desk.store.calls.cancel_scheduled_call(self._account, row_id),
            )

    async def end_call(self) -> None:
        live = self._office.disk.read("SELECT id FROM calls WHERE state IN (3, 4, 5) ORDER BY key")
        if live:
            call_id = CallId(unpack_id(self._dice.one_of(live)[0]))
            await self._ask(
                f"end call {short(call_id)}",
                lambda desk: desk.end_call.execute(self._account, call_id),
            )

    async def resolve(self) -> None:
        """By what really was: they have asked the person, or the carrier's own pages."""
        arrived_us = micros(self._office.clock.now() - timedelta(seconds=ARRIVES_MOST_SECONDS + 1))
        unknown = self._office.disk.read(
            "SELECT id FROM calls WHERE state = 6 AND sent_us < :arrived ORDER BY key",
            arrived=arrived_us,
        )
        for (packed,) in unknown:
            call_id = CallId(unpack_id(packed))
            call = self._office.exchange.calls.get(call_id)
            if call is None:
                no = self._dice.one_of([Resolution.NOT_PLACED, Resolution.DIAL_AGAIN])
                await self._resolve(call_id, no, None)
            elif call.is_over:
                await self._resolve(call_id, Resolution.PLACED, call.history[-1].disposition)

    async def _resolve(
        self, call_id: CallId, resolution: Resolution, disposition: Disposition | None
    ) -> None:
        await self._ask(
            f"{short(call_id)} was {resolution.name}",
            lambda desk: desk.resolve.execute(self._account, call_id, resolution, disposition),
        )

    # --- the end

    async def help_on(self) -> None:
        """What is left comes to its end once nothing holds it back."""
        await self._lift()
        await self.start()
        await self.resume()
        await self.resolve()

    async def _lift(self) -> None:
        """By what is stored: a wish of before may have been heard only now."""
        read = self._office.disk.read
        if read("SELECT key FROM accounts WHERE max_concurrent_calls < :most", most=_MANY):
            await self._set_limits(_MANY, 0)
        if read(f"SELECT key FROM carrier_configs WHERE {_LIMITED_CONFIG}"):
            await self._set_config(CarrierConfigFields("main"))
        for batch_id in self._batches(f"ended_us IS NULL AND ({_LIMITED_BATCH})"):
            await self._edit(
                batch_id, calling_hours=None, max_calls_per_day=None, max_concurrent_calls=None
            )
        for batch_id in self._batches("state = 1 AND window_end_us IS NOT NULL"):
            # One whose window is over is not started.
            await self._edit(batch_id, window_end=None)


_MANY = 50
_LIMITED_CONFIG = "max_concurrent_calls IS NOT NULL OR calls_per_second IS NOT NULL"
_LIMITED_BATCH = (
    "hours_days IS NOT NULL OR max_calls_per_day IS NOT NULL OR max_concurrent_calls IS NOT NULL"
)


async def _raw(rows: Sequence[RawRow]) -> AsyncGenerator[Sequence[tuple[int, RawRow]], None]:
    yield list(enumerate(rows))
