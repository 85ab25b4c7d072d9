"""Which schema a database has, and which one is ours.

Read without Alembic, which takes long to load: a server needs it on the day of a migration
alone.
"""

import re
from pathlib import Path
from typing import Final

import structlog
from sqlalchemy import Connection, inspect, text

from outdial_server.storage.opening import CannotOpenError

log = structlog.get_logger()

SCRIPTS: Final = Path(__file__).parent / "migrations"

_REVISION: Final = re.compile(r'^revision = "(\w+)"$', re.MULTILINE)
_BEFORE: Final = re.compile(r'^down_revision = "(\w+)"$', re.MULTILINE)


def is_current(connection: Connection) -> bool:
    """Whether nothing is to be migrated. So it is with a schema that a newer version has made
    and that lets this one go on. Raises CannotOpenError for one that does not."""
    present = _present(connection)
    if present is None:
        return False
    scripts = [path.read_text() for path in (SCRIPTS / "versions").glob("*.py")]
    known = {revision for script in scripts for revision in _REVISION.findall(script)}
    if present not in known:
        _refuse_unless_it_may_go_on(connection, present, known)
        return True
    return {present} == known - {before for script in scripts for before in _BEFORE.findall(script)}


def _refuse_unless_it_may_go_on(connection: Connection, present: str, known: set[str]) -> None:
    # Revisions are in one line: who knows one knows all before it.
    oldest = connection.scalar(text("SELECT oldest_revision FROM installation"))
    if oldest not in known:
        raise CannotOpenError(
            f"the database has schema {present!r}, which this version does not know: a newer "
            "one has migrated it; install that"
        )
    log.info("schema.newer", revision=present)


def _present(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    present: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return present
