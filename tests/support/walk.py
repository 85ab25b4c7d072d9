"""One account to which anything may happen, step by step: after each, what must always hold,
holds."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from random import Random

from outdial_server.domain import batch_rules as rules
from outdial_server.domain.batch import BatchState
from outdial_server.domain.batch_policies import ConfigErrorPolicy, DuplicatePolicy, UnknownPolicy
from outdial_server.domain.batch_webhook import BatchWebhook
from outdial_server.domain.call import CallState, Disposition
from outdial_server.domain.call_event import CallEvent, Joined, Over
from outdial_server.domain.carrier_config import CarrierConfigFields, CarrierRates
from outdial_server.domain.conversation import Conversation
from outdial_server.domain.errors import ExhaustedError, OutdialError, PreconditionError, Reason
from outdial_server.domain.ids import AgentId, BatchId, CallId, CarrierConfigId, ThrottleId
from outdial_server.domain.medium import Medium
from outdial_server.domain.number_rules import NO_NUMBER_RULES, NumberRules
from outdial_server.domain.paging import PageRequest
from outdial_server.domain.report import CallReport, Fault, ReportKind
from outdial_server.domain.retention import Retention
from outdial_server.domain.retry import RETRYABLE_STATES
from outdial_server.domain.scheduled_call import ScheduledCallState
from outdial_server.domain.suppression import SuppressionFields
from outdial_server.domain.throttle import ThrottleFields, ThrottleRule
from outdial_server.domain.webhook_secrets import SealedSecrets
from outdial_server.ports.batches import Decide
from outdial_server.ports.dispatch import ClaimedCall
from outdial_server.storage.encoding import pack_id
from support.dial_judge import DialJudge
from support.draws import Draws
from support.explained import MOMENT, Explained
from support.invariants import check_invariants
from support.kept import read_kept
from support.stores import World, new_row, new_rows, number
from support.walk_weights import OPERATORS, PASSES, WEIGHTS

STEPS = 100

BY_DIALLER = {ReportKind.NOT_SENT, ReportKind.REFUSED, ReportKind.UNCLEAR}
SPEAKS_OF_ITSELF = {ReportKind.ACCEPTED, ReportKind.RINGING, ReportKind.ANSWERED}

STAYS_ENDED = {BatchState.DRAFT, BatchState.CANCELLED, BatchState.FAILED}

ENDS_A_REQUEST = {ReportKind.REFUSED, ReportKind.UNCLEAR}

WEBHOOK = BatchWebhook("https://hooks.example.com/", SealedSecrets("sealed"))

RULES = (
    ThrottleRule(3, timedelta(seconds=2)),
    ThrottleRule(10, timedelta(seconds=60)),
)

KEEP = Retention(
    events=timedelta(seconds=60),
    payloads=timedelta(seconds=90),
    batches=timedelta(seconds=300),
    deleted=timedelta(seconds=30),
    calls=timedelta(seconds=400),
)
"""Some of a walk is erased before its end, and some not."""


class Walk:
    """One account, two agents, a few batches, and whatever happens to them."""

    operators: AbstractSet[str] = OPERATORS

    def __init__(self, world: World, seed: int, weights: Mapping[str, int] = WEIGHTS) -> None:
        self.world = world
        self.seed = seed
        self.slow = f"slow {seed}"
        self.config_id = CarrierConfigId(world.ids.new_id())
        self.random = Random(seed)
        self.draws = Draws(self.random, f"main {seed}")
        self.weights = weights
        self.agents: list[AgentId] = [world.agent_id]
        self.batches: list[BatchId] = []
        self.direct_calls: list[CallId] = []
        self.claims: list[ClaimedCall] = []
        self.sent: list[ClaimedCall] = []
        self.log: list[str] = []
        self.judge = DialJudge(world)
        self.explained = Explained(world)

    async def begin(self) -> None:
        self.agents.append(await self.world.new_agent(f"Bob {self.seed}", self.draws.cap()))
        await self.world.store.throttles.create_throttle(
            self.world.account_id,
            ThrottleId(self.world.ids.new_id()),
            ThrottleFields(self.slow, RULES),
        )
        await self.world.store.carrier_configs.create_carrier_config(
            self.world.account_id,
            self.config_id,
            "simulated",
            self.draws.limits(),
            CarrierRates({}),
        )
        await self.take("create")

    async def run(self, steps: int) -> None:
        await self.begin()
        names = list(self.weights)
        for name in self.random.choices(names, list(self.weights.values()), k=steps):
            await self.take(name)

    async def take(self, name: str) -> None:
        """One step, after which everything must hold."""
        self.log.append(name)
        if name in self.operators:
            self.explained.forget()
        elif name not in PASSES:
            self.explained.event()
        try:
            await getattr(self, name)()
            await check_invariants(self.world.store)
        except AssertionError as error:
            raise AssertionError(f"after {len(self.log)} steps, {self.log[-8:]}") from error

    def chance(self, percent: int) -> bool:
        return self.draws.chance(percent)

    def some_batch(self) -> BatchId:
        return self.random.choice(self.batches)

    # --- batches

    async def create(self) -> None:
        opens_in, closes_in = self.random.choice(
            [(None, None)] * 3 + [(20, None), (-5, 60), (5, 40)]
        )
        webhook = WEBHOOK if self.chance(40) else None
        media = [None] if webhook is None else [None, None, *Medium]
        stored = await self.world.create(
            [
                new_row(
                    n,
                    medium=self.random.choice(media),
                    priority=self.random.randint(0, 1),
                    template_context_json='{"name":"Ada"}',
                    time_zone=self.draws.zone(),
                )
                for n in range(self.random.randint(1, 6))
            ],
            draft=self.chance(20),
            agent_id=self.random.choice(self.agents),
            duplicates=self.random.choice(list(DuplicatePolicy)),
            window_start=None if opens_in is None else self.world.later(seconds=opens_in),
            window_end=None if closes_in is None else self.world.later(seconds=closes_in),
            priority=self.random.randint(0, 2),
            max_concurrent_calls=self.draws.cap(),
            throttle=self.slow if self.chance(30) else "",
            carrier_config=self.config_id if self.chance(40) else "",
            unknown_policy=self.random.choice(list(UnknownPolicy)),
            on_config_error=self.random.choice(list(ConfigErrorPolicy)),
            ring_timeout=timedelta(seconds=30),
            max_call_duration=timedelta(seconds=60),
            retry_policy=self.draws.policy(),
            webhook=webhook,
            medium=Medium.WEBHOOK if webhook and self.chance(50) else Medium.OUTGOING,
            **self.draws.schedule(),
        )
        self.batches.append(stored.batch.batch_id)
        self.judge.note_budget(stored.batch.batch_id, stored.batch.settings.retry_policy)

    async def add(self) -> None:
        # What the rules refuse is refused, and then nothing may have changed.
        rows = new_rows(self.random.randint(0, 4), self.random.randint(0, 8))
        with suppress(OutdialError):
            await self.world.add(self.some_batch(), rows)

    async def replace(self) -> None:
        rows = new_rows(self.random.randint(1, 4), self.random.randint(0, 8))
        with suppress(OutdialError):
            await self.world.replace_and_leave(self.some_batch(), rows)

    async def start(self) -> None:
        await self._decide(rules.start)

    async def pause(self) -> None:
        await self._decide(rules.pause)

    async def _start_or_cancel(self, batch_id: BatchId) -> None:
        """Nobody can start a draft whose window is over."""
        try:
            await self.world.change(batch_id, rules.start)
        except OutdialError as error:
            if error.reason is Reason.WINDOW_CLOSED:
                await self.world.change(batch_id, rules.cancel)

    async def resume(self) -> None:
        for batch_id in self.batches:
            with suppress(OutdialError):
                await self.world.change(batch_id, rules.resume)

    async def cancel(self) -> None:
        await self._decide(rules.cancel)

    async def delete(self) -> None:
        await self._decide(rules.delete)

    async def _decide(self, decide: Decide) -> None:
        with suppress(OutdialError):
            await self.world.change(self.some_batch(), decide)

    async def edit(self) -> None:
        opens_in = self.random.choice([None, None, -5, 10])
        start = None if opens_in is None else self.world.later(seconds=opens_in)
        schedule = self.draws.schedule() if self.chance(50) else {}
        batch_id = self.some_batch()
        end = (await self.world.look(batch_id)).settings.window_end
        if start is not None and end is not None and start >= end:
            # The command refuses a window that ends before it begins.
            start = None
        with suppress(OutdialError):
            await self.world.edit(
                batch_id,
                max_concurrent_calls=self.draws.cap(),
                window_start=start,
                **schedule,
            )

    async def edit_policy(self) -> None:
        batch_id, policy = self.some_batch(), self.draws.policy()
        with suppress(OutdialError):
            await self.world.edit(batch_id, retry_policy=policy)
            self.judge.note_budget(batch_id, policy)

    async def change_limits(self) -> None:
        cap = self.random.randint(1, 8)
        await self._set_limits(cap, self.random.randint(0, min(cap, 2)), self.draws.cap())

    async def _set_limits(self, cap: int, reserve: int, agent_cap: int | None) -> None:
        await self.world.store.accounts.change_account(
            self.world.account_id,
            lambda a: replace(a, max_concurrent_calls=cap, reserved_slots=reserve),
        )
        await self.world.store.agents.change_agent(
            self.world.account_id,
            self.agents[1],
            lambda a: replace(a.fields, max_concurrent_calls=agent_cap),
        )

    async def cancel_row(self) -> None:
        row = self.random.choice(await self.world.rows(self.some_batch()))
        with suppress(OutdialError):
            await self.world.store.calls.cancel_scheduled_call(
                self.world.account_id, row.scheduled_call_id
            )

    async def suppress(self) -> None:
        """Or takes somebody off the list again."""
        account_id, suppressions = self.world.account_id, self.world.store.suppressions
        address = number(self.random.randint(0, 8))
        listed = (await suppressions.list_suppressions(account_id, PageRequest(), address)).items
        if listed and self.chance(70):
            await suppressions.delete_suppression(account_id, listed[0].suppression_id)
            return
        seconds = self.random.choice([None, 3, 60])
        until = None if seconds is None else self.world.later(seconds=seconds)
        await suppressions.put_suppressions(account_id, [address], SuppressionFields("", "", until))

    async def throttle(self) -> None:
        """Some batches are dialled through it from now on, and some no more."""
        with suppress(OutdialError):
            await self.world.edit(self.some_batch(), throttle=self.slow if self.chance(70) else "")

    async def carrier_config(self) -> None:
        """Some batches are dialled through it from now on, and some no more."""
        config = self.config_id if self.chance(70) else ""
        with suppress(OutdialError):
            await self.world.edit(self.some_batch(), carrier_config=config)

    async def change_config(self) -> None:
        await self._set_config(self.draws.limits())

    async def _set_config(self, fields: CarrierConfigFields) -> None:
        await self.world.store.carrier_configs.change_carrier_config(
            self.world.account_id, self.config_id, lambda _: fields, CarrierRates({})
        )

    async def number_rules(self) -> None:
        gap = self.random.choice([None, None, 1, 5, 90])
        asked = NumberRules(
            None if gap is None else timedelta(seconds=gap),
            self.random.choice([None, None, 1, 2]),
        )
        await self._set_number_rules(asked)

    async def _set_number_rules(self, asked: NumberRules) -> None:
        await self.world.store.accounts.change_account(
            self.world.account_id, lambda a: replace(a, number_rules=asked)
        )

    async def retry(self) -> None:
        """A batch that has ended goes on if one of its rows does, and only then."""
        batch_id = self.some_batch()
        before = await self.world.look(batch_id)
        later = self.world.later(seconds=self.random.choice([5, 60]))
        states = self.random.sample(sorted(RETRYABLE_STATES), self.random.randint(0, 4))
        dispositions = list(Disposition) if self.chance(30) else []
        group = self.random.randint(1, 4)
        with suppress(OutdialError):
            count = await self.world.retry(
                batch_id,
                *states,
                dispositions=dispositions,
                window_end=later if self.chance(30) else None,
                group=group,
            )
            after = await self.world.get(batch_id)
            assert before.state not in STAYS_ENDED
            assert (after.ended_at is None) == (before.ended_at is None or count > 0)
            assert after.counts.waiting == before.counts.waiting + count

    async def retry_row(self) -> None:
        row = self.random.choice(await self.world.rows(self.some_batch()))
        with suppress(OutdialError):
            again = await self.world.store.retries.retry_scheduled_call(
                self.world.account_id, row.scheduled_call_id, None
            )
            assert row.state in RETRYABLE_STATES
            assert again.state is ScheduledCallState.WAITING
            assert again.attempt_count == row.attempt_count

    # --- dialling

    async def claim(self) -> None:
        limit = self.random.randint(1, 6)
        before = await self.judge.slots()
        calls = await self.world.claim(limit)
        assert len(calls) <= limit
        await self.judge.check_slots(before)
        await self._keep(calls)

    async def _keep(self, calls: Sequence[ClaimedCall]) -> None:
        for call in calls:
            if call.batch_id is None:
                continue
            batch = await self.world.get(call.batch_id)
            assert self.judge.may_dial(batch)
            await self.judge.check_try(call, batch)
        await self.explained.check_claimed(calls)
        self.claims += calls

    async def direct(self) -> None:
        """One call outside any batch: made at once, left waiting, or refused."""
        seconds = self.random.choice([None, 5, 40])
        wait_until = None if seconds is None else self.world.later(seconds=seconds)
        before = await self.judge.slots()
        with suppress(ExhaustedError, PreconditionError):
            made = await self.world.direct(
                new_row(self.random.randint(0, 8)),
                wait_until=wait_until,
                agent_id=self.random.choice(self.agents),
                ring_timeout=timedelta(seconds=30),
                max_call_duration=timedelta(seconds=60),
            )
            self.direct_calls.append(made.call.call_id)
            if made.claimed is not None:
                self.claims.insert(0, made.claimed)
        await self.judge.check_slots(before)

    async def end_direct(self) -> None:
        if self.direct_calls:
            await self.world.store.calls.cancel_direct_call(
                self.world.account_id, self.random.choice(self.direct_calls)
            )

    async def external(self) -> None:
        """Another system calls, whatever our limits are."""
        agent = self.random.choice([None, *self.agents])
        ttl = self.random.choice([1, 3, 60])
        await self.world.report(f"theirs-{self.random.randint(0, 4)}", agent, "", ttl)

    async def external_ends(self) -> None:
        if self.chance(50):
            await self.world.hang_up(f"theirs-{self.random.randint(0, 4)}")
        else:
            freed = await self.world.store.dispatch.free_externals(self.random.randint(1, 3))
            assert freed.next_at is None or freed.next_at > self.world.clock.now()

    async def send(self) -> None:
        count = self.random.randint(1, 6)
        group = self.claims[:count]
        # Now and then the same claims come again, as after a commit of unknown end.
        if not self.chance(10):
            del self.claims[:count]
        of_batches = {c.batch_id for c in group if c.batch_id is not None}
        may: dict[BatchId | None, bool] = {None: True}
        may |= {b: self.judge.may_dial(await self.world.look(b)) for b in of_batches}
        suppressed = await self.judge.suppressed()
        dials = {batch_id: await self.judge.dials_today(batch_id) for batch_id in of_batches}
        sent = await self.world.send(group)
        assert not suppressed & {call.address for call in sent.calls}, "suppressed, yet sent"
        assert all(may[call.batch_id] for call in sent.calls), "nobody is sent who may not be"
        for batch_id, before in dials.items():
            cap = (await self.world.look(batch_id)).settings.max_calls_per_day
            after = await self.judge.dials_today(batch_id)
            assert cap is None or after <= max(before, cap), "more than a day's calls have gone"
        for call in sent.calls:
            assert await self.judge.is_in_hours(call), "nobody is called outside their hours"
        self.sent += sent.calls

    async def report(self) -> None:
        if self.sent:
            await self.world.apply(*(self._report() for _ in range(self.random.randint(1, 6))))

    async def tell(self) -> None:
        """Another system has its word on a call, of which nothing may be kept by now."""
        if not self.sent:
            return
        call = self.random.choice(self.sent)
        happened = self.random.choice([None, Joined(), Over(), Over(Disposition.BUSY)])
        said = Conversation(summary=self.random.choice("abc"))
        event = CallEvent(happened, said if happened is None or self.chance(50) else None)
        with suppress(OutdialError):
            await self.world.store.dispatch.apply_call_event(call.account_id, call.call_id, event)

    async def hang_up(self) -> None:
        """Slots come free."""
        calls = self.random.sample(self.sent, self.random.randint(0, len(self.sent)))
        await self.world.apply(*(CallReport(call.call_id, ReportKind.ENDED) for call in calls))

    async def come_back(self) -> None:
        """A carrier that is busy takes nobody now: some rows wait for a later moment."""
        sent = (await self.world.send(await self.world.claim(self.random.randint(1, 3)))).calls
        for call in sent:
            later = timedelta(seconds=self.random.choice([3, 30]))
            back = CallReport(
                call.call_id, ReportKind.NOT_SENT, retry_after=later, fence=call.fence
            )
            await self.world.apply(back)

    def _report(self) -> CallReport:
        # The latest calls more often than those of long ago.
        call = self.random.choice(self.sent[-10:] if self.chance(90) else self.sent)
        kind = self.random.choice([*ReportKind, ReportKind.ACCEPTED, *SPEAKS_OF_ITSELF])
        how = self.random.choice([None, *Disposition])
        return CallReport(
            call.call_id,
            kind,
            carrier_call_id=f"c-{call.call_id}" if self.chance(50) else "",
            disposition=how if kind in (ReportKind.ENDED, ReportKind.REFUSED) else None,
            retry_after=timedelta(seconds=self.random.choice([0, 0, 7, 40])),
            reason="" if kind in SPEAKS_OF_ITSELF else self.random.choice(["BUSY", "LATE", ""]),
            fault=Fault.CONFIGURATION if self.chance(20) else Fault.CALL,
            batch_rests=timedelta(seconds=4)
            if kind in ENDS_A_REQUEST and self.chance(30)
            else None,
            fence=call.fence if kind in BY_DIALLER or self.chance(30) else None,
        )

    # --- explanations

    async def explain(self) -> None:
        """Most times the claim that follows is held against what was said."""
        await self.explained.look(self.batches)
        if self.chance(40):
            calls = await self.world.claim()
            await self.explained.check_foreseen(self.batches, calls)
            await self._keep(calls)

    async def arrive(self) -> None:
        """At the very moment from which a row may be dialled, and just before."""
        await self.explained.look(self.random.sample(self.batches, min(3, len(self.batches))))
        soonest = self.explained.next_moment()
        if soonest is None or (soonest[1] > self.world.later(minutes=3) and self.chance(80)):
            return
        row_id, moment = soonest
        self.world.clock.advance(moment - MOMENT - self.world.clock.now())
        await self.world.store.dispatch.move_windows()
        await self._keep(await self.world.claim())
        self.world.clock.advance(MOMENT)
        await self.world.store.dispatch.move_windows()
        await self.explained.check_arrived(row_id)

    # --- upkeep

    async def wait(self) -> None:
        self.world.advance(seconds=self.random.choice([1, 1, 1, 2, 2, 5, 16, 45, 130]))

    async def reap(self) -> None:
        reaped = await self.world.store.dispatch.reap(every_lease=self.chance(20))
        assert reaped.next_at is None or reaped.next_at > self.world.clock.now()

    async def move_windows(self) -> None:
        moved = await self.world.store.dispatch.move_windows()
        assert moved.next_at is None or moved.next_at > self.world.clock.now()

    async def settle(self) -> None:
        await self.world.store.dispatch.settle(self.random.randint(1, 4))

    async def look_up(self) -> None:
        silent = await self.world.store.dispatch.silent_calls(self.random.randint(1, 4))
        assert silent.next_at is None or silent.next_at > self.world.clock.now()
        nobodys = {CallState.CLAIMED, CallState.SENDING, CallState.ENDED}
        assert not nobodys & {call.state for call in silent.calls}
        until = self.world.later(seconds=self.random.randint(0, 5))
        await self.world.store.dispatch.postpone([(c.call_id, until) for c in silent.calls])

    async def erase(self) -> None:
        before = await read_kept(self.world, KEEP)
        await self.world.store.retention.erase(KEEP, self.random.choice([1, 3, 10, 50]))
        assert await read_kept(self.world, KEEP) == before, "what is within its time is all there"
        present = await self.world.sql("SELECT id FROM batches WHERE erasure IS NULL")
        self.batches = [b for b in self.batches if (pack_id(b),) in present]
        if not self.batches:
            await self.create()

    # --- to the end

    async def drain(self) -> None:
        """Nothing new, and every limit lifted: each batch that was started comes to its end
        and gives back what it held."""
        await self._set_limits(100, 0, None)
        await self._set_config(CarrierConfigFields(self.draws.config_name))
        await self._set_number_rules(NO_NUMBER_RULES)
        for batch_id in self.batches:
            await self._start_or_cancel(batch_id)
            with suppress(OutdialError):
                await self.world.edit(batch_id, calling_hours=None, max_calls_per_day=None)
        for _ in range(12):
            await self.resume()
            await self.world.store.dispatch.move_windows()
            await self.world.settle_all()
            sent = (await self.world.send(await self.world.claim())).calls
            await self.world.apply(
                *(
                    CallReport(c.call_id, ReportKind.ENDED, disposition=Disposition.ANSWERED_HUMAN)
                    for c in [*self.sent, *sent]
                )
            )
            await self.world.store.dispatch.reap(every_lease=True)
            self.world.advance(seconds=20)
            await check_invariants(self.world.store)
        for batch_id in self.batches:
            batch = await self.world.look(batch_id)
            assert batch.ended_at is not None, f"{batch.state.name} {batch.counts}"
        self.world.advance(minutes=2)
        await self.world.store.dispatch.free_externals(100)
        assert await self.world.used() == (0, 0)
        await self._erase_all()

    async def _erase_all(self) -> None:
        """After a long time everything is gone, and each group leaves a sound store."""
        self.world.advance(days=1)
        while (await self.world.store.retention.erase(KEEP, 20)).more:
            await check_invariants(self.world.store)
        for table in ("batches", "scheduled_calls", "calls", "conversations", "events", "requests"):
            assert await self.world.sql(f"SELECT COUNT(*) FROM {table}") == [(0,)], table
