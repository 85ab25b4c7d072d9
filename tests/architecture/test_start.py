"""What a start does without: each of these would cost it a good part of a second."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("module", "without"),
    [
        (
            "outdial_server.cli.main",
            (
                "sqlalchemy",
                "grpc",
                "starlette",
                "structlog",
                "uvicorn",
                "outdial_server.app.server",
            ),
        ),
        (
            "outdial_server.app.server",
            ("alembic", "asyncpg", "fastapi", "sqlalchemy", "websockets"),
        ),
    ],
)
def test_nothing_is_loaded_that_a_start_can_do_without(
    module: str, without: tuple[str, ...]
) -> None:
    script = f"import sys, {module}; print(*(name for name in {without} if name in sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert not loaded.stdout.split()
