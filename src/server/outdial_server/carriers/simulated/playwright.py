"""Writes the scripts of a carrier's calls, request by request."""

from collections import Counter
from datetime import timedelta
from typing import Final

from outdial_server.carriers.simulated.profile import SimulationProfile
from outdial_server.carriers.simulated.script import CallScript, Fate, write_script

_COMES_AGAIN: Final = frozenset({Fate.THROTTLED, Fate.UNAUTHORIZED})


class Playwright:
    """A call that was turned away comes again under the same id, and must not meet the
    same fate for ever: its next request has a script of its own."""

    def __init__(self) -> None:
        self._turned_away: Counter[str] = Counter()

    def write(
        self,
        profile: SimulationProfile,
        call_id: str,
        address: str,
        ring_timeout: timedelta,
        max_duration: timedelta,
    ) -> CallScript:
        times = self._turned_away[call_id]
        title = f"{call_id}:{times}" if times else call_id
        script = write_script(profile, title, address, ring_timeout, max_duration)
        if script.fate in _COMES_AGAIN:
            self._turned_away[call_id] += 1
        else:
            del self._turned_away[call_id]
        return script
