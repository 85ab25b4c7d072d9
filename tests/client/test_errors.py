"""Every answer that is not OK becomes an error that says what to do."""

import asyncio
import pickle
from datetime import timedelta
from typing import Any

import pytest
from grpc import StatusCode
from grpc.aio import AioRpcError, insecure_channel
from outdial.v1.batch_service_pb2_grpc import BatchServiceStub

import outdial_client
from client.far_end import REQUEST_ID, FarEnd, Refusal
from outdial_client import (
    Client,
    ErrorDetails,
    EventsErasedError,
    FieldViolation,
    InvalidArgumentError,
    NotFoundError,
    OutdialError,
    PreconditionViolation,
    RequestCancelledError,
    UnavailableError,
)
from outdial_client._status import to_outdial_error


def errors_of(kind: type[OutdialError]) -> set[type[OutdialError]]:
    """The error and all that are of its kind."""
    return {kind}.union(*(errors_of(narrower) for narrower in kind.__subclasses__()))


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (StatusCode.INVALID_ARGUMENT, "InvalidArgumentError"),
        (StatusCode.UNAUTHENTICATED, "UnauthenticatedError"),
        (StatusCode.PERMISSION_DENIED, "PermissionDeniedError"),
        (StatusCode.NOT_FOUND, "NotFoundError"),
        (StatusCode.ALREADY_EXISTS, "AlreadyExistsError"),
        (StatusCode.FAILED_PRECONDITION, "FailedPreconditionError"),
        (StatusCode.ABORTED, "AbortedError"),
        (StatusCode.OUT_OF_RANGE, "OutOfRangeError"),
        (StatusCode.RESOURCE_EXHAUSTED, "ResourceExhaustedError"),
        (StatusCode.DEADLINE_EXCEEDED, "DeadlineExceededError"),
        (StatusCode.CANCELLED, "RequestCancelledError"),
        (StatusCode.UNIMPLEMENTED, "UnimplementedError"),
        (StatusCode.INTERNAL, "InternalError"),
        (StatusCode.UNKNOWN, "InternalError"),
        (StatusCode.DATA_LOSS, "InternalError"),
    ],
)
async def test_a_status_code_gives_its_error(
    far_end: FarEnd, client: Client, code: StatusCode, kind: str
) -> None:
    far_end.answer("DeleteAgent", Refusal(code=code))
    with pytest.raises(OutdialError) as caught:
        await client.agents.delete("a-1")
    assert type(caught.value) is getattr(outdial_client, kind)
    assert caught.value.code is code


async def test_an_error_carries_reason_metadata_and_request_id(
    far_end: FarEnd, client: Client
) -> None:
    refusal = Refusal(
        code=StatusCode.NOT_FOUND,
        message="no such batch",
        reason="BATCH_NOT_FOUND",
        metadata={"batch_id": "b-9"},
    )
    far_end.answer("GetBatch", refusal)
    with pytest.raises(NotFoundError) as caught:
        await client.batches.get("b-9")
    assert caught.value.reason == "BATCH_NOT_FOUND"
    assert caught.value.metadata == {"batch_id": "b-9"}
    assert caught.value.request_id == REQUEST_ID
    assert str(caught.value) == f"no such batch [BATCH_NOT_FOUND, request {REQUEST_ID}]"


def passed_on(error: OutdialError) -> Any:
    """The error as another process gets it."""
    return pickle.loads(pickle.dumps(error))  # noqa: S301 - our own


@pytest.mark.parametrize("kind", sorted(errors_of(OutdialError), key=lambda kind: kind.__name__))
def test_an_error_survives_the_way_out_of_a_worker_process(kind: type[OutdialError]) -> None:
    details = ErrorDetails(
        reason="R",
        metadata={"import_id": "i-1"},
        fields=(FieldViolation("rows[3].address", "is empty"),),
        preconditions=(PreconditionViolation("T", "s", "d"),),
        retry_after=timedelta(seconds=3),
        request_id=REQUEST_ID,
    )
    error = kind(StatusCode.ABORTED, "no", details)
    error.add_note("for people")
    known = {"columns": {"address": "tel"}, "repeat_request_id": "r-1"}
    for name in known.keys() & {*dir(kind)}:
        setattr(error, name, known[name])
    copy = passed_on(error)
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


async def test_an_error_of_a_server_survives_it_too(far_end: FarEnd, client: Client) -> None:
    metadata = {"batch_id": "b-9"}
    far_end.answer("GetBatch", Refusal(code=StatusCode.NOT_FOUND, reason="R", metadata=metadata))
    with pytest.raises(NotFoundError) as caught:
        await client.batches.get("b-9")
    copy = passed_on(caught.value)
    assert (type(copy), copy.metadata, copy.code) == (NotFoundError, metadata, StatusCode.NOT_FOUND)


async def test_an_invalid_request_names_each_field(far_end: FarEnd, client: Client) -> None:
    faults = (("scheduled_calls[6].address", "too short"), ("batch.weight", "at most 1000"))
    refusal = Refusal(
        code=StatusCode.INVALID_ARGUMENT, message="2 faults", reason="INVALID_FIELD", fields=faults
    )
    far_end.answer("CreateAgent", refusal)
    with pytest.raises(InvalidArgumentError) as caught:
        await client.agents.create("Reminder")
    assert [(fault.field, fault.description) for fault in caught.value.fields] == list(faults)
    assert str(caught.value).splitlines()[1:] == [
        "  scheduled_calls[6].address: too short",
        "  batch.weight: at most 1000",
    ]


async def test_erased_events_say_where_the_log_begins(far_end: FarEnd, client: Client) -> None:
    refusal = Refusal(
        code=StatusCode.OUT_OF_RANGE, reason="EVENTS_ERASED", metadata={"oldest_sequence": "41"}
    )
    far_end.answer("ListBatchEvents", refusal)
    with pytest.raises(EventsErasedError) as caught:
        await client.batches.events("b-1").to_list()
    assert caught.value.oldest_sequence == 41


async def test_an_error_says_when_to_try_again(far_end: FarEnd, client: Client) -> None:
    far_end.answer("DeleteAgent", Refusal(retry_after=timedelta(seconds=2.5)))
    with pytest.raises(UnavailableError) as caught:
        await client.agents.delete("a-1")
    assert caught.value.retry_after == timedelta(seconds=2.5)


async def test_a_server_that_is_not_there_is_unavailable(far_end: FarEnd) -> None:
    await far_end.stop()
    async with Client(far_end.address, api_key="key-1") as client:
        with pytest.raises(UnavailableError) as caught:
            await client.agents.delete("a-1")
    assert caught.value.request_id == ""


async def test_a_connection_that_breaks_under_a_write_is_unavailable(far_end: FarEnd) -> None:
    async with insecure_channel(far_end.address) as channel:
        call: Any = BatchServiceStub(channel).ImportScheduledCalls()
        await call.wait_for_connection()
        # What gRPC does when a write fails before anything else has; the moment cannot be chosen.
        call._cython_call.set_internal_error('Failed "execute_batch"')
        with pytest.raises(AioRpcError) as caught:
            await call._raise_for_status()
        call.cancel()
    assert caught.value.code() is StatusCode.INTERNAL
    error = to_outdial_error(caught.value)
    assert isinstance(error, UnavailableError)
    assert error.code is StatusCode.UNAVAILABLE


async def test_a_request_that_the_server_cancels_is_an_error_not_a_cancelled_task(
    far_end: FarEnd, client: Client
) -> None:
    far_end.answer("DeleteAgent", Refusal(code=StatusCode.CANCELLED))
    with pytest.raises(RequestCancelledError):
        await client.agents.delete("a-1")


async def test_a_task_that_is_cancelled_stays_cancelled(far_end: FarEnd, client: Client) -> None:
    arrived = asyncio.Event()

    async def never(request: object) -> Refusal:
        arrived.set()
        await asyncio.Event().wait()
        return Refusal()

    far_end.answer("DeleteAgent", never)
    task = asyncio.create_task(client.agents.delete("a-1"))
    await arrived.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
