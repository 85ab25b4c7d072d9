"""A world made from a seed: servers, a carrier, endpoints, people and accidents, on a clock that
jumps; and whoever judges all of it while it goes on."""

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Final

import structlog
from structlog.typing import EventDict

from outdial_server.adapters.signals import InProcessSignals
from outdial_server.domain.errors import UnavailableError
from outdial_server.domain.ids import (
    AccountId,
    AgentId,
    CallId,
    CarrierConfigId,
    ThrottleId,
)
from outdial_server.ports.carrier import DialRequest, RawCallback
from outdial_server.storage.encoding import micros
from outdial_server.storage.store import Store, store_over
from outdial_server.storage.tx import Tx
from simulation import rows
from simulation.accidents import Accidents
from simulation.carrier import Answer, Manners, SimulatedExchange
from simulation.chance import Dice, SeededIds
from simulation.database import Disk, PlantedError, SimulatedDatabase, Weather
from simulation.dialling import Judge
from simulation.endpoint import Endpoint
from simulation.explaining import Foreseen
from simulation.founding import found
from simulation.loop import ProcessLoop
from simulation.operators import Operators
from simulation.scenario import draw_manners, draw_scenario, draw_weather
from simulation.server import Server
from simulation.story import Story
from support.virtual_time import LoopClock

ENDS_WITHIN_SECONDS: Final = 1200
"""Once nothing goes wrong any more, all that was begun comes to its end by then."""

_LINES_SHOWN: Final = 12

_CALLBACK_TRIES: Final = 4
_CALLBACK_PATIENCE_SECONDS: Final = 5

_FAULTS_OF_OURS: Final = ("error", "critical")


@dataclass(frozen=True, slots=True)
class Ending:
    """How a world went. `broken` is empty when all promises were kept."""

    seed: int
    broken: str
    hash: str
    lines: list[str]
    transactions: int
    calls_placed: int
    explanations: int

    def in_words(self) -> str:
        """Of one that is broken: what is needed to look into it."""
        story = "\n".join(self.lines[-_LINES_SHOWN:])
        return f"seed {self.seed}: {self.broken}\n{story}\nmake sim SEED={self.seed} replays it\n"


class World:
    """Surroundings, Far, Office and Watching of its parts."""

    def __init__(self, seed: int, loop: ProcessLoop) -> None:
        self._seed = seed
        self.loop = loop
        self.clock = LoopClock(loop)
        self.story = Story(loop.time)
        self.scenario = draw_scenario(self.dice("scenario"))
        self.is_single = self.scenario.is_single
        self.disk = Disk()
        self.watching = self
        self.sender = Endpoint(self.dice("endpoint"))
        manners = draw_manners(self.dice("manners"))
        self.exchange = SimulatedExchange(self, self.dice("carrier"), manners)
        self.weather = draw_weather(self.dice("weather"), is_single=self.is_single)
        self.judge = Judge(self.disk.read, lambda: micros(self.clock.now()))
        self.servers: list[Server] = []
        self.transactions = 0
        self.account_id = AccountId("")
        self.agent_ids: Sequence[AgentId] = ()
        self.config_id = CarrierConfigId("")
        self.throttle_id = ThrottleId("")
        self._log = rows.EventLog(lambda batch, event: self.tell(f"batch {batch}", event))
        self._foreseen: Foreseen | None = None
        self._broken: asyncio.Future[str] = loop.create_future()
        self._chosen = self.dice("which server")
        self._waiting: list[tuple[str, str, asyncio.Future[None]]] = []
        # Of nobody's process, for what the world itself does later.
        self._nobody = Context()
        loop.set_exception_handler(lambda _, context: self.fail(f"in the loop: {context}"))

    # --- what its parts ask for

    def dice(self, part: str) -> Dice:
        return Dice(self._seed, part)

    def seconds(self) -> float:
        return self.loop.time()

    def later(self, delay: float, work: Callable[[], None]) -> asyncio.TimerHandle:
        return self.loop.call_later(delay, work, context=self._nobody)

    def tell(self, who: str, what: str) -> None:
        self.story.tell(who, what)

    def server(self) -> Server | None:
        up = [server for server in self.servers if server.is_up]
        return self._chosen.one_of(up) if up else None

    def new_server(self, number: int, life: int) -> Server:
        return Server(self, number, life, self.exchange.line(), self.weather)

    def call_back(self, callback: RawCallback) -> None:
        self._keep(self.loop.create_task(self._deliver(callback)))

    async def _deliver(self, callback: RawCallback) -> None:
        for _ in range(_CALLBACK_TRIES):
            server = self.server()
            if server is not None:
                task = server.begin(server.receive(callback))
                done, _ = await asyncio.wait([task], timeout=_CALLBACK_PATIENCE_SECONDS)
                if done and not task.cancelled() and task.exception() is None:
                    return
            await asyncio.sleep(1)
        self.tell("carrier", "a callback is lost")

    def request_leaves(self, request: DialRequest, answer: Answer) -> None:
        self._judged(lambda: self.judge.request_leaves(request, answer))

    def call_ended(self, call_id: CallId) -> None:
        self.judge.call_ended(call_id)

    async def after_next(self, verb: str, patience_seconds: float, who: str = "") -> None:
        """Returns right after a commit of this verb that changed something: before whoever
        asked for it hears of it."""
        heard: asyncio.Future[None] = self.loop.create_future()
        self._waiting.append((verb, who, heard))
        await asyncio.wait([heard], timeout=patience_seconds)

    # --- the transactions

    def begins(self, tx: Tx, verb: str) -> None:
        if verb == "claim" and self._foreseen is not None:
            foreseen = self._foreseen
            self._judged(lambda: foreseen.look(tx))

    def committed(self, who: str, tx: Tx, verb: str, changes: int, result: object) -> None:
        self.transactions += 1
        self.story.count(f"{who} {verb} {changes}")
        self._judged(lambda: self._check(verb, changes, result))
        if changes:
            self._let_hear(who, verb)

    def _let_hear(self, who: str, verb: str) -> None:
        waiting, self._waiting = self._waiting, []
        for wanted, by, heard in waiting:
            if wanted == verb and by in {"", who}:
                heard.set_result(None)
            elif not heard.done():
                self._waiting.append((wanted, by, heard))

    def _check(self, verb: str, changes: int, result: object) -> None:
        read = self.disk.read
        if verb == "claim" and self._foreseen is not None:
            self._foreseen.check(result)  # type: ignore[arg-type] # what that verb gives
        if not changes:
            return
        slots = rows.read_slots(read)
        self.judge.caps.note(slots, micros(self.clock.now()))
        self.judge.check_sending()
        rows.check_ledger(read, slots)
        rows.check_counters(read)
        rows.check_calls(read)
        self._log.follow(read)

    def _judged(self, check: Callable[[], None]) -> None:
        """The first promise that is broken ends the world, whoever would have caught it."""
        if self._broken.done():
            return
        try:
            check()
        except Exception as error:  # noqa: BLE001 a checker that fails is a failure, too
            self.fail(f"{type(error).__name__}: {error}" if str(error) else repr(error))

    def fail(self, what: str) -> None:
        if not self._broken.done():
            self.tell("JUDGE", what)
            self._broken.set_result(what)

    def _logged(self, _logger: object, method: str, event: EventDict) -> EventDict:
        """An error in our own log is one, unless it was planted."""
        error = sys.exc_info()[1] if event.get("exc_info") else None
        if method in _FAULTS_OF_OURS and not isinstance(error, PlantedError | UnavailableError):
            self.fail(f"the log says {event['event']}: {error!r}")
        raise structlog.DropEvent

    # --- its life

    async def run(self) -> Ending:
        before = structlog.get_config()
        structlog.configure(processors=[self._logged], cache_logger_on_first_use=False)
        try:
            await self._live_until_broken()
        finally:
            structlog.configure(**before)
            for server in self.servers:
                await server.crash()
            self.disk.close()
        assert self._broken.done()
        return Ending(
            self._seed,
            self._broken.result(),
            self.story.hash,
            self.story.lines,
            self.transactions,
            len(self.exchange.calls),
            self._foreseen.compared if self._foreseen else 0,
        )

    async def _live_until_broken(self) -> None:
        life = self._keep(asyncio.create_task(self._live()))
        await asyncio.wait([life, self._broken], return_when=asyncio.FIRST_COMPLETED)
        if life.done():
            life.result()
        life.cancel()
        await asyncio.wait([life])

    async def _live(self) -> None:
        await self._begin()
        operators, accidents = Operators(self), Accidents(self)
        await self._have_trouble(operators, accidents)
        self.tell("world", "nothing goes wrong any more")
        self._calm_down()
        await accidents.mend()
        await self._come_to_the_end(operators)

    async def _have_trouble(self, *parts: Operators | Accidents) -> None:
        trouble = [asyncio.create_task(part.work()) for part in parts]
        try:
            await asyncio.wait(trouble, timeout=self.scenario.length_seconds)
        finally:
            for task in trouble:
                task.cancel()
        for task in trouble:
            await asyncio.wait([task])
            if not task.cancelled() and task.exception() is not None:
                task.result()

    def _calm_down(self) -> None:
        self.exchange.manners = Manners.good()
        self.sender.fails_percent = 0
        self.weather = Weather.calm()
        for server in self.servers:
            server.database.weather = self.weather

    async def _begin(self) -> None:
        ids = SeededIds(self.clock, self.dice("ids"), 4000)
        founded = await found(self._quiet_store(), ids, self.scenario)
        self.account_id, self.agent_ids = founded.account_id, founded.agent_ids
        self.throttle_id, self.config_id = founded.throttle_id, founded.config_id
        if self.scenario.has_webhook:
            self.sender.fails_percent = self.dice("endpoint").one_of([0, 20, 90])
        self._foreseen = Foreseen(self.account_id, self.dice("explanations"), self.disk.read)
        for number in range(self.scenario.servers):
            server = self.new_server(number, 0)
            self.servers.append(server)
            server.start()

    def _quiet_store(self) -> Store:
        signals = InProcessSignals(self.clock)
        return store_over(
            SimulatedDatabase(
                "setup",
                self.disk,
                self.clock,
                SeededIds(self.clock, self.dice("setup"), 4001),
                signals,
                self.dice("setup"),
                Weather.calm(),
                self,
                is_alone=True,
            )
        )

    async def _come_to_the_end(self, operators: Operators) -> None:
        until = self.seconds() + ENDS_WITHIN_SECONDS
        while left := self._left_over():
            if self.seconds() > until:
                self.fail(f"never comes to its end: {left}")
                return
            await operators.help_on()
            await asyncio.sleep(5)
        slots = {s: used for s, (_, used) in rows.read_slots(self.disk.read).items() if used}
        alive = list(self.judge.live)
        if slots or alive or self.sender.faults:
            self.fail(f"left at the end: {slots} {alive} {self.sender.faults}")
        elif not self._broken.done():
            self._broken.set_result("")

    def _left_over(self) -> dict[str, int]:
        counted = {
            what: self.disk.read(f"SELECT COUNT(*) FROM {where}")[0][0]
            for what, where in _LEFT_OVER.items()
        }
        return {what: count for what, count in counted.items() if count}

    def _keep(self, task: "asyncio.Task[None]") -> "asyncio.Task[None]":
        """What fails in the world itself is a failure."""

        def done(task: "asyncio.Task[None]") -> None:
            if not task.cancelled() and task.exception() is not None:
                self.fail(f"in the world itself: {task.exception()!r}")

        task.add_done_callback(done)
        return task


_LEFT_OVER: Final = {
    "rows": "scheduled_calls s JOIN batches b ON b.key = s.batch_key "
    "WHERE s.final_state IS NULL AND s.position < b.next_position",
    "batches": "batches WHERE revealed_us IS NOT NULL AND ended_us IS NULL AND total > 0",
    "slots": "slots WHERE used > 0",
    "callbacks": "callbacks",
}


def run_world(seed: int) -> Ending:
    with asyncio.Runner(loop_factory=ProcessLoop) as runner:
        loop = runner.get_loop()
        assert isinstance(loop, ProcessLoop)
        return runner.run(World(seed, loop).run())
