"""The benchmarks still run. What they measure is nobody's business here."""

import json
import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).parents[2]


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
