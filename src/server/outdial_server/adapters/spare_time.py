"""One thread beside the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class SpareThread:
    """The interpreter takes turns between threads each 5 ms, so the event loop goes on."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="spare-time")

    async def run(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def close(self) -> None:
        """What has not begun is dropped; what runs is waited for when the process ends."""
        self._executor.shutdown(wait=False, cancel_futures=True)
