"""Files that are there whole or not at all."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO
from uuid import uuid4

OutputFile = str | os.PathLike[str] | BinaryIO
"""A path, or a file that is open for writing bytes."""


@contextmanager
def open_output(target: OutputFile) -> Iterator[TextIO]:
    """Text that goes to `target` as UTF-8, its line ends as they are written.

    A path gets the file when all of it is written; until then, and after a failure,
    it holds what it held before. A file that was given is written as text comes, and
    stays open.
    """
    if isinstance(target, (str, os.PathLike)):
        with _open_path(Path(target).resolve()) as text:
            yield text
        return
    text = io.TextIOWrapper(target, encoding="utf-8", newline="")
    try:
        yield text
        text.flush()
    finally:
        text.detach()


@contextmanager
def _open_path(path: Path) -> Iterator[TextIO]:
    if path.exists() and not path.is_file():
        # A pipe or a device, for example /dev/stdout: nothing that could be replaced.
        with path.open("w", encoding="utf-8", newline="") as text:
            yield text
        return
    # Beside the target: only inside one file system can it be moved into place.
    part = path.with_name(f".{path.name}.{uuid4().hex}")
    try:
        with part.open("x", encoding="utf-8", newline="") as text:
            yield text
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
