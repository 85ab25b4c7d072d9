"""Pages as a browser without a window makes them."""

import asyncio
import shutil
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

_VIRTUAL_MS = 20_000
"""So much of the page's own time may pass, as fast as its work allows."""


async def page_as_shown(url: str, profile: Path) -> str:
    """The page's HTML when its scripts have run. `profile` is a folder of its own."""
    assert CHROMIUM is not None
    asked = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
        # Where shared memory is small.
        "--disable-dev-shm-usage",
        *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
        *(f"--user-data-dir={profile}", f"--virtual-time-budget={_VIRTUAL_MS}"),
        *("--dump-dom", url),
        stdout=PIPE,
        stderr=DEVNULL,
    )
    shown, _ = await asked.communicate()
    assert asked.returncode == 0
    return shown.decode()
