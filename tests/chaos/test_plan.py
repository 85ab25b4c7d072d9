"""A seed decides what goes wrong, and when."""

from collections import Counter

from chaos.plan import LAST_ACCIDENT, SETTLE_SECONDS, STOP_SECONDS, Kind, new_plan
from chaos.proxy import DELAY_SECONDS


def test_the_same_seed_is_the_same_plan() -> None:
    plans = [new_plan(seed, 2000, 40, 40, "postgres").accidents for seed in (7, 7, 8)]
    assert plans[0] == plans[1] != plans[2]


def test_all_accidents_come_while_people_are_left_to_meet_them() -> None:
    accidents = new_plan(7, 2000, 40, 30, "postgres").accidents
    assert Counter(accident.kind for accident in accidents) == {
        Kind.KILL: 40,
        Kind.STOP: 30,
        Kind.DATABASE_KILL: 2,
        Kind.DATABASE_STOP: 2,
    }
    moments = [accident.sent for accident in accidents]
    assert moments == sorted(moments)
    assert moments[0] > 0
    assert moments[-1] <= 2000 * LAST_ACCIDENT


def test_a_file_has_one_server_and_no_database_to_kill() -> None:
    plan = new_plan(7, 2000, 10, 10, "sqlite")
    assert plan.servers == 1
    assert {accident.kind for accident in plan.accidents} == {Kind.KILL, Kind.STOP}


def test_no_stop_is_as_long_as_the_doubt_that_is_left() -> None:
    assert STOP_SECONDS[1] + DELAY_SECONDS[1] < SETTLE_SECONDS
