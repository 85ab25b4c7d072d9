"""Which schema a database has, and which one is ours.

Read without Alembic, which takes long to load: a server needs it on the day of a migration
alone.
"""

import re
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from outdial_server.storage.opening import CannotOpenError

SCRIPTS: Final = Path(__file__).parent / "migrations"

_REVISION: Final = re.compile(r'^revision = "(\w+)"$', re.MULTILINE)
_BEFORE: Final = re.compile(r'^down_revision = "(\w+)"$', re.MULTILINE)


def is_current(connection: Connection) -> bool:
    """Raises CannotOpenError for a schema that this version does not know."""
    present = _present(connection)
    if present is None:
        return False
    scripts = [path.read_text() for path in (SCRIPTS / "versions").glob("*.py")]
    known = {revision for script in scripts for revision in _REVISION.findall(script)}
    if present not in known:
        raise CannotOpenError(
            f"the database has schema {present!r}, which this version does not know: a newer "
            "one has migrated it; install that"
        )
    return {present} == known - {before for script in scripts for before in _BEFORE.findall(script)}


def _present(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    present: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return present
