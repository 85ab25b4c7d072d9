"""PATCH of a batch: fields, its calls, and the pause."""

from typing import Final

from google.protobuf.field_mask_pb2 import FieldMask
from outdial.v1.batch_pb2 import BATCH_STATE_DRAFT, BATCH_STATE_PAUSED, Batch
from outdial.v1.batch_service_pb2 import (
    AddScheduledCallsRequest,
    AddScheduledCallsResponse,
    PauseBatchRequest,
    PauseBatchResponse,
    UpdateBatchRequest,
    UpdateBatchResponse,
)

from outdial_server.domain.errors import invalid_field
from outdial_server.gateway.asking import Caller, LongRequest
from outdial_server.gateway.ultravox.batch_body import BatchBody, check_webhook
from outdial_server.gateway.ultravox.batch_shapes import THROTTLE, kept_throttle
from outdial_server.gateway.ultravox.scheduled_calls import Entries
from outdial_server.gateway.ultravox.structs import OURS, object_of, ours_of
from outdial_server.gateway.ultravox.throttles import named_throttle

_HELD: Final = frozenset({BATCH_STATE_DRAFT, BATCH_STATE_PAUSED})

Body = BatchBody[AddScheduledCallsRequest]


async def change_batch(asks: Caller, batch: Batch, body: Body, new_secret: str) -> None:
    """Nothing is changed before all of it is found to be in order. Then the pause, the fields and
    the calls are each one change: whatever comes between them, nobody is called whom the whole
    would not have called. `new_secret` is for a webhook that is given none."""
    is_held = batch.state in _HELD
    if body.fields.paused is False and is_held:
        raise invalid_field("paused", "A batch that was paused is not resumed.")
    _check_webhook(batch, body)
    changes = await _changes(asks, batch, body, new_secret)
    entries = body.entries
    if entries is not None:
        await _replace(asks, batch, entries, validate_only=True)
    if body.fields.paused and not is_held:
        await asks.ask(PauseBatchRequest(batch_id=batch.batch_id), PauseBatchResponse)
    if changes is not None:
        await asks.ask(changes, UpdateBatchResponse)
    if entries is not None:
        await _replace(asks, batch, entries)


def _check_webhook(batch: Batch, body: Body) -> None:
    """A batch has a webhook where somebody of it needs one."""
    needs_one = 0 if batch.webhook_url else None
    if body.entries is not None:
        needs_one = body.entries.first_for_webhook
    url = body.fields.webhook_url if body.names("webhook_url") else batch.webhook_url
    if body.entries is not None or body.names("webhook_url"):
        check_webhook(url, needs_one)


async def _changes(
    asks: Caller, batch: Batch, body: Body, new_secret: str
) -> UpdateBatchRequest | None:
    fields, after = body.fields, Batch(batch_id=batch.batch_id)
    mask = [name for name in ("window_start", "window_end", "webhook_url") if body.names(name)]
    if fields.window_start is not None:
        after.window_start.FromDatetime(fields.window_start)
    if fields.window_end is not None:
        after.window_end.FromDatetime(fields.window_end)
    after.webhook_url = fields.webhook_url or ""
    secret = fields.webhook_secret or ("" if batch.webhook_url else new_secret)
    if secret and (fields.webhook_secret or fields.webhook_url):
        after.webhook_secret = secret
        mask.append("webhook_secret")
    if body.names("throttle"):
        mask += ["throttle", "annotations"]
        await _name_throttle(asks, batch, after, body)
    if not mask:
        return None
    return UpdateBatchRequest(batch=after, update_mask=FieldMask(paths=mask))


async def _name_throttle(asks: Caller, batch: Batch, after: Batch, body: Body) -> None:
    said = body.fields.throttle
    throttle = None if said is None else await named_throttle(asks, said)
    after.throttle = "" if throttle is None else throttle.throttle_id
    kept = ours_of(batch)
    kept.pop(THROTTLE, None)
    ours = kept | kept_throttle(body.fields, throttle)
    after.annotations.update(object_of(batch.annotations) | {OURS: ours})


async def _replace(
    asks: Caller,
    batch: Batch,
    entries: Entries[AddScheduledCallsRequest],
    *,
    validate_only: bool = False,
) -> None:
    """One change of the batch, whether it is being dialled or not."""
    head = AddScheduledCallsRequest(
        batch_id=batch.batch_id, replace_waiting=True, validate_only=validate_only
    )
    request: LongRequest[AddScheduledCallsRequest] = entries.request.headed(head)
    await asks.ask(request, AddScheduledCallsResponse)
