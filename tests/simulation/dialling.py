"""Who may be dialled, judged at the two moments that count: when SENDING is committed, and when
the request leaves for the carrier."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import orjson

from outdial_server.domain.ids import CallId
from outdial_server.ports.carrier import DialRequest
from outdial_server.storage.encoding import moment, pack_id
from simulation.carrier import Answer
from simulation.rates import SECOND_US, Rates
from simulation.rows import SENDING, Read, Slots, holders

RUNNING: Final = 3
LEAVES_WITHIN_US: Final = 5 * SECOND_US
"""After SENDING; later a request does not leave any more."""

CLAIM_STANDS_US: Final = 15 * SECOND_US
"""A claim made under a cap may be sent so much later, when the cap is lower."""


class Caps:
    """What each scope may hold, as it was over time."""

    def __init__(self) -> None:
        self._history: defaultdict[tuple[int, int], list[tuple[int, int | None]]]
        self._history = defaultdict(list)

    def note(self, slots: Slots, now_us: int) -> None:
        for scope, (target, _) in slots.items():
            history = self._history[scope]
            if not history or history[-1][1] != target:
                history.append((now_us, target))

    def most(self, scope: tuple[int, int], now_us: int) -> int | None:
        """The largest that a call which leaves now can have been claimed under."""
        since = now_us - CLAIM_STANDS_US - LEAVES_WITHIN_US
        history = self._history[scope]
        ends = [at for at, _ in history[1:]] + [now_us + 1]
        caps = [cap for (_, cap), end in zip(history, ends, strict=True) if end > since]
        return None if None in caps else max(cap for cap in caps if cap is not None)


class _Sending(NamedTuple):
    """A call, with what decides whether it may be one."""

    key: int
    fence: int
    account: int
    batch: int
    state: int
    window_start_us: int | None
    window_end_us: int | None
    row: int
    address: str
    opens: int | None
    closes: int
    zone: str
    sent_us: int
    throttle: int | None
    rate: int | None
    rate_us: int | None


@dataclass(slots=True)
class Live:
    """A call at the carrier, from its request on."""

    person: int
    scopes: list[tuple[int, int]]


@dataclass
class Judge:
    read: Read
    now_us: Callable[[], int]
    caps: Caps = field(default_factory=Caps)
    rates: Rates = field(default_factory=Rates)
    # At the carrier, whatever anybody believes.
    live: dict[CallId, Live] = field(default_factory=dict)
    placed: set[CallId] = field(default_factory=set)
    # Batches whose stop was answered with no send in flight, and that nobody let on since.
    _stopped: set[bytes] = field(default_factory=set)
    # How often somebody asked to let each go on.
    _let_on: Counter[bytes] = field(default_factory=Counter)
    _sending: set[tuple[int, int]] = field(default_factory=set)

    # --- SENDING

    def check_sending(self) -> None:
        """After each transaction: those that are SENDING since."""
        now_us = self.now_us()
        found = [
            _Sending(*columns)
            for columns in self.read(
                "SELECT c.key, c.fence, c.account_key, b.key, b.state, b.window_start_us, "
                "b.window_end_us, s.key, coalesce(s.normalized_address, s.address), "
                "b.hours_start_minute, b.hours_end_minute, coalesce(s.time_zone, b.time_zone), "
                "c.sent_us, c.throttle_key, c.rate_key, c.rate_us "
                "FROM calls c JOIN batches b ON b.key = c.batch_key "
                f"JOIN scheduled_calls s ON s.key = c.scheduled_key WHERE c.state = {SENDING}"
            )
        ]
        before, self._sending = self._sending, {(call.key, call.fence) for call in found}
        for call in found:
            if (call.key, call.fence) not in before:
                self._check_one(call, now_us)
                self._note_rates(call)

    def _check_one(self, call: "_Sending", now_us: int) -> None:
        who = f"row {call.row} of batch {call.batch} is sent"
        start_us, end_us = call.window_start_us, call.window_end_us
        assert call.state == RUNNING, f"{who} in batch state {call.state}"
        assert start_us is None or start_us <= now_us, f"{who} before its window"
        assert end_us is None or now_us < end_us, f"{who} behind its window"
        if call.opens is not None:
            local = moment(now_us).astimezone(ZoneInfo(call.zone))
            minute = local.hour * 60 + local.minute
            assert call.opens <= minute < call.closes, f"{who} at {local:%H:%M} in {call.zone}"
        listed = self.read(
            "SELECT key FROM suppressions WHERE account_key = :account AND address = :address "
            "AND (expires_us IS NULL OR expires_us > :now)",
            account=call.account,
            address=call.address,
            now=now_us,
        )
        assert listed == [], f"{who} and is on the do-not-call list"

    def _note_rates(self, call: "_Sending") -> None:
        counted_us = {call.throttle: call.sent_us, call.rate: call.rate_us}
        rules = self.read(
            "SELECT key, rules_json FROM throttles WHERE key IN (:throttle, :rate)",
            throttle=call.throttle,
            rate=call.rate,
        )
        self.rates.note_sending(
            call.key, {key: (counted_us[key], orjson.loads(text)) for key, text in rules}
        )

    # --- what people were told

    def lets_on(self, batch: bytes) -> None:
        self._stopped.discard(batch)
        self._let_on[batch] += 1

    def stops(self, batch: bytes) -> Callable[[], None]:
        """Somebody asks for a stop. What is returned is called with the answer that no request
        can follow, which says nothing where the batch was let go on meanwhile."""
        before = self._let_on[batch]

        def is_answered() -> None:
            if self._let_on[batch] == before:
                self._stopped.add(batch)

        return is_answered

    # --- the request

    def request_leaves(self, request: DialRequest, answer: Answer) -> None:
        call_id = request.call_id
        row = self.read(
            "SELECT c.key, c.state, c.sent_us, c.scheduled_key, b.id, c.account_key, "
            "c.agent_key, c.batch_key, c.carrier_config_key "
            "FROM calls c JOIN batches b ON b.key = c.batch_key WHERE c.id = :id",
            id=pack_id(call_id),
        )
        assert row, "a request leaves for a call that is not stored"
        key, state, sent_us, person, batch, *owner = row[0]
        assert state == SENDING, f"a request leaves for a call in state {state}"
        late_us = self.now_us() - sent_us
        assert late_us <= LEAVES_WITHIN_US, f"a request leaves {late_us} us after SENDING"
        assert batch not in self._stopped, "a request leaves for a batch that has stopped"
        if not answer.leaves:
            return
        others = [other for other, live in self.live.items() if live.person == person]
        assert others == [], f"person {person} has a live call already"
        assert call_id not in self.placed, "a call that was placed is placed again"
        if answer.is_placed or answer is Answer.REFUSED:
            # Of the others it turns out, sooner or later, that they were no calls.
            self.rates.check_placed(key)
        if answer.is_placed:
            self.placed.add(call_id)
            self.live[call_id] = Live(person, holders(tuple(owner)))
            self._check_caps(self.live[call_id].scopes)

    def call_ended(self, call_id: CallId) -> None:
        self.live.pop(call_id, None)

    def _check_caps(self, scopes: Iterable[tuple[int, int]]) -> None:
        for scope in scopes:
            most = self.caps.most(scope, self.now_us())
            alive = sum(scope in live.scopes for live in self.live.values())
            assert most is None or alive <= most, f"{alive} live calls in {scope}, of {most}"
