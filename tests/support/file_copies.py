"""A SQLite file that is put in the place of another."""

import shutil
from pathlib import Path


def put_in_place(of: Path, by: Path) -> None:
    """Of files that nobody has open. What is not in the file yet is beside it."""
    for ending in ("", "-wal", "-shm"):
        old, new = (one.with_name(f"{one.name}{ending}") for one in (of, by))
        old.unlink(missing_ok=True)
        if new.exists():
            shutil.copy(new, old)
