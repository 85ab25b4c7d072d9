"""The carriers' own API descriptions, where they are at hand. They are not ours to commit."""

import os
from pathlib import Path

import pytest

_BESIDE = Path(__file__).parents[3] / "shared" / "specs"


def spec(name: str) -> Path:
    """Skips the test where there is none."""
    given = os.environ.get("OUTDIAL_SPECS_DIR")
    path = (Path(given) if given else _BESIDE) / name
    if not path.exists():
        pytest.skip(f"no {name}: OUTDIAL_SPECS_DIR names the folder of the carriers' descriptions")
    return path
