"""Wrong requests to CarrierConfigService, and batches whose carrier config does not fit."""

import math
from collections.abc import Callable
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.batch_pb2 import Batch
from outdial.v1.batch_service_pb2 import ImportScheduledCallsRequest as Message
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.carrier_credentials_pb2 import (
    PlivoCredentials,
    TelnyxCredentials,
    TwilioCredentials,
)
from outdial.v1.import_pb2 import ImportOptions
from outdial.v1.scheduled_call_pb2 import ScheduledCall
from tests.integration.wrong_requests.world import World
from tests.integration.wrong_requests.wrong import (
    UNKNOWN_ID,
    Wrong,
    faulty,
    misfit,
    no_such_id,
    outdated,
    taken,
    unfound,
)

ROWS_TO_CALL = [ScheduledCall(address="+15551230001")]


def out_of_range(what: str, rate: float) -> Wrong:
    return faulty(
        what,
        "CreateCarrierConfig",
        lambda w: {
            "carrier_config": CarrierConfig(
                display_name="x", carrier="simulated", calls_per_second=rate
            )
        },
        "carrier_config.calls_per_second",
        says="0.01 to 1000",
    )


def batch_of(world: World, **fields: str) -> Batch:
    return Batch(agent_id=world.ours.agent_id, display_name="x", **fields)


def naming(what: str, says: str, name: Callable[[World], str], **fields: Any) -> Wrong:
    """Of somebody who names a carrier config."""
    return faulty(
        what,
        "CreateBatch",
        lambda w: {
            "batch": batch_of(w),
            "scheduled_calls": [
                *ROWS_TO_CALL,
                ScheduledCall(address="+15551230002", carrier_config=name(w), **fields),
            ],
        },
        "scheduled_calls[1].carrier_config",
        says=says,
    )


ROWS = [
    naming("a person's that there is not", "names no carrier config", lambda w: "nowhere"),
    naming("a person's of another account", "names no", lambda w: w.their_carrier_config_id),
    faulty(
        "nothing",
        "CreateCarrierConfig",
        lambda w: {},
        "carrier_config.carrier",
        "carrier_config.display_name",
    ),
    faulty(
        "every field wrong",
        "CreateCarrierConfig",
        lambda w: {
            "carrier_config": CarrierConfig(
                display_name="x" * 65,
                carrier="simulated",
                max_concurrent_calls=100_001,
                calls_per_second=-1,
                metadata={"x": "y" * 513},
            )
        },
        "carrier_config.display_name",
        "carrier_config.max_concurrent_calls",
        "carrier_config.calls_per_second",
        "carrier_config.metadata[x]",
    ),
    out_of_range("a rate that is too low", 0.009),
    out_of_range("a rate that is too high", 1000.1),
    out_of_range("a rate that is no number", math.nan),
    faulty(
        "credentials of Plivo without their secret",
        "CreateCarrierConfig",
        lambda w: {
            "carrier_config": CarrierConfig(
                display_name="x",
                carrier="plivo",
                plivo=PlivoCredentials(auth_id="MA0", base_url="http://169.254.169.254"),
            )
        },
        "carrier_config.plivo.auth_token",
        "carrier_config.plivo.auth_id",
        "carrier_config.plivo.base_url",
    ),
    faulty(
        "credentials of another carrier",
        "CreateCarrierConfig",
        lambda w: {
            "carrier_config": CarrierConfig(
                display_name="x", carrier="simulated", twilio=TwilioCredentials()
            )
        },
        "carrier_config.twilio",
        says="'simulated'",
    ),
    faulty(
        "credentials without their secrets",
        "CreateCarrierConfig",
        lambda w: {
            "carrier_config": CarrierConfig(
                display_name="x",
                carrier="twilio",
                twilio=TwilioCredentials(account_sid="x", base_url="http://169.254.169.254"),
            )
        },
        "carrier_config.twilio.auth_token",
        "carrier_config.twilio.account_sid",
        "carrier_config.twilio.base_url",
    ),
    faulty(
        "credentials of Telnyx without their secret",
        "CreateCarrierConfig",
        lambda w: {
            "carrier_config": CarrierConfig(
                display_name="x",
                carrier="telnyx",
                telnyx=TelnyxCredentials(
                    connection_id="../x",
                    public_key="x",
                    base_url="http://169.254.169.254",
                    texml_account_sid="../x",
                ),
            )
        },
        "carrier_config.telnyx.api_key",
        "carrier_config.telnyx.connection_id",
        "carrier_config.telnyx.texml_account_sid",
        "carrier_config.telnyx.public_key",
        "carrier_config.telnyx.base_url",
    ),
    faulty(
        "credentials of another carrier",
        "UpdateCarrierConfig",
        lambda w: {
            "carrier_config": CarrierConfig(
                carrier_config_id=w.carrier_config_id,
                twilio=TwilioCredentials(account_sid="AC" + "0" * 32, auth_token="x"),
            ),
            "update_mask": FieldMask(paths=["twilio"]),
        },
        "carrier_config.twilio",
        says="'simulated'",
    ),
    misfit(
        "a carrier that there is not",
        "CreateCarrierConfig",
        lambda w: {"carrier_config": CarrierConfig(display_name="x", carrier="pigeon")},
        "CARRIER_NOT_CONFIGURED",
        says="'pigeon'",
    ),
    taken(
        "a name that is there",
        "CreateCarrierConfig",
        lambda w: {"carrier_config": CarrierConfig(display_name="main", carrier="simulated")},
        "CARRIER_CONFIG_NAME_TAKEN",
    ),
    faulty("no id", "GetCarrierConfig", lambda w: {}, "carrier_config_id", says="is required"),
    *no_such_id(
        "GetCarrierConfig",
        "CARRIER_CONFIG_NOT_FOUND",
        lambda w: w.their_carrier_config_id,
        lambda id_: {"carrier_config_id": id_},
    ),
    faulty(
        "no id",
        "UpdateCarrierConfig",
        lambda w: {},
        "carrier_config.carrier_config_id",
        says="is required",
    ),
    *no_such_id(
        "UpdateCarrierConfig",
        "CARRIER_CONFIG_NOT_FOUND",
        lambda w: w.their_carrier_config_id,
        lambda id_: {"carrier_config": CarrierConfig(carrier_config_id=id_, display_name="x")},
    ),
    faulty(
        "another carrier",
        "UpdateCarrierConfig",
        lambda w: {
            "carrier_config": CarrierConfig(
                carrier_config_id=w.carrier_config_id, carrier="elsewhere"
            ),
            "update_mask": FieldMask(paths=["carrier"]),
        },
        "update_mask",
        says="cannot be changed",
    ),
    faulty(
        "a hold that is to begin",
        "UpdateCarrierConfig",
        lambda w: {
            "carrier_config": CarrierConfig(
                carrier_config_id=w.carrier_config_id, held_until=Timestamp(seconds=1)
            ),
            "update_mask": FieldMask(paths=["held_until"]),
        },
        "carrier_config.held_until",
        says="can only be lifted",
    ),
    taken(
        "a name that is there",
        "UpdateCarrierConfig",
        lambda w: {
            "carrier_config": CarrierConfig(
                carrier_config_id=w.carrier_config_id, display_name="old"
            )
        },
        "CARRIER_CONFIG_NAME_TAKEN",
    ),
    outdated(
        "an old etag",
        "UpdateCarrierConfig",
        lambda w: {
            "carrier_config": CarrierConfig(
                carrier_config_id=w.carrier_config_id, display_name="x", etag='"0"'
            )
        },
    ),
    faulty("no id", "CheckCarrierConfig", lambda w: {}, "carrier_config_id", says="is required"),
    *no_such_id(
        "CheckCarrierConfig",
        "CARRIER_CONFIG_NOT_FOUND",
        lambda w: w.their_carrier_config_id,
        lambda id_: {"carrier_config_id": id_},
    ),
    faulty("no id", "DeleteCarrierConfig", lambda w: {}, "carrier_config_id", says="is required"),
    *no_such_id(
        "DeleteCarrierConfig",
        "CARRIER_CONFIG_NOT_FOUND",
        lambda w: w.their_carrier_config_id,
        lambda id_: {"carrier_config_id": id_},
    ),
    misfit(
        "one that a batch names",
        "DeleteCarrierConfig",
        lambda w: {"carrier_config_id": w.carrier_config_id},
        "CARRIER_CONFIG_IN_USE",
        says="have not ended",
    ),
    faulty(
        "a name with NUL", "ListCarrierConfigs", lambda w: {"display_name": "a\0"}, "display_name"
    ),
    faulty(
        "a token of another list",
        "ListCarrierConfigs",
        lambda w: {"page_token": "YWdlbnRzOjE"},
        "page_token",
        reason="PAGE_TOKEN_INVALID",
    ),
    unfound(
        "a carrier config of another account",
        "CreateBatch",
        lambda w: {
            "batch": batch_of(w, carrier_config=w.their_carrier_config_id),
            "scheduled_calls": ROWS_TO_CALL,
        },
        "CARRIER_CONFIG_NOT_FOUND",
    ),
    misfit(
        "a carrier config of another carrier",
        "CreateBatch",
        lambda w: {
            "batch": batch_of(w, carrier_config=w.old_carrier_config_id, carrier="simulated"),
            "scheduled_calls": ROWS_TO_CALL,
        },
        "CARRIER_MISMATCH",
        says="'retired'",
    ),
    faulty(
        "a carrier config with NUL",
        "CreateBatch",
        lambda w: {
            "batch": batch_of(w, carrier_config="a\0"),
            "scheduled_calls": ROWS_TO_CALL,
        },
        "batch.carrier_config",
    ),
    unfound(
        "an unknown carrier config",
        "UpdateBatch",
        lambda w: {"batch": Batch(batch_id=w.ours.draft_id, carrier_config=UNKNOWN_ID)},
        "CARRIER_CONFIG_NOT_FOUND",
    ),
    misfit(
        "a carrier config of another carrier",
        "UpdateBatch",
        lambda w: {
            "batch": Batch(batch_id=w.ours.draft_id, carrier_config=w.old_carrier_config_id)
        },
        "CARRIER_MISMATCH",
        says="'simulated'",
    ),
    unfound(
        "an unknown carrier config",
        "ImportScheduledCalls",
        lambda w: {
            "request": [
                Message(options=ImportOptions(new_batch=batch_of(w, carrier_config="nothing")))
            ]
        },
        "CARRIER_CONFIG_NOT_FOUND",
    ),
    misfit(
        "a carrier config of another carrier",
        "ImportScheduledCalls",
        lambda w: {
            "request": [
                Message(
                    options=ImportOptions(
                        new_batch=batch_of(
                            w, carrier_config=w.old_carrier_config_id, carrier="simulated"
                        )
                    )
                )
            ]
        },
        "CARRIER_MISMATCH",
    ),
]
