"""Names are looked up without waiting for those that nobody answers for."""

import asyncio
import socket
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest

from outdial_server.outgoing.lookups import NAMES_AT_ONCE, Lookups
from support.loops import Run

SILENT = ".silent.example"
PLACE = ("192.0.2.7", 443)
ADDRESS = (socket.AF_INET, PLACE)
ANSWER = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", PLACE)]


@dataclass
class System:
    """What is asked for names. It hears nothing of some until the test is over."""

    asked: list[str] = field(default_factory=list)
    is_over: Event = field(default_factory=Event)

    def look_up(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        if host.endswith(SILENT):
            self.is_over.wait()
        return ANSWER


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> System:
    made = System()
    monkeypatch.setattr(socket, "getaddrinfo", made.look_up)
    return made


def test_names_that_nobody_answers_for_hold_up_no_other_pool(run: Run, system: System) -> None:
    async def scenario() -> None:
        webhooks, carrier = Lookups(), Lookups()
        names = [f"{n}{SILENT}" for n in range(2 * NAMES_AT_ONCE)]
        silent = [asyncio.ensure_future(webhooks(name, 443)) for name in names]
        try:
            async with asyncio.timeout(10):
                assert await carrier("api.example.com", 443) == [ADDRESS]
            assert len(system.asked) <= NAMES_AT_ONCE + 1
        finally:
            system.is_over.set()
        assert await asyncio.gather(*silent) == [[ADDRESS]] * len(names)

    run(scenario())


def test_a_name_that_many_ask_for_is_looked_up_once(run: Run, system: System) -> None:
    async def scenario() -> None:
        lookups = Lookups()
        found = await asyncio.gather(*(lookups("api.example.com", 443) for _ in range(50)))
        assert found == 50 * [[ADDRESS]]
        assert system.asked == ["api.example.com"]

    run(scenario())


@pytest.mark.parametrize("error", [OSError("no such name"), UnicodeError("label too long")])
def test_a_name_that_there_is_not_is_asked_for_again(
    run: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: Any, **__: Any) -> list[Any]:
        raise error

    async def scenario() -> None:
        lookups = Lookups()
        monkeypatch.setattr(socket, "getaddrinfo", refuse)
        with pytest.raises(OSError, match=str(error)):
            await lookups("api.example.com", 443)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: ANSWER)
        assert await lookups("api.example.com", 443) == [ADDRESS]

    run(scenario())
