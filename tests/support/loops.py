"""The event loops that Outdial runs on."""

from collections.abc import Callable, Coroutine
from typing import Any

Run = Callable[[Coroutine[Any, Any, None]], None]
"""Runs a scenario on one of them, to its end."""
