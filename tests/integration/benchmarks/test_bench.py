"""The benchmarks still run. What they measure is nobody's business here."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import __main__ as bench
from benchmarks.options import Options
from benchmarks.report import RowReport, measure

TESTS = Path(__file__).parents[2]


@pytest.mark.slow
def test_a_row_is_measured_beside_its_raw_limit(tmp_path: Path) -> None:
    figures = tmp_path / "bench.json"
    command = [sys.executable, "-m", "benchmarks", "dispatch", "rules", "--tiny"]
    subprocess.run([*command, f"--json={figures}", f"--folder={tmp_path}"], cwd=TESTS, check=True)

    written = json.loads(figures.read_text())

    assert written["machine"]["cores"] > 0
    for row in ("dispatch", "rules"):
        first = written["rows"][row][0]
        assert first["reached"]["median"] > 0
        assert first["limit"]["median"] > 0
        assert first["verdict"] in ("met", "missed")


def test_a_row_that_fails_takes_no_figures_of_others_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(options: Options) -> Iterator[RowReport]:
        yield RowReport("broken", (measure("before it broke", "us", [5.0]),))
        raise AssertionError("somebody was dialled twice")

    def whole(options: Options) -> Iterator[RowReport]:
        yield RowReport("whole", (measure("behind it", "us", [7.0]),))

    monkeypatch.setattr(bench, "ROWS", {"broken": broken, "whole": whole})
    figures = tmp_path / "bench.json"
    monkeypatch.setattr(sys, "argv", ["bench", f"--json={figures}"])

    with pytest.raises(SystemExit, match="broken"):
        bench.main()

    shown, told = capsys.readouterr()
    assert "before it broke" in shown
    assert "behind it" in shown
    assert "somebody was dialled twice" in told
    assert list(json.loads(figures.read_text())["rows"]) == ["broken", "whole"]
