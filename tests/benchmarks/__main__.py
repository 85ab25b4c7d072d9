"""`make bench`, `make bench BENCH="dispatch watch --quick"`"""

import argparse
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from rich.console import Console

from benchmarks.bodies import bodies
from benchmarks.create import create
from benchmarks.dispatch import depth, dispatch, rules
from benchmarks.forecasting import forecasting
from benchmarks.http_dispatch import http
from benchmarks.importing import importing
from benchmarks.machine import this_machine
from benchmarks.options import Options
from benchmarks.pages import pages
from benchmarks.postgres import postgres
from benchmarks.replicas import replicas
from benchmarks.report import RowReport, show_machine, show_row, write_json, write_page
from benchmarks.rest import rest
from benchmarks.restart import restart
from benchmarks.rpc import rpc
from benchmarks.size import disk, memory
from benchmarks.slots import slots
from benchmarks.watch import watch

ROWS: Mapping[str, Callable[[Options], Iterator[RowReport]]] = {
    "create": create,
    "import": importing,
    "dispatch": dispatch,
    "rules": rules,
    "depth": depth,
    "postgres": postgres,
    "replicas": replicas,
    "http": http,
    "slots": slots,
    "watch": watch,
    "rpc": rpc,
    "rest": rest,
    "bodies": bodies,
    "pages": pages,
    "memory": memory,
    "disk": disk,
    "restart": restart,
    "forecast": forecasting,
}


def main() -> None:
    given = _arguments()
    machine = this_machine()
    console = Console(width=None if Console().is_terminal else 180)
    bench = Bench(given, console)
    with tempfile.TemporaryDirectory(prefix="outdial-bench-", dir=given.folder) as folder:
        for name in given.rows or ROWS:
            bench.measure(name, Path(folder))
    show_machine(console, machine)
    if given.json:
        write_json(given.json, machine, bench.reports)
    if given.page:
        write_page(given.page, machine, bench.reports)
    if bench.failed:
        sys.exit(f"failed: {', '.join(bench.failed)}")


class Bench:
    """Measures row after row. One that fails takes no other's figures with it."""

    def __init__(self, given: argparse.Namespace, console: Console) -> None:
        self._given = given
        self._console = console
        self.reports: list[RowReport] = []
        self.failed: list[str] = []

    def measure(self, name: str, folder: Path) -> None:
        self._console.print(f"[dim]{name} ...[/dim]")
        shared = folder / "shared"
        shared.mkdir(exist_ok=True)
        given = self._given
        with tempfile.TemporaryDirectory(dir=folder) as own:
            options = Options(Path(own), shared, given.quick, given.tiny, given.profile)
            try:
                for report in ROWS[name](options):
                    self.reports.append(report)
                    show_row(self._console, report)
            except Exception:  # noqa: BLE001 whatever it is, it is told, and fails the run
                traceback.print_exc()
                self.failed.append(name)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description="Measures this machine.")
    parser.add_argument("rows", nargs="*", help=f"of {', '.join(ROWS)}; all without")
    parser.add_argument("--quick", action="store_true", help="a short form, under 3 minutes")
    parser.add_argument("--tiny", action="store_true", help="only to see that it runs")
    parser.add_argument("--profile", action="store_true", help="show where CPU goes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write them into this page")
    parser.add_argument("--folder", type=Path, help="for databases; a disk, not memory")
    given = parser.parse_args()
    unknown = set(given.rows) - ROWS.keys()
    if unknown:
        parser.error(f"there is no row {', '.join(sorted(unknown))}")
    return given


if __name__ == "__main__":
    main()
