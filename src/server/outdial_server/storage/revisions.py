"""Which schema a database has, and which one is ours.

Read without Alembic, and on SQLite without SQLAlchemy, which take long to load: a server needs
them on the day of a migration alone.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from outdial_server.storage.opening import CannotOpenError

log = structlog.get_logger()

SCRIPTS: Final = Path(__file__).parent / "migrations"

_REVISION: Final = re.compile(r'^revision = "(\w+)"$', re.MULTILINE)
_BEFORE: Final = re.compile(r'^down_revision = "(\w+)"$', re.MULTILINE)


ReadText = Callable[[str], str | None]
"""Runs a statement that reads one text, in a column of that name."""

_PRESENT: Final = "SELECT version_num AS text FROM alembic_version"
_OLDEST: Final = "SELECT oldest_revision AS text FROM installation"


def is_current(read: ReadText, *, is_empty: bool) -> bool:
    """Whether nothing is to be migrated. So it is with a schema that a newer version has made
    and that lets this one go on. Raises CannotOpenError for one that does not. `is_empty`: no
    migration has begun there."""
    present = None if is_empty else read(_PRESENT)
    if present is None:
        return False
    scripts = [path.read_text() for path in (SCRIPTS / "versions").glob("*.py")]
    known = {revision for script in scripts for revision in _REVISION.findall(script)}
    if present not in known:
        _refuse_unless_it_may_go_on(present, read(_OLDEST), known)
        return True
    return {present} == known - {before for script in scripts for before in _BEFORE.findall(script)}


def _refuse_unless_it_may_go_on(present: str, oldest: str | None, known: set[str]) -> None:
    # Revisions are in one line: who knows one knows all before it.
    if oldest not in known:
        raise CannotOpenError(
            f"the database has schema {present!r}, which this version does not know: a newer "
            "one has migrated it; install that"
        )
    log.info("schema.newer", revision=present)
