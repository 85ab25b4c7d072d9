"""Lines as they reach standard error, in a process of their own: it is configured once."""

import errno
import io
import json
import subprocess
import sys
from typing import Any

import pytest

from outdial_server.adapters.logs import LineSink

CONFIGURE = """
import asyncio, logging, os, signal, sys, threading, warnings
import structlog
from outdial_server.adapters.logs import configure_logs
log = structlog.get_logger()
configure_logs({form!r}, {level!r})
"""


def run(code: str, form: str = "json", level: str = "info") -> tuple[int, str]:
    whole = CONFIGURE.format(form=form, level=level) + code
    done = subprocess.run(
        [sys.executable, "-c", whole], stderr=subprocess.PIPE, text=True, timeout=60, check=False
    )
    return done.returncode, done.stderr


def lines_of(code: str, level: str = "info") -> list[dict[str, Any]]:
    _, output = run(code, level=level)
    return [json.loads(line) for line in output.splitlines()]


def test_a_line_has_its_moment_its_level_and_its_action_first() -> None:
    (line,) = lines_of('log.info("batch.made", rows=3)')
    assert list(line) == ["timestamp", "level", "action", "rows"]
    assert (line["level"], line["action"], line["rows"]) == ("info", "batch.made", 3)
    assert line["timestamp"].endswith("Z")


def test_what_is_bound_is_in_every_line() -> None:
    first, second = lines_of('l = log.bind(method="m"); l.info("a.a"); l.error("b.b")')
    assert first["method"] == second["method"] == "m"


@pytest.mark.parametrize(
    ("level", "actions"),
    [
        ("debug", ["a.debug", "a.info", "a.warning", "a.error"]),
        ("warning", ["a.warning", "a.error"]),
        ("error", ["a.error"]),
    ],
)
def test_what_is_below_the_level_is_not_written(level: str, actions: list[str]) -> None:
    code = 'for n in ("debug", "info", "warning", "error"): getattr(log, n)("a." + n)'
    assert [line["action"] for line in lines_of(code, level)] == actions


def test_an_error_is_written_at_once_behind_what_has_gathered() -> None:
    code = """
async def main():
    log.info("first.line")
    log.info("second.line")
    log.error("third.line")
    os.kill(os.getpid(), signal.SIGKILL)
asyncio.run(main())
"""
    assert [line["action"] for line in lines_of(code)] == [
        "first.line",
        "second.line",
        "third.line",
    ]


def test_what_has_gathered_is_written_in_a_moment_and_at_the_end() -> None:
    code = """
async def main():
    log.info("early.line")
    await asyncio.sleep(0.1)
    log.info("late.line")
asyncio.run(main())
"""
    assert [line["action"] for line in lines_of(code)] == ["early.line", "late.line"]


def test_a_log_that_cannot_be_written_holds_nobody_up_and_goes_on_later() -> None:
    class FullDisk(io.RawIOBase):
        is_full = True
        written = b""

        def writable(self) -> bool:
            return True

        def write(self, line: Any) -> int:
            if self.is_full:
                raise OSError(errno.ENOSPC, "no space left")
            self.written += bytes(line)
            return len(line)

    disk = FullDisk()
    sink = LineSink(io.BufferedWriter(disk))
    for number in range(2000):
        sink.error(b"line %d" % number)
    disk.is_full = False
    sink.error(b"the last")
    assert disk.written.endswith(b"the last\n")


def test_lines_of_threads_are_whole_and_none_is_lost() -> None:
    code = """
def work(n):
    for i in range(200):
        log.info("thread.line", n=n, i=i)
async def main():
    tasks = [asyncio.to_thread(work, n) for n in range(4)]
    for i in range(200):
        log.info("loop.line", i=i)
        await asyncio.sleep(0)
    await asyncio.gather(*tasks)
asyncio.run(main())
"""
    assert len(lines_of(code)) == 5 * 200


def test_an_exception_is_told_without_its_text() -> None:
    code = """
try:
    {}["+15551230001"]
except KeyError:
    log.exception("dial.broken")
"""
    (line,) = lines_of(code)
    assert line["level"] == "error"
    assert line["fault"][0]["type"] == "KeyError"
    assert "+1555" not in str(line)


def test_a_library_s_line_is_its_template_and_its_place() -> None:
    code = """
logging.getLogger("lib").warning("cannot reach %s", "+15551230001")
logging.getLogger("lib").error("cannot reach +15551230001")
logging.getLogger("lib").info("reached +15551230001")
warnings.warn("deprecated for +15551230001")
"""
    lines = lines_of(code, "debug")
    assert [line["level"] for line in lines] == ["warning", "error", "warning"]
    assert {line["action"] for line in lines} == {"library.message"}
    assert lines[0]["template"] == "cannot reach %s"
    assert "template" not in lines[1]
    assert "+1555" not in str(lines)


@pytest.mark.parametrize(
    ("code", "action"),
    [
        ('raise ValueError("+15551230001")', "process.crashed"),
        (
            """
def work(): raise ValueError("+15551230001")
thread = threading.Thread(target=work); thread.start(); thread.join()
""",
            "thread.crashed",
        ),
        (
            "class Gone:\n    def __del__(self): raise ValueError('+15551230001')\nGone()",
            "process.unraisable",
        ),
    ],
)
def test_what_nobody_catches_is_a_line_like_any_other(code: str, action: str) -> None:
    (line,) = lines_of(code)
    assert line["action"] == action
    assert line["fault"][0]["type"] == "ValueError"
    assert "+1555" not in str(line)


def test_for_people_the_same_is_in_a_line_of_text() -> None:
    _, output = run('log.info("batch.made", rows=3)', form="console")
    assert "batch.made" in output
    assert "rows" in output


def test_a_value_without_a_form_is_told_by_its_type() -> None:
    (line,) = lines_of('log.info("batch.made", what=object())')
    assert line["what"] == "<object>"
