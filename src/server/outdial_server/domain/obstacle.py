"""What keeps a server, or all of them, from dialling, whatever its batches say."""

from enum import Enum


class Obstacle(Enum):
    """The value names it in health, metrics and the log."""

    # It cannot be written: away, full or read-only. Nothing else that the server does works
    # either.
    DATABASE = "database"
    # This machine's is not the database's: others dial, and this server answers as before.
    CLOCK = "clock"
    # After a failover: see domain.quarantine. The same for all servers of a database.
    QUARANTINE = "quarantine"
