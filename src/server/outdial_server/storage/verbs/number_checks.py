"""Whether a batch has a number to call from, where it is made or started."""

from outdial_server.domain.batch import no_usable_number
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.batch_rows import batch_by_key
from outdial_server.storage.verbs.own_numbers import OwnNumbers
from outdial_server.storage.verbs.runnable import runnable_from


def refuse_without_number(tx: Tx, batch_key: int) -> None:
    """For a batch that lists numbers or whose agent has some. Raises PreconditionError
    (NO_USABLE_NUMBER). What comes after it the gate of the numbers tells."""
    r = runnable_from(batch_by_key(tx, batch_key))
    if OwnNumbers(tx, [r]).is_without(r):
        raise no_usable_number()
