"""Questions for forecasts, in few words."""

import random
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from outdial_server.domain.account import AccountRules
from outdial_server.domain.batch import Batch, BatchState
from outdial_server.domain.call import Disposition
from outdial_server.domain.forecast.forecast import Forecast, forecast
from outdial_server.domain.forecast.history import History, PastCall
from outdial_server.domain.forecast.people import Alike, Lot
from outdial_server.domain.forecast.question import DialledBatch, LiveCall, Question
from outdial_server.domain.forecast.throttle_log import ThrottlePast
from outdial_server.domain.gates import ScopeFacts
from outdial_server.domain.slots import ScopeKind, SlotRow, SlotScope
from outdial_server.domain.throttle import RuleUse, ThrottleUse
from support.clock import START
from support.domain import a_batch

AGENT_KEY = 1
ACCOUNT_KEY = 1


def chances(seed: int = 1) -> Callable[[int], random.Random]:
    return lambda number: random.Random(f"{seed}/{number}")


def slot(kind: ScopeKind, owner: int, cap: int | None, used: int = 0) -> SlotRow:
    return SlotRow(SlotScope(kind, owner), cap, cap, used)


def dialled(
    people: int | Sequence[Lot],
    *,
    key: int = 1,
    slots: int = 100,
    account_slots: int = 1000,
    live: Sequence[LiveCall] = (),
    rules: AccountRules | None = None,
    state: BatchState = BatchState.RUNNING,
    agent_key: int = AGENT_KEY,
    throttle_key: int | None = None,
    **values: Any,
) -> DialledBatch:
    """A batch whose people are due now, or as the lots say."""
    lots = [Lot(Alike(), 0, people)] if isinstance(people, int) else people
    waiting = sum(lot.count for lot in lots)
    alive = sum(call.count for call in live)
    batch = a_batch(state, waiting=waiting, dialing=alive, **values)
    return DialledBatch(
        key=key,
        agent_key=agent_key,
        batch=batch,
        rules=rules or AccountRules(),
        facts=_facts(batch, key, slots, account_slots, alive),
        throttle_key=throttle_key,
        lots=lots if waiting else (),
        live=live,
    )


def _facts(batch: Batch, key: int, slots: int, account_slots: int, used: int) -> ScopeFacts:
    rows = [
        slot(ScopeKind.ACCOUNT, ACCOUNT_KEY, account_slots, used),
        slot(ScopeKind.ACCOUNT_BATCHES, ACCOUNT_KEY, account_slots, used),
        slot(ScopeKind.AGENT, AGENT_KEY, None, used),
        slot(ScopeKind.BATCH, key, slots, used),
    ]
    return ScopeFacts(batch, rows)


def unused(past: ThrottlePast) -> ThrottleUse:
    return ThrottleUse(tuple(RuleUse(rule, 0) for rule in past.rules))


def calls(
    disposition: Disposition = Disposition.ANSWERED_HUMAN,
    *,
    count: int = 1000,
    ring: float = 5.0,
    talk: float = 55.0,
    attempt: int = 1,
) -> list[PastCall]:
    """Calls that are all the same: rates and lengths that leave next to nothing open."""
    return [PastCall(attempt, disposition, ring, talk, 30.0)] * count


def history(of_agent: Sequence[PastCall] = ()) -> History:
    return History({AGENT_KEY: of_agent or calls()})


def asked(
    *batches: DialledBatch,
    past: Sequence[PastCall] = (),
    horizon: timedelta = timedelta(days=30),
    throttles: Mapping[int, ThrottlePast] | None = None,
) -> Question:
    """About the first of them."""
    return Question(
        at=START,
        horizon=horizon,
        asked=batches[0].key,
        batches=batches,
        throttles=throttles or {},
        history=history(past),
    )


def told(question: Question, seed: int = 1) -> Forecast:
    return forecast(question, chances(seed))
