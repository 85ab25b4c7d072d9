"""One server of a world: the real engine, deliverer and commands over the store."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

from outdial_server.adapters.json_schema import JsonSchemas
from outdial_server.adapters.signals import InProcessSignals
from outdial_server.carriers.registry import CarrierRegistry
from outdial_server.commands.accounts import UpdateAccount
from outdial_server.commands.add_scheduled_calls import AddScheduledCalls
from outdial_server.commands.contact_rows import CopyContacts
from outdial_server.commands.create_batch import CreateBatch
from outdial_server.commands.end_call import EndCall
from outdial_server.commands.new_batch import BatchPlanner
from outdial_server.commands.resolve_call import ResolveCall
from outdial_server.commands.start_batch import StartBatch
from outdial_server.commands.stop_batch import StopBatch
from outdial_server.commands.suppressions import CreateSuppressions
from outdial_server.commands.update_batch import UpdateBatch
from outdial_server.domain.errors import OutdialError
from outdial_server.domain.obstacle import Obstacle
from outdial_server.engine import Delivery, Engine, GatheredReports
from outdial_server.ports.carrier import Carrier, RawCallback
from outdial_server.ports.identity import IdSource
from outdial_server.ports.webhooks import WebhookSender
from outdial_server.storage.store import Store, store_over
from simulation.chance import Dice, SeededIds
from simulation.clocks import ClockJudge, JudgedDispatch
from simulation.database import Disk, PlantedError, SimulatedDatabase, Watching, Weather
from simulation.loop import Process, ProcessLoop
from support.sealing import batch_webhooks
from support.virtual_time import HostClock, LoopClock


class Surroundings(Protocol):
    """What a server has around it."""

    loop: ProcessLoop
    clock: LoopClock
    disk: Disk
    watching: Watching
    sender: WebhookSender
    is_single: bool

    def dice(self, part: str) -> Dice: ...


@dataclass(frozen=True, slots=True)
class Desk:
    """What clients can ask of a server."""

    store: Store
    create_batch: CreateBatch
    add_rows: AddScheduledCalls
    start: StartBatch
    stop: StopBatch
    update_batch: UpdateBatch
    update_account: UpdateAccount
    suppress: CreateSuppressions
    end_call: EndCall
    resolve: ResolveCall


class Server:
    """From start to crash. One that starts again is another one, with the same name."""

    def __init__(
        self, around: Surroundings, number: int, life: int, carrier: Carrier, weather: Weather
    ) -> None:
        self.name = f"server {number}"
        self.process = Process(self.name)
        self.clock = HostClock(around.clock)
        self._loop = around.loop
        self.is_dead = False
        dice = around.dice(f"{self.name}/{life}")
        ids = SeededIds(self.clock, dice, 16 * life + number)
        signals = InProcessSignals(self.clock)
        # The time is the database's, whatever this machine takes it for.
        self.database = SimulatedDatabase(
            self.name,
            around.disk,
            around.clock,
            ids,
            signals,
            dice,
            weather,
            around.watching,
            is_alone=around.is_single,
        )
        self.store = store_over(self.database)
        self._carrier = carrier
        carriers = CarrierRegistry(carrier)
        clocks = ClockJudge(self.store.clock, self.clock, self._says_that_clock_is_off)
        self._engine = Engine(
            JudgedDispatch(self.database, clocks.check_dials),
            self.store.callbacks,
            self.store.retention,
            carriers.find,
            GatheredReports(signals),
            self.clock,
            signals,
            quarantine=self.store.quarantine,
            queues=self.store.carrier_queues,
            store_clock=None if around.is_single else clocks,
            is_alone=around.is_single,
        )
        self._delivery = Delivery(self.store.webhooks, around.sender, ids, self.clock, signals)
        self.desk = self._new_desk(ids, signals, carriers)

    def _new_desk(
        self, ids: IdSource, signals: InProcessSignals, carriers: CarrierRegistry
    ) -> Desk:
        store, schemas = self.store, JsonSchemas()
        webhooks = batch_webhooks()
        copies = CopyContacts(store.contact_folders, store.contacts)
        planner = BatchPlanner(ids, self.clock, carriers.names, webhooks)
        return Desk(
            store,
            CreateBatch(store.intake, planner, signals, schemas, copies),
            AddScheduledCalls(store.intake, signals, schemas, copies),
            StartBatch(store.batches, signals),
            StopBatch(store.batches, self.clock, signals),
            UpdateBatch(store.batches, signals, webhooks),
            UpdateAccount(store.accounts, signals),
            CreateSuppressions(store.suppressions, self.clock, signals),
            EndCall(store.calls, carriers.find),
            ResolveCall(store.calls, store.dispatch, signals),
        )

    def _says_that_clock_is_off(self) -> bool:
        return Obstacle.CLOCK in self._engine.obstacles

    @property
    def is_up(self) -> bool:
        return not self.is_dead and not self.process.is_stopped

    def start(self) -> None:
        self.begin(self._start())

    async def _start(self) -> None:
        # What the first transaction fails at, the process manager tries again.
        while True:
            try:
                await self._engine.start()
            except asyncio.CancelledError:
                raise
            except Exception:  # noqa: BLE001 whatever it was
                await asyncio.sleep(1)
            else:
                break
        self._delivery.start()

    def stand_still(self) -> None:
        self._loop.stop_process(self.process)

    def go_on(self) -> None:
        self._loop.continue_process(self.process)

    async def crash(self) -> None:
        self.is_dead = True
        self.database.die()
        await self._loop.end_process(self.process)

    def begin(self, work: Coroutine[Any, Any, Any]) -> "asyncio.Task[Any]":
        """In this process: it stands still and ends with it."""
        task: asyncio.Task[Any] = self._loop.run_in(
            self.process, lambda: self._loop.create_task(work)
        )
        task.add_done_callback(_looked_at)
        return task

    async def ask(
        self, work: Callable[[Desk], Coroutine[Any, Any, Any]], patience_seconds: float
    ) -> "asyncio.Task[Any] | None":
        """The answer as a task that is done; None when none came in time."""
        task = self.begin(work(self.desk))
        done, _ = await asyncio.wait([task], timeout=patience_seconds)
        return task if done and not task.cancelled() else None

    async def receive(self, callback: RawCallback) -> None:
        """As the gateway does: applied, then answered."""
        await self._engine.take_callback(callback, self._carrier)


def _looked_at(task: "asyncio.Task[Any]") -> None:
    """Whoever asked may be gone by now."""
    error = None if task.cancelled() else task.exception()
    if error is not None and not isinstance(error, OutdialError | PlantedError):
        raise error
