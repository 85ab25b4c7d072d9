"""Wrong rows in requests to BatchService."""

from typing import Any

from google.protobuf.struct_pb2 import Struct
from outdial.v1.scheduled_call_pb2 import MEDIUM_WEBHOOK, ScheduledCall
from tests.integration.wrong_requests.batch_rows import GOOD_ROW, batch
from tests.integration.wrong_requests.world import ANSWERED, BUSY
from tests.integration.wrong_requests.wrong import Fields, Wrong, faulty

from outdial_server.domain.limits import SCHEDULED_CALLS_PER_REQUEST_MAX


def with_row(**fields: Any) -> Fields:
    """The second of two rows is this one."""
    row = ScheduledCall(**{"address": ANSWERED, **fields})
    return lambda world: {"batch": batch(world), "scheduled_calls": [GOOD_ROW, row]}


def row_fault(what: str, path: str, says: str = "", **fields: Any) -> Wrong:
    path = f"scheduled_calls[1].{path}"
    return faulty(what, "CreateBatch", with_row(**fields), path, says=says)


def context(**values: Any) -> Struct:
    struct = Struct()
    struct.update(values)
    return struct


ROWS = [
    row_fault("no address", "address", "is required", address=""),
    row_fault("an address of words", "address", address="call me"),
    row_fault("a number without its country", "address", "country code", address="2025550100"),
    row_fault("a number that is too long", "address", address="+1234567890123456"),
    row_fault("a control character in the number", "address", address="+1202555\x010100"),
    row_fault("a NUL character in the number", "address", address="+1202555\x000100"),
    row_fault("a SIP URI without a host", "address", "SIP URI", address="sip:ada"),
    row_fault("a SIP URI that is too long", "address", address=f"sip:{'a' * 255}@example.net"),
    row_fault("an unknown zone", "time_zone", "IANA", time_zone="Mars/Olympus"),
    row_fault("a zone in other letters", "time_zone", time_zone="europe/vienna"),
    row_fault("an unknown medium", "medium", medium=99),
    row_fault("a medium that its batch has no webhook for", "medium", medium=MEDIUM_WEBHOOK),
    row_fault("a priority out of range", "priority", priority=10),
    row_fault("a caller id that is none", "caller_id", caller_id="12"),
    row_fault("a custom id that is too long", "custom_id", custom_id="x" * 257),
    row_fault("a NUL character in the custom id", "custom_id", custom_id="\0"),
    row_fault("a value that is too long", "metadata[k]", metadata={"k": "x" * 513}),
    row_fault("too much metadata", "metadata", metadata={str(n): "" for n in range(65)}),
    *(
        fault
        for name, field, most in (
            ("a context", "template_context", 64),
            ("an annotation", "annotations", 64),
            ("a parameter", "carrier_params", 16),
        )
        for fault in (
            row_fault(
                f"{name} that is too large",
                field,
                f"{most} KiB",
                **{field: context(text="x" * most * 1024)},
            ),
            row_fault(f"{name} with a NUL character", field, **{field: context(text="\0")}),
            row_fault(
                f"{name} with an infinite number",
                field,
                "finite",
                **{field: context(number=float("nan"))},
            ),
        )
    ),
    faulty(
        "faults in several rows",
        "CreateBatch",
        lambda w: {
            "batch": batch(w),
            "scheduled_calls": [
                ScheduledCall(address="x"),
                GOOD_ROW,
                ScheduledCall(address=ANSWERED, priority=-1, caller_id="x"),
            ],
        },
        "scheduled_calls[0].address",
        "scheduled_calls[2].caller_id",
        "scheduled_calls[2].priority",
    ),
    *(
        faulty(
            "a row more than a request may have",
            rpc,
            lambda w, target=target: {  # type: ignore[misc]
                **target(w),
                "scheduled_calls": [GOOD_ROW] * (SCHEDULED_CALLS_PER_REQUEST_MAX + 1),
            },
            "scheduled_calls",
            says="100000",
        )
        for rpc, target in (
            ("CreateBatch", lambda w: {"batch": batch(w)}),
            ("AddScheduledCalls", lambda w: {"batch_id": w.ours.draft_id}),
        )
    ),
    faulty(
        "no rows", "AddScheduledCalls", lambda w: {"batch_id": w.ours.draft_id}, "scheduled_calls"
    ),
    faulty(
        "a bad row",
        "AddScheduledCalls",
        lambda w: {
            "batch_id": w.ours.draft_id,
            "scheduled_calls": [GOOD_ROW, ScheduledCall(address="x")],
        },
        "scheduled_calls[1].address",
    ),
    faulty(
        "an address that is there already",
        "AddScheduledCalls",
        lambda w: {
            "batch_id": w.rejecting_id,
            "scheduled_calls": [GOOD_ROW, ScheduledCall(address=BUSY)],
        },
        "scheduled_calls[1].address",
        reason="DUPLICATE_ADDRESS",
    ),
    faulty(
        "an address twice",
        "CreateBatch",
        lambda w: {"batch": batch(w, duplicates=3), "scheduled_calls": [GOOD_ROW, GOOD_ROW]},
        "scheduled_calls[1].address",
        reason="DUPLICATE_ADDRESS",
    ),
]
