"""Exceptions are told by kind and place, never in their own words."""

import errno
import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from outdial_server.adapters.faults import CHAIN_MOST, FRAMES_MOST, code_of, tell_fault
from outdial_server.domain.errors import NotFoundError, Reason

NUMBER = "+15551230001"


def raised(work: Callable[[], object]) -> BaseException:
    try:
        work()
    except BaseException as error:  # noqa: BLE001 whatever it is
        return error
    raise AssertionError("nothing was raised")


def told(given: object) -> list[dict[str, Any]]:
    event: dict[str, Any] = {"exc_info": given}
    tell_fault(event)
    assert "exc_info" not in event
    fault: list[dict[str, Any]] = event["fault"]
    return fault


def test_kind_and_place_are_told_and_the_text_is_not() -> None:
    def dial() -> None:
        raise ValueError(f"cannot dial {NUMBER}")

    (fault,) = told(raised(dial))
    assert fault["type"] == "ValueError"
    assert fault["places"][-1].endswith(" dial")
    assert "adapters/test_faults.py:" in fault["places"][-1]
    assert NUMBER not in str(fault)


def test_causes_are_told_too() -> None:
    def dial() -> None:
        try:
            {}[NUMBER]
        except KeyError as error:
            raise RuntimeError(NUMBER) from error

    fault = told(raised(dial))
    assert [link["type"] for link in fault] == ["RuntimeError", "KeyError"]
    assert NUMBER not in str(fault)


def test_a_context_that_was_set_aside_is_not_told() -> None:
    def dial() -> None:
        try:
            {}[NUMBER]
        except KeyError:
            raise RuntimeError from None

    assert len(told(raised(dial))) == 1


def test_what_is_long_is_cut() -> None:
    def deep(levels: int) -> None:
        if levels == 0:
            raise ValueError
        deep(levels - 1)

    (fault,) = told(raised(lambda: deep(3 * FRAMES_MOST)))
    assert len(fault["places"]) == FRAMES_MOST

    error = Exception()
    for _ in range(2 * CHAIN_MOST):
        outer = Exception()
        outer.__cause__ = error
        error = outer
    assert len(told(error)) == CHAIN_MOST


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFoundError(Reason.BATCH_NOT_FOUND, f"no batch {NUMBER}"), "BATCH_NOT_FOUND"),
        (ConnectionRefusedError(errno.ECONNREFUSED, NUMBER), "ECONNREFUSED"),
        (OSError(NUMBER), ""),
        (KeyError(NUMBER), ""),
    ],
)
def test_codes_are_told_where_there_are_some(error: BaseException, code: str) -> None:
    assert code_of(error) == code


def test_a_database_s_code_is_told() -> None:
    error = raised(lambda: sqlite3.connect(":memory:").execute("SELECT nothing"))
    assert code_of(error) == "SQLITE_ERROR"


def test_without_an_exception_there_is_no_fault() -> None:
    for given in (None, False, (None, None, None)):
        event: dict[str, Any] = {"exc_info": given}
        tell_fault(event)
        assert event == {}
