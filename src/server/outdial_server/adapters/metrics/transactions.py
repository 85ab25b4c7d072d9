"""Writing transactions, timed for Prometheus."""

from time import perf_counter

from prometheus_client import CollectorRegistry

from outdial_server.adapters.metrics.event_log import EventLog
from outdial_server.adapters.metrics.instruments import ITEMS, Cell, Counting, Spread, Spreads
from outdial_server.ports.telemetry import Happened, Transaction


class Transactions:
    def __init__(self, registry: CollectorRegistry, log: EventLog) -> None:
        self.log = log
        self.waits = Spreads(
            registry,
            "outdial_transaction_wait_seconds",
            "How long writing transactions waited for the writer.",
        ).of()
        self._seconds = Spreads(
            registry,
            "outdial_transaction_seconds",
            "How long writing transactions took once they had the writer, commit included.",
            ["verb"],
        )
        self._items = Spreads(
            registry,
            "outdial_group_items",
            "How many calls, reports or callbacks one transaction took together.",
            ["verb"],
            ITEMS,
        )
        self._rolled_back = Counting(
            registry,
            "outdial_transactions_rolled_back_total",
            "Writing transactions that were refused or failed.",
            ["verb"],
        )
        self._verbs: dict[str, _Verb] = {}

    def asked(self, name: str) -> Transaction:
        verb = self._verbs.get(name)
        if verb is None:
            verb = self._verbs[name] = _Verb(
                self, self._seconds.of(name), self._rolled_back.of(name), self._items, name
            )
        return _Timed(verb)


class _Verb:
    """The series of one verb."""

    def __init__(
        self, owner: Transactions, seconds: Spread, rolled_back: Cell, items: Spreads, name: str
    ) -> None:
        self.log = owner.log
        self.waits = owner.waits
        self.seconds = seconds
        self.rolled_back = rolled_back
        self._items = items
        self._name = name

    def took(self, group_size: int) -> None:
        self._items.of(self._name).observe(group_size)


class _Timed:
    """A transaction on its way."""

    __slots__ = ("_asked", "_begun", "_verb")

    def __init__(self, verb: _Verb) -> None:
        self._verb = verb
        self._asked = perf_counter()
        self._begun = 0.0

    def begun(self, group_size: int | None = None) -> None:
        if self._begun:
            return
        self._begun = perf_counter()
        self._verb.waits.observe(self._begun - self._asked)
        if group_size is not None:
            self._verb.took(group_size)

    def committed(self, happened: Happened) -> None:
        self._verb.seconds.observe(perf_counter() - self._begun)
        self._verb.log.add(happened)

    def rolled_back(self) -> None:
        self._verb.seconds.observe(perf_counter() - self._begun)
        self._verb.rolled_back.value += 1
