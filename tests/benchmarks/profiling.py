"""Where a thread's CPU goes, by function. Waiting costs nothing: the profiler's clock is the
thread's own."""

import cProfile
import io
import pstats
import time
from enum import Enum

_LINES = 35


class Thread(Enum):
    """One thread a run: a profiler in both would slow each for the other."""

    LOOP = "the event loop's thread"
    WRITER = "the writer's thread"


class ThreadProfile:
    """Profiles the thread that begins and ends it."""

    def __init__(self) -> None:
        self._profile = cProfile.Profile(time.thread_time_ns, 1e-9)

    def begin(self) -> None:
        self._profile.enable()

    def end(self) -> None:
        self._profile.disable()

    def text(self, title: str) -> str:
        output = io.StringIO()
        output.write(f"\n{title}\n")
        stats = pstats.Stats(self._profile, stream=output).strip_dirs()
        stats.sort_stats("tottime").print_stats(_LINES)
        stats.sort_stats("cumtime").print_stats(_LINES)
        return output.getvalue()
