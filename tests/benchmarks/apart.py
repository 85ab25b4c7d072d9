"""Measurements in processes of their own, so that none inherits another's memory or heat."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from traceback import format_exception
from typing import ParamSpec, TypeVar


class MeasurementError(Exception):
    """What went wrong in another process."""


P = ParamSpec("P")
T = TypeVar("T")


def apart(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls a function of a module in a fresh process and returns what it returns."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_told, function, *args, **kwargs).result()


def _told(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Not every error can travel between processes; its text can."""
    try:
        return function(*args, **kwargs)
    except Exception as error:  # noqa: BLE001 all of them are raised again, there
        raise MeasurementError("".join(format_exception(error))) from None
