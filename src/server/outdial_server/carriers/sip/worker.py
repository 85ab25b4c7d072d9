"""The worker process: `python -m outdial_server.carriers.sip.worker FD ADDRESS PORT ALLOWED`.

FD is a socket to the server. When the server is gone every call is hung up, and the worker
ends: nobody else could.
"""

import signal
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from functools import wraps
from pathlib import PurePath
from queue import Queue
from typing import Any, Final

from sippy.Core.EventDispatcher import ED2
from sippy.Time.Timeout import Timeout

from outdial_server.carriers.sip.messages import (
    CheckOrder,
    HangUpOrder,
    LookUpOrder,
    Message,
    Order,
    PlaceOrder,
    StopOrder,
    line,
    order_in,
    report_to_json,
)
from outdial_server.carriers.sip.sippy_wire import SippyWire
from outdial_server.carriers.sip.switchboard import Switchboard
from outdial_server.domain.internet import AddressGuard, parse_networks
from outdial_server.domain.report import CallReport

STOP_WITHIN_SECONDS: Final = 3.0
"""For the far ends to answer CANCEL; a BYE is out by then."""

_NO_ANSWER: Final = 408


class Channel:
    """Lines to and from the server. Written by a thread of its own: a server that stands still
    must not hold up calls."""

    def __init__(self, connection: socket.socket) -> None:
        self._reading = connection.makefile("rb")
        self._connection = connection
        self._waiting: Queue[bytes | None] = Queue()
        self._writer = threading.Thread(target=self._write, name="sip-writer", daemon=True)

    def start(self, take: Callable[[int, Order], None], on_end: Callable[[], None]) -> None:
        """Both are called in the event loop's thread."""
        self._writer.start()

        def read() -> None:
            for text in self._reading:
                ED2.callFromThread(take, *order_in(text))
            ED2.callFromThread(on_end)

        threading.Thread(target=read, name="sip-reader", daemon=True).start()

    def say(self, **message: Any) -> None:
        self._waiting.put(line(message))

    def answer(self, reference: int, message: Message) -> None:
        self.say(say="answer", reference=reference, of=message)

    def guarded(self, function: Callable[..., None]) -> Callable[..., None]:
        """A fault of ours is told by its kind and place alone: its text may quote a message."""

        @wraps(function)
        def call(*arguments: Any) -> None:
            try:
                function(*arguments)
            except Exception as error:  # noqa: BLE001 told to the server, which logs it
                last = traceback.extract_tb(error.__traceback__)[-1]
                place = f"{PurePath(last.filename).name}:{last.lineno}"
                self.say(say="fault", error=type(error).__name__, place=place)

        return call

    def finish(self) -> None:
        """Once all is written, or the server reads no more."""
        self._waiting.put(None)
        self._writer.join()

    def _write(self) -> None:
        while (text := self._waiting.get()) is not None:
            try:
                self._connection.sendall(text)
            except OSError:
                return


class Worker:
    def __init__(self, channel: Channel, wire: SippyWire) -> None:
        self._channel = channel
        self._wire = wire
        self._calls = Switchboard(wire, self._tell, self._stop_if_idle)
        self._is_stopping = False
        self._checks = 0

    def take(self, reference: int, order: Order) -> None:
        match order:
            case PlaceOrder():
                self._calls.place(order, lambda said: self._channel.answer(reference, said))
            case HangUpOrder(call_id):
                self._channel.answer(reference, {"is_known": self._calls.hang_up(call_id)})
            case LookUpOrder(call_id):
                found = self._calls.look_up(call_id)
                said = None if found is None else report_to_json(found)
                self._channel.answer(reference, {"report": said})
            case CheckOrder():
                self._check(reference, order)
            case StopOrder():
                self.stop()

    def stop(self) -> None:
        if self._is_stopping:
            return
        self._is_stopping = True
        self._calls.hang_up_all()
        Timeout(ED2.breakLoop, STOP_WITHIN_SECONDS)
        self._stop_if_idle()

    def _stop_if_idle(self) -> None:
        if self._is_stopping and not self._calls.live:
            ED2.breakLoop()

    def _tell(self, carrier_config: str, report: CallReport) -> None:
        news = report_to_json(report)
        self._channel.say(say="news", carrier_config=carrier_config, of=news)

    def _check(self, reference: int, order: CheckOrder) -> None:
        """Answered once: by the far end, or because it takes too long."""
        self._checks += 1
        open_questions = [reference]

        def tell(code: int) -> None:
            for question in open_questions:
                self._channel.answer(question, {"code": code})
            open_questions.clear()

        call_id = f"check.{self._checks}@{self._wire.host_and_port}"
        self._wire.ask_options(order.party, call_id, tell)
        self._wire.alarm(order.seconds, lambda: tell(_NO_ANSWER))


def main(arguments: list[str]) -> int:
    descriptor, address, port, allowed = arguments
    # The server says when: a Ctrl-C, or a service manager's SIGTERM, goes to both.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    channel = Channel(socket.socket(fileno=int(descriptor)))
    guard = AddressGuard(parse_networks(allowed.split(",")))
    try:
        wire = SippyWire(address, int(port), guard, channel.guarded)
    except OSError as error:
        channel.start(lambda *_: None, lambda: None)
        channel.say(say="cannot_listen", because=error.strerror or "cannot be resolved")
        channel.finish()
        return 1
    worker = Worker(channel, wire)
    channel.start(channel.guarded(worker.take), channel.guarded(worker.stop))
    channel.say(say="ready", port=wire.port)
    ED2.loop()
    channel.finish()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
