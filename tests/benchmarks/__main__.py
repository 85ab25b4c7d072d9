"""`make bench`, `make bench BENCH="dispatch watch --quick"`"""

import argparse
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rich.console import Console

from benchmarks.dispatch import depth, dispatch
from benchmarks.http_dispatch import http
from benchmarks.machine import this_machine
from benchmarks.options import Options
from benchmarks.postgres import postgres
from benchmarks.report import RowReport, show, write_json
from benchmarks.slots import slots

ROWS: Mapping[str, Callable[[Options], Iterator[RowReport]]] = {
    "dispatch": dispatch,
    "depth": depth,
    "postgres": postgres,
    "http": http,
    "slots": slots,
}


def main() -> None:
    given = _arguments()
    machine = this_machine()
    console = Console(width=None if Console().is_terminal else 180)
    reports: list[RowReport] = []
    for name in given.rows or ROWS:
        with tempfile.TemporaryDirectory(prefix="outdial-bench-", dir=given.folder) as folder:
            console.print(f"[dim]{name} ...[/dim]")
            options = Options(Path(folder), given.quick, given.tiny, given.profile)
            reports += ROWS[name](options)
    show(console, machine, reports)
    if given.json:
        write_json(given.json, machine, reports)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Measures this machine.")
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)}; all without")
    parser.add_argument("--quick", action="store_true", help="a short form, under 3 minutes")
    parser.add_argument("--tiny", action="store_true", help="only to see that it runs")
    parser.add_argument("--profile", action="store_true", help="show where CPU goes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--folder", type=Path, help="for databases; a disk, not memory")
    given = parser.parse_args()
    unknown = set(given.rows) - ROWS.keys()
    if unknown:
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    return given


if __name__ == "__main__":
    main()
