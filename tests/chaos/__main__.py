"""A run on demand: `make chaos CALLS=20000 KILLS=300 STOPS=300 SEED=7 DATABASE=sqlite`."""

import argparse
import asyncio
import secrets
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import rmtree

from chaos.accidents import KillableDatabase
from chaos.plan import new_plan
from chaos.world import run_world
from support.databases import start_postgres


def main() -> int:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=40, help="kill -9 of a server")
    parser.add_argument("--stops", type=int, default=40, help="SIGSTOP of a server")
    parser.add_argument("--database", choices=["postgres", "sqlite"], default="postgres")
    parser.add_argument("--seed", type=int, help="one of its own without")
    options = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if options.seed is None else options.seed
    folder = Path(tempfile.mkdtemp(prefix="outdial-chaos-"))
    print(f"seed {seed}; logs in {folder}", flush=True)
    plan = new_plan(seed, options.calls, options.kills, options.stops, options.database)
    with _database(options.database, folder) as (url, database):
        verdict = asyncio.run(run_world(plan, folder, url, database))
    print(verdict.in_words())
    if verdict.broken:
        print(f"logs are kept in {folder}")
        return 1
    rmtree(folder)
    return 0


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[tuple[str, KillableDatabase | None]]:
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'outdial.db'}", None
        return
    server = start_postgres(crash_safe=True)
    try:
        yield server.url(asyncio.run(server.new_database())), server
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
