"""Wrong streams of ImportScheduledCalls, and wrong questions about imports."""

from collections.abc import Sequence
from typing import Any

from outdial.v1.batch_pb2 import DUPLICATE_POLICY_REJECT, Batch
from outdial.v1.batch_service_pb2 import ImportScheduledCallsRequest as Message
from outdial.v1.import_pb2 import (
    BAD_ROW_POLICY_SKIP,
    ImportEnd,
    ImportOptions,
    ImportRow,
    ImportRowFault,
    ImportRows,
)
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from tests.integration.wrong_requests.batch_rows import batch
from tests.integration.wrong_requests.world import ANSWERED, USED_REQUEST_ID, World
from tests.integration.wrong_requests.wrong import (
    Fields,
    Wrong,
    faulty,
    forbidden,
    misfit,
    no_such_id,
    taken,
)

RPC = "ImportScheduledCalls"


def options(world: World, **fields: Any) -> Message:
    """To a draft of ours, unless told otherwise."""
    target = {} if "new_batch" in fields else {"batch_id": world.ours.draft_id}
    return Message(options=ImportOptions(**{**target, **fields}))


def rows(*addresses: str, **more: Any) -> Message:
    numbered = enumerate(addresses, 1)
    return Message(
        rows=ImportRows(
            rows=[
                ImportRow(row_number=n, scheduled_call=ScheduledCall(address=address), **more)
                for n, address in numbered
            ]
        )
    )


def end(count: int) -> Message:
    return Message(end=ImportEnd(row_count=count))


def stream(*messages: Message, **target: Any) -> Fields:
    """Options, then the messages."""
    return lambda world: {"request": [options(world, **target), *messages]}


def bad_order(what: str, messages: Sequence[Message], field: str, says: str = "") -> Wrong:
    return faulty(what, RPC, lambda w: {"request": list(messages)}, field, says=says)


def incomplete(what: str, *messages: Message, says: str) -> Wrong:
    return faulty(what, RPC, stream(*messages), "end", says=says, reason="IMPORT_INCOMPLETE")


def to_new(world: World, **fields: Any) -> dict[str, Any]:
    new = options(world, new_batch=batch(world, **fields))
    return {"request": [new, rows(ANSWERED), end(1)]}


ORDER = [
    bad_order("no message at all", [], "options", "must be the first message"),
    bad_order("rows before the options", [rows(ANSWERED), end(1)], "options"),
    bad_order("a message of nothing", [Message()], "options"),
    faulty(
        "options twice",
        RPC,
        lambda w: {"request": [options(w), options(w), rows(ANSWERED), end(1)]},
        "rows",
    ),
    faulty("rows behind the end", RPC, stream(rows(ANSWERED), end(1), rows(ANSWERED)), "end"),
    faulty("a message of no rows", RPC, stream(rows(), end(0)), "rows"),
    faulty("no rows", RPC, stream(end(0)), "rows", says="at least one"),
    faulty(
        "more rows than a message may have",
        RPC,
        stream(rows(*[ANSWERED] * 5001), end(5001)),
        "rows",
        says="1 to 5000",
    ),
    incomplete("no end", rows(ANSWERED), says="missing after 1 rows"),
    incomplete("an end of fewer rows", rows(ANSWERED, ANSWERED), end(1), says="2 were received"),
    incomplete("an end of more rows", rows(ANSWERED), end(2), says="1 were received"),
    incomplete("an end of negative rows", rows(ANSWERED), end(-1), says="1 were received"),
]

OPTIONS = [
    faulty(
        "no batch",
        RPC,
        lambda w: {"request": [options(w, batch_id=""), rows(ANSWERED), end(1)]},
        "options.batch_id",
        says="is required",
    ),
    faulty(
        "no target",
        RPC,
        lambda w: {"request": [Message(options=ImportOptions()), rows(ANSWERED), end(1)]},
        "options.batch_id",
    ),
    *no_such_id(
        RPC,
        "BATCH_NOT_FOUND",
        lambda w: w.theirs.draft_id,
        lambda id_: {
            "request": [Message(options=ImportOptions(batch_id=id_)), rows(ANSWERED), end(1)]
        },
    ),
    *no_such_id(
        RPC,
        "AGENT_NOT_FOUND",
        lambda w: w.theirs.agent_id,
        lambda id_: {
            "request": [
                Message(options=ImportOptions(new_batch=Batch(agent_id=id_, display_name="x"))),
                rows(ANSWERED),
                end(1),
            ]
        },
    ),
    *(
        misfit(
            f"a {state} batch",
            RPC,
            lambda w, id_of=id_of: {  # type: ignore[misc]
                "request": [options(w, batch_id=id_of(w)), rows(ANSWERED), end(1)]
            },
            "BATCH_STATE",
            says="cannot be added to",
        )
        for state, id_of in (
            ("completed", lambda w: w.ours.completed_id),
            ("cancelled", lambda w: w.cancelled_id),
        )
    ),
    faulty(
        "an unknown policy for bad rows",
        RPC,
        stream(rows(ANSWERED), end(1), bad_rows=99),
        "options.bad_rows",
    ),
    taken(
        "a request id of another list",
        RPC,
        stream(rows(ANSWERED, ANSWERED), end(2), request_id=USED_REQUEST_ID),
        "REQUEST_ID_REUSED",
    ),
    faulty(
        "a request id that is too long",
        RPC,
        stream(rows(ANSWERED), end(1), request_id="x" * 256),
        "options.request_id",
    ),
    faulty(
        "a new batch with faults",
        RPC,
        lambda w: to_new(w, priority=10, weight=-1),
        "options.new_batch.priority",
        "options.new_batch.weight",
    ),
    faulty(
        "a new batch of no agent",
        RPC,
        lambda w: to_new(w, agent_id=""),
        "options.new_batch.agent_id",
    ),
    misfit(
        "a new batch of no rows",
        RPC,
        lambda w: {"request": [options(w, new_batch=batch(w)), end(0)]},
        "BATCH_EMPTY",
    ),
    misfit(
        "a carrier that there is not",
        RPC,
        lambda w: to_new(w, carrier="pigeon"),
        "CARRIER_NOT_CONFIGURED",
    ),
    forbidden("a key without the scope", RPC, stream(rows(ANSWERED), end(1))).by(
        lambda w: w.reader
    ),
]

REFUSED = [
    faulty(
        "bad rows",
        RPC,
        stream(rows(ANSWERED, "x", "call me"), end(3)),
        "rows[2].address",
        "rows[3].address",
        reason="IMPORT_REFUSED",
    ),
    faulty(
        "a row that its sender refuses",
        RPC,
        stream(
            rows(ANSWERED, faults=[ImportRowFault(field="phone", description="is no text")]), end(1)
        ),
        "rows[1].phone",
        reason="IMPORT_REFUSED",
    ),
    faulty(
        "an address twice where that is refused",
        RPC,
        lambda w: {
            "request": [
                options(w, new_batch=batch(w, duplicates=DUPLICATE_POLICY_REJECT)),
                rows(ANSWERED, ANSWERED),
                end(2),
            ]
        },
        "rows[2].address",
        reason="IMPORT_REFUSED",
    ),
    faulty(
        "a new batch of which every row is skipped",
        RPC,
        lambda w: {
            "request": [
                options(w, new_batch=batch(w), bad_rows=BAD_ROW_POLICY_SKIP),
                rows("x"),
                end(1),
            ]
        },
        "rows[1].address",
        reason="IMPORT_REFUSED",
    ),
]

READ = [
    row
    for rpc in ("GetImport", "ListImportFindings")
    for row in (
        faulty("no id", rpc, lambda w: {}, "import_id", says="is required"),
        *no_such_id(
            rpc,
            "IMPORT_NOT_FOUND",
            lambda w: w.their_import_id,
            lambda id_: {"import_id": id_},
        ),
    )
]

ROWS = [*ORDER, *OPTIONS, *REFUSED, *READ]
