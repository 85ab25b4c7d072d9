"""Wrong requests to ServerInfoService, AccountService and AgentService."""

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from outdial.v1.account_pb2 import (
    API_KEY_SCOPE_OPERATOR,
    API_KEY_SCOPE_READ,
    API_KEY_SCOPE_UNSPECIFIED,
    Account,
    ApiKey,
    NumberRules,
)
from outdial.v1.agent_pb2 import Agent
from tests.integration.api.conftest import OPERATOR
from tests.integration.wrong_requests.world import USED_REQUEST_ID
from tests.integration.wrong_requests.wrong import (
    UNKNOWN_ID,
    faulty,
    forbidden,
    keyless,
    misfit,
    no_such_id,
    outdated,
    taken,
    unfound,
)

from support.grpc import with_key


def mask(*paths: str) -> FieldMask:
    return FieldMask(paths=paths)


KEYS = [
    keyless("no key", lambda w: (), "API_KEY_MISSING"),
    keyless("an empty key", lambda w: with_key(""), "API_KEY_MISSING"),
    keyless("another scheme", lambda w: [("authorization", "Basic YTpi")], "API_KEY_MISSING"),
    keyless("an unknown key", lambda w: with_key("unknown.key"), "API_KEY_INVALID"),
    keyless("a revoked key", lambda w: w.revoked, "API_KEY_INVALID"),
    keyless("an expired key", lambda w: w.expired, "API_KEY_INVALID"),
]

ACCOUNTS = [
    forbidden(
        "an account's key", "CreateAccount", lambda w: {"account": Account(display_name="x")}
    ),
    *(
        row.by(lambda w: OPERATOR)
        for row in (
            faulty("no account", "CreateAccount", lambda w: {}, "account.display_name"),
            faulty(
                "every field wrong",
                "CreateAccount",
                lambda w: {
                    "account": Account(
                        display_name="x" * 201, max_concurrent_calls=-1, reserved_slots=-1
                    )
                },
                "account.display_name",
                "account.max_concurrent_calls",
                "account.reserved_slots",
            ),
            faulty(
                "more slots reserved than there are",
                "CreateAccount",
                lambda w: {"account": Account(display_name="x", reserved_slots=101)},
                "account.reserved_slots",
            ),
            faulty(
                "a request id that is too long",
                "CreateAccount",
                lambda w: {"account": Account(display_name="x"), "request_id": "x" * 256},
                "request_id",
                says="255 characters",
            ),
            unfound(
                "an unknown id",
                "UpdateAccount",
                lambda w: {"account": Account(account_id=UNKNOWN_ID, display_name="x")},
                "ACCOUNT_NOT_FOUND",
            ),
        )
    ),
    *no_such_id(
        "GetAccount",
        "ACCOUNT_NOT_FOUND",
        lambda w: w.theirs.tenant.account_id,
        lambda id_: {"account_id": id_},
    ),
    *no_such_id(
        "UpdateAccount",
        "ACCOUNT_NOT_FOUND",
        lambda w: w.theirs.tenant.account_id,
        lambda id_: {"account": Account(account_id=id_, display_name="x")},
    ),
    forbidden(
        "a limit raised by the account itself",
        "UpdateAccount",
        lambda w: {"account": Account(max_concurrent_calls=101)},
        "LIMIT_RAISE_NEEDS_OPERATOR",
    ),
    forbidden(
        "a key without the scope",
        "UpdateAccount",
        lambda w: {"account": Account(display_name="x")},
    ).by(lambda w: w.writer),
    faulty(
        "a limit of nothing",
        "UpdateAccount",
        lambda w: {"update_mask": mask("max_concurrent_calls")},
        "account.max_concurrent_calls",
    ),
    *(
        faulty(
            f"a gap between calls of {what}",
            "UpdateAccount",
            lambda w, gap=gap: {"account": Account(number_rules=NumberRules(min_gap=gap))},  # type: ignore[misc]
            "account.number_rules.min_gap",
        )
        for what, gap in (
            ("nothing", Duration()),
            ("half a second", Duration(nanos=500_000_000)),
            ("a nanosecond", Duration(nanos=1)),
            ("31 days", Duration(seconds=31 * 86_400)),
        )
    ),
    *(
        faulty(
            f"{calls} calls of a number a day",
            "UpdateAccount",
            lambda w, calls=calls: {  # type: ignore[misc]
                "account": Account(number_rules=NumberRules(max_calls_per_day=calls))
            },
            "account.number_rules.max_calls_per_day",
        )
        for calls in (-1, 101)
    ),
    faulty(
        "a field that does not exist",
        "UpdateAccount",
        lambda w: {"update_mask": mask("limit")},
        "update_mask",
        says="display_name, max_concurrent_calls, number_rules, reserved_slots",
    ),
    faulty(
        "a field that only the server writes",
        "UpdateAccount",
        lambda w: {"update_mask": mask("active_calls")},
        "update_mask",
        says="cannot be changed",
    ),
    outdated(
        "an old etag",
        "UpdateAccount",
        lambda w: {"account": Account(display_name="x", etag='"0"')},
    ),
]

API_KEYS = [
    faulty("no scope", "CreateApiKey", lambda w: {}, "api_key.scopes"),
    *(
        faulty(
            f"a scope that is {what}",
            "CreateApiKey",
            lambda w, scope=scope: {"api_key": ApiKey(scopes=[API_KEY_SCOPE_READ, scope])},  # type: ignore[misc]
            "api_key.scopes[1]",
        )
        for what, scope in (("unknown", 99), ("unspecified", API_KEY_SCOPE_UNSPECIFIED))
    ),
    faulty(
        "a name that is too long and an end in the past",
        "CreateApiKey",
        lambda w: {
            "api_key": ApiKey(
                display_name="x" * 201,
                scopes=[API_KEY_SCOPE_READ],
                expire_time=Timestamp(seconds=1),
            )
        },
        "api_key.display_name",
        "api_key.expire_time",
    ),
    faulty(
        "an end after all time",
        "CreateApiKey",
        lambda w: {
            "api_key": ApiKey(scopes=[API_KEY_SCOPE_READ], expire_time=Timestamp(seconds=10**12))
        },
        "api_key.expire_time",
    ),
    forbidden(
        "a scope that the caller lacks",
        "CreateApiKey",
        lambda w: {"api_key": ApiKey(scopes=[API_KEY_SCOPE_OPERATOR])},
    ),
    *no_such_id(
        "CreateApiKey",
        "ACCOUNT_NOT_FOUND",
        lambda w: w.theirs.tenant.account_id,
        lambda id_: {"account_id": id_, "api_key": ApiKey(scopes=[API_KEY_SCOPE_READ])},
    ),
    *no_such_id(
        "ListApiKeys",
        "ACCOUNT_NOT_FOUND",
        lambda w: w.theirs.tenant.account_id,
        lambda id_: {"account_id": id_},
    ),
    faulty("no id", "RevokeApiKey", lambda w: {}, "api_key_id", says="is required"),
    *no_such_id(
        "RevokeApiKey",
        "API_KEY_NOT_FOUND",
        lambda w: w.theirs.tenant.api_key_id,
        lambda id_: {"api_key_id": id_},
    ),
]

AGENTS = [
    faulty("no agent", "CreateAgent", lambda w: {}, "agent.display_name", says="is required"),
    faulty(
        "a blank name",
        "CreateAgent",
        lambda w: {"agent": Agent(display_name=" \t")},
        "agent.display_name",
    ),
    faulty(
        "every field wrong",
        "CreateAgent",
        lambda w: {
            "agent": Agent(
                display_name="x" * 65,
                max_concurrent_calls=100_001,
                metadata={"": "no key"},
            )
        },
        "agent.display_name",
        "agent.max_concurrent_calls",
        "agent.metadata",
    ),
    faulty(
        "too much metadata",
        "CreateAgent",
        lambda w: {"agent": Agent(display_name="x", metadata={str(n): "" for n in range(65)})},
        "agent.metadata",
        says="64 entries",
    ),
    faulty(
        "every text wrong",
        "CreateAgent",
        lambda w: {
            "agent": Agent(
                display_name="x",
                prompt="Hello {{first name}}",
                first_message="x" * 4_097,
                join_url_template="http://media.example/{{call_id}}",
                default_context={"a": "\0"},
            )
        },
        "agent.prompt",
        "agent.first_message",
        "agent.join_url_template",
        "agent.default_context",
    ),
    faulty(
        "a schema that is none",
        "CreateAgent",
        lambda w: {"agent": Agent(display_name="x", context_schema={"type": "strng"})},
        "agent.context_schema",
        says="is no JSON Schema at type",
    ),
    faulty(
        "a number that JSON does not have",
        "CreateAgent",
        lambda w: {"agent": Agent(display_name="x", default_context={"a": float("inf")})},
        "agent.default_context",
        says="finite",
    ),
    faulty(
        "a NUL character in the name",
        "CreateAgent",
        lambda w: {"agent": Agent(display_name="A\0da")},
        "agent.display_name",
    ),
    faulty(
        "a NUL character in the request id",
        "CreateAgent",
        lambda w: {"agent": Agent(display_name="x"), "request_id": "\0"},
        "request_id",
    ),
    taken(
        "a name that is taken",
        "CreateAgent",
        lambda w: {"agent": Agent(display_name="Ada")},
        "AGENT_NAME_TAKEN",
    ),
    taken(
        "a request id of another request",
        "CreateAgent",
        lambda w: {"agent": Agent(display_name="x"), "request_id": USED_REQUEST_ID + "Ada"},
        "REQUEST_ID_REUSED",
    ),
    forbidden(
        "a key without the scope", "CreateAgent", lambda w: {"agent": Agent(display_name="x")}
    ).by(lambda w: w.reader),
    faulty("no id", "GetAgent", lambda w: {}, "agent_id", says="is required"),
    *no_such_id(
        "GetAgent", "AGENT_NOT_FOUND", lambda w: w.theirs.agent_id, lambda id_: {"agent_id": id_}
    ),
    faulty(
        "a NUL character",
        "ListAgents",
        lambda w: {"display_name": "\0"},
        "display_name",
    ),
    faulty("no id", "UpdateAgent", lambda w: {}, "agent.agent_id", says="is required"),
    *no_such_id(
        "UpdateAgent",
        "AGENT_NOT_FOUND",
        lambda w: w.theirs.agent_id,
        lambda id_: {"agent": Agent(agent_id=id_, display_name="x")},
    ),
    taken(
        "a name that is taken",
        "UpdateAgent",
        lambda w: {"agent": Agent(agent_id=w.ours.agent_id, display_name="Idle")},
        "AGENT_NAME_TAKEN",
    ),
    faulty(
        "a name that is taken away",
        "UpdateAgent",
        lambda w: {
            "agent": Agent(agent_id=w.ours.agent_id),
            "update_mask": mask("display_name"),
        },
        "agent.display_name",
    ),
    faulty(
        "a field that does not exist",
        "UpdateAgent",
        lambda w: {"agent": Agent(agent_id=w.ours.agent_id), "update_mask": mask("voice")},
        "update_mask",
        says="'voice' is no field; name some of active, annotations, context_schema,",
    ),
    faulty(
        "everything and something",
        "UpdateAgent",
        lambda w: {
            "agent": Agent(agent_id=w.ours.agent_id),
            "update_mask": mask("*", "display_name"),
        },
        "update_mask",
        says="alone",
    ),
    faulty(
        "a schema that is not supported",
        "UpdateAgent",
        lambda w: {
            "agent": Agent(agent_id=w.ours.agent_id, context_schema={"$ref": "https://x.example"})
        },
        "agent.context_schema",
        says="$ref",
    ),
    outdated(
        "an old etag",
        "UpdateAgent",
        lambda w: {"agent": Agent(agent_id=w.ours.agent_id, display_name="x", etag="old")},
    ),
    faulty("no id", "DeleteAgent", lambda w: {}, "agent_id"),
    *no_such_id(
        "DeleteAgent", "AGENT_NOT_FOUND", lambda w: w.theirs.agent_id, lambda id_: {"agent_id": id_}
    ),
    misfit(
        "an agent with batches that go on",
        "DeleteAgent",
        lambda w: {"agent_id": w.ours.agent_id},
        "AGENT_IN_USE",
        says="have not ended",
    ),
]

ROWS = [*KEYS, *ACCOUNTS, *API_KEYS, *AGENTS]
