"""What the rules for a number say of it, and of what they are asked."""

from datetime import timedelta

from outdial_server.domain.account import AccountRules
from outdial_server.domain.claims import Candidate, number_gates, plan_claims, row_gates
from outdial_server.domain.explanation import Count, WaitingRows, rows_gate
from outdial_server.domain.gates import GateAnswer
from outdial_server.domain.number_gates import LOOK_AGAIN, day_answer, gap_answer
from outdial_server.domain.number_rules import UNCALLED, NumberRules, NumberUse
from outdial_server.domain.sentences import sentence
from support.clock import START
from support.domain import a_batch

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
LIVE = UNCALLED.with_call(START)
OVER = NumberUse((START,), ended_at=START)


def asked(rules: NumberRules, use: NumberUse, zone: str = "UTC") -> list[GateAnswer]:
    candidate = Candidate(1, START, 0, "+15550000001", zone, number=use)
    return [gate(candidate, START) for gate in number_gates(rules)]


def test_only_the_rules_that_there_are_are_asked() -> None:
    both = NumberRules(HOUR, 1)
    assert [a.gate for a in asked(both, UNCALLED)] == ["number_gap", "number_day"]
    assert all(answer.is_open for answer in asked(both, UNCALLED))
    for rules, gate in ((NumberRules(HOUR), "number_gap"), (NumberRules(None, 1), "number_day")):
        assert [a.gate for a in asked(rules, LIVE)] == [gate]
    without, with_both = (
        len(row_gates(a_batch(), AccountRules(numbers=numbers))) for numbers in (None, both)
    )
    assert with_both == without + 2


def test_while_a_number_is_in_a_call_nobody_knows_when_the_next_may_go() -> None:
    answer = gap_answer(HOUR, LIVE, START)
    assert (answer.is_open, answer.next_at, answer.waits_for) == (False, None, "ANY_CALL_ENDS")
    assert answer.look_at == START + LOOK_AGAIN
    assert gap_answer(SECOND, LIVE, START).look_at == START + SECOND
    assert sentence(answer) == "The number is in a call: the next may go 3600 s after its end."


def test_a_number_rests_from_the_end_of_its_last_call() -> None:
    answer = gap_answer(HOUR, OVER, START + SECOND)
    assert (answer.reason, answer.next_at) == ("NUMBER_RESTS", START + HOUR)
    assert sentence(answer).startswith("The last call to the number ended less than 3600 s ago")
    assert gap_answer(HOUR, OVER, START + HOUR).is_open


def test_a_number_that_was_called_enough_waits_for_the_next_date() -> None:
    answer = day_answer(1, "Europe/Vienna", OVER, START + SECOND)
    assert (answer.reason, answer.figures) == ("NUMBER_CALLED_ENOUGH", {"used": 1, "cap": 1})
    assert answer.next_at is not None
    assert answer.look_at is None
    assert day_answer(1, "Europe/Vienna", OVER, answer.next_at).is_open
    assert "called 1 time today, of at most 1" in sentence(answer)


def test_a_call_that_may_not_have_been_placed_is_asked_about_again_soon() -> None:
    answer = day_answer(1, "UTC", LIVE, START)
    assert answer.look_at == START + LOOK_AGAIN
    gates = number_gates(NumberRules(None, 1))
    candidates = [Candidate(n, START, 0, number=use) for n, use in enumerate((LIVE, OVER))]
    plan = plan_claims(candidates, 9, gates, START)
    assert [until for _, until in plan.deferred] == [answer.look_at, answer.next_at]
    assert plan.unsure == {0}


def test_a_batch_whose_people_are_in_calls_waits_for_an_end() -> None:
    rows = WaitingRows(1, 0, Count(1), Count(0), 0, cut=False, next_due_at=None, awaits_calls=True)
    answer = rows_gate(rows, live=0)
    assert (answer.reason, answer.waits_for) == ("NUMBERS_IN_CALLS", "ANY_CALL_ENDS")
    assert sentence(answer).startswith("Whoever is due is in a call")
