"""Real servers, killed and stopped again and again, with the carrier as the judge. `make chaos` is
the long form."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.plan import new_plan
from chaos.verdict import Verdict
from chaos.world import run_world
from support.databases import PostgresServer, start_postgres

CALLS = 2000
HARD_BOUND_SECONDS = 1800
"""Behind the patience of a run, which says more."""


@pytest.fixture
def postgres() -> Iterator[PostgresServer]:
    """One of its own: it is killed, too."""
    server = start_postgres(crash_safe=True)
    yield server
    server.stop()


def check(verdict: Verdict) -> None:
    assert verdict.broken == (), verdict.in_words()
    # Accidents that met no request prove little.
    assert verdict.figures["unknown for a while"], verdict.in_words()


@pytest.mark.slow
@pytest.mark.timeout(HARD_BOUND_SECONDS)
async def test_nobody_is_lost_or_rung_twice_by_a_server_on_a_file(tmp_path: Path) -> None:
    plan = new_plan(1, CALLS, kills=40, stops=10, database="sqlite")
    check(await run_world(plan, tmp_path, f"sqlite:///{tmp_path / 'outdial.db'}"))


@pytest.mark.slow
@pytest.mark.postgres
@pytest.mark.timeout(HARD_BOUND_SECONDS)
async def test_nobody_is_lost_or_rung_twice_by_replicas(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    plan = new_plan(2, CALLS, kills=40, stops=40, database="postgres")
    url = postgres.url(await postgres.new_database())
    check(await run_world(plan, tmp_path, url, postgres))
