"""Faults that would break a promise, each as exact text in place of exact text, with the tests
that must not let it pass."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

SERVER: Final = Path("src/server/outdial_server")


class MovedError(Exception):
    """The code is not what the mutant was written for: look at it, and write it anew."""


@dataclass(frozen=True, slots=True)
class Edit:
    """In a file below the server's package."""

    file: str
    before: str
    after: str

    def applied(self, text: str) -> str:
        found = text.count(self.before)
        if found != 1:
            raise MovedError(f"{self.file} has this {found} times instead of once:\n{self.before}")
        return text.replace(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Mutant:
    name: str
    edits: tuple[Edit, ...]
    # The fewest tests that catch it, as pytest knows them.
    tests: tuple[str, ...]
    # Among so many simulated worlds is one that it breaks; 0: it is out of their reach.
    worlds: int = 0


WORLDS: Final = 60

CLAIMING: Final = "tests/contract/store/test_claiming.py"
UPKEEP: Final = "tests/contract/store/test_upkeep.py"
SENDING: Final = "tests/contract/store/test_sending.py"
REPORTING: Final = "tests/contract/store/test_reporting.py"
TRANSITION: Final = "tests/unit/domain/test_transition.py"
DIALER: Final = "tests/unit/engine/test_dialer.py"
CLOCK: Final = "tests/unit/engine/test_clock_watch.py"
THROTTLES: Final = "tests/contract/store/test_throttle_log.py"

MUTANTS: Final = (
    Mutant(
        "no fence check",
        (
            Edit(
                "storage/verbs/sending.py",
                "if r.fence == by_id[r.id].fence]",
                "]",
            ),
            Edit(
                "storage/verbs/sending.py",
                '"calls.key = r.key AND calls.fence = r.fence AND calls.state',
                '"calls.key = r.key AND calls.state',
            ),
            Edit(
                "domain/transition.py",
                "    if report.fence is not None and report.fence != call.fence:\n"
                "        return None\n",
                "",
            ),
        ),
        (
            f"{SENDING}::test_an_older_claim_of_a_call_is_left_out[sqlite]",
            f"{TRANSITION}::test_a_report_under_another_fence_changes_nothing",
        ),
    ),
    Mutant(
        "slot freed on lease expiry",
        (
            Edit(
                "domain/transition.py",
                "        trusted_until=trusted_until(target, call.times, now, call.medium),\n"
                "        holds_slot=call.holds_slot,\n",
                "        trusted_until=trusted_until(target, call.times, now, call.medium),\n"
                '        holds_slot=call.holds_slot and report.reason != "LEASE_LOST",\n',
            ),
        ),
        (f"{UPKEEP}::test_a_request_of_which_nobody_tells_becomes_unknown[sqlite]",),
        worlds=WORLDS,
    ),
    Mutant(
        "cap by counting the calls that are out",
        (
            Edit(
                "storage/verbs/ledger.py",
                's.target_cap, s.hard_cap, s.used, s.opens_us, "',
                's.target_cap, s.hard_cap, "\n'
                '        "(SELECT COUNT(*) FROM calls c WHERE c.state BETWEEN 2 AND 6 "\n'
                '        "AND CASE s.kind WHEN 3 THEN c.agent_key WHEN 4 THEN c.batch_key "\n'
                '        "WHEN 5 THEN c.carrier_config_key WHEN 6 THEN c.phone_number_key "\n'
                '        "ELSE c.account_key END = s.owner) AS used, s.opens_us, "',
            ),
        ),
        (f"{CLAIMING}::test_an_agents_batches_together_keep_its_cap[sqlite]",),
        worlds=WORLDS,
    ),
    Mutant(
        "blind redial on timeout",
        (
            Edit(
                "engine/dialer.py",
                '            return Unclear("DEADLINE")',
                '            return NotSent("DEADLINE")',
            ),
        ),
        (f"{DIALER}::test_a_carrier_that_misses_the_deadline_leaves_the_call_unclear",),
        worlds=2 * WORLDS,
    ),
    Mutant(
        "event cursor by global id",
        (
            Edit(
                "storage/verbs/counting.py",
                'f"UPDATE batches SET event_seq = event_seq + r.n, {counts}, ',
                'f"UPDATE batches SET event_seq = r.n + '
                "(SELECT MAX(o.event_seq) FROM batches o), {counts}, ",
            ),
        ),
        ("tests/contract/store/test_events.py::test_each_batch_has_a_log_of_its_own[sqlite]",),
        worlds=WORLDS,
    ),
    Mutant(
        "signals as the only wake-up",
        (
            Edit(
                "engine/loop.py",
                "        sweep_at = now + self._sweep_every\n",
                "        sweep_at = now + timedelta(days=1)\n",
            ),
            Edit(
                "engine/loop.py",
                "                latest = self._clock.now() + self._sweep_every\n",
                "                latest = self._clock.now() + timedelta(days=1)\n",
            ),
        ),
        ("tests/unit/engine/test_loop.py::test_a_lost_signal_is_made_up_for_by_the_sweep",),
        worlds=WORLDS,
    ),
    Mutant(
        "callback applied twice",
        (
            Edit(
                "domain/transition.py",
                "    CallState.ENDED: {},\n",
                "    CallState.ENDED: {ReportKind.ENDED: _ENDED},\n",
            ),
        ),
        (f"{REPORTING}::test_a_doubled_report_changes_nothing_the_second_time[sqlite]",),
        worlds=WORLDS,
    ),
    Mutant(
        "host clock in a lease",
        (
            Edit(
                "storage/verbs/sending.py",
                "    lease = micros(until)\n",
                "    from datetime import UTC, datetime\n\n"
                "    lease = micros(datetime.now(UTC) + LEASE)\n",
            ),
        ),
        (f"{SENDING}::test_sending_has_a_lease_of_its_own[sqlite]",),
        worlds=WORLDS,
    ),
    Mutant(
        "release without state guard",
        (
            Edit(
                "storage/verbs/sending.py",
                '        f"AND state = {int(CallState.CLAIMED)} AND holds_slot = 1 "\n'
                '        f"RETURNING scheduled_key',
                '        f"AND holds_slot = 1 "\n        f"RETURNING scheduled_key',
            ),
        ),
        (f"{SENDING}::test_a_claim_that_was_sent_meanwhile_is_not_released[sqlite]",),
    ),
    Mutant(
        "SENDING after the request",
        (
            Edit(
                "engine/dialer.py",
                "            sent = await self._dispatch.mark_sending(take)\n",
                "            for call in take():\n"
                "                self._let_go(call, begun_at)\n"
                "            await self.finish()\n"
                "            sent = await self._dispatch.mark_sending(lambda: taken)\n",
            ),
            Edit(
                "engine/dialer.py",
                "        for call in sent.calls:\n            self._let_go(call, begun_at)\n",
                "",
            ),
        ),
        (f"{DIALER}::test_no_request_goes_before_its_call_is_sending",),
        worlds=WORLDS,
    ),
    Mutant(
        "5xx taken as not sent",
        (
            Edit(
                "carriers/answers.py",
                '        return Unclear(f"HTTP_{status}")\n',
                '        return NotSent(f"HTTP_{status}")\n',
            ),
        ),
        ("tests/unit/carriers/test_twilio.py", "tests/unit/carriers/test_plivo.py"),
    ),
    Mutant(
        "pause not re-checked at SENDING",
        (
            Edit(
                "storage/verbs/counting.py",
                '        f"AND state = {int(BatchState.RUNNING)} "\n        "AND (window_end_us',
                '        "AND (window_end_us',
            ),
        ),
        (f"{SENDING}::test_a_batch_that_was_stopped_lets_nothing_go[sqlite-pause]",),
        worlds=WORLDS,
    ),
    Mutant(
        "a clock that is off dials on",
        (
            Edit(
                "engine/clock_watch.py",
                "        if abs(offset) > OFFSET_MOST:\n",
                "        if abs(offset) > 1000 * OFFSET_MOST:\n",
            ),
        ),
        (f"{CLOCK}::test_more_than_five_seconds_are_an_obstacle[1]",),
        worlds=WORLDS,
    ),
    Mutant(
        "a throttle that forgets calls in its window",
        (
            Edit(
                "storage/verbs/throttle_log.py",
                "        until=reading.at_us - longest_us,\n",
                "        until=reading.at_us - longest_us // 2,\n",
            ),
        ),
        (f"{THROTTLES}::test_windows_are_the_same_on_both_databases[sqlite-0]",),
        worlds=5 * WORLDS,
    ),
)
