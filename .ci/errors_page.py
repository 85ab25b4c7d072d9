"""Writes docs/errors.md from the options of outdial.v1.ErrorReason, or checks that it is
current.

    .ci/errors_page.py            write the page
    .ci/errors_page.py --check    compare, exit 1 on a difference
"""

import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from google.rpc.code_pb2 import Code
from outdial.v1 import error_reason_pb2 as pb

from outdial_server.api.server import SERVICES

PAGE = Path(__file__).resolve().parents[1] / "docs" / "errors.md"

_HEAD = """\
<!-- Written by .ci/errors_page.py from proto/outdial/v1/error_reason.proto: change that. -->

# Errors

Every error of an RPC is a gRPC code, a message for people, and details for programs. The
details always have a `google.rpc.ErrorInfo` with the domain `outdial.dev`, one of the reasons
below and metadata. The trailer `x-request-id` names the RPC in the server's log.

A request that was refused has changed nothing, unless its reason says otherwise below.

```
$ grpcurl -plaintext -H "x-api-key: $OUTDIAL_API_KEY" -d '{"batch": {"priority": 77}}' \\
    127.0.0.1:50051 outdial.v1.BatchService/CreateBatch
ERROR:
  Code: InvalidArgument
  Message: batch.agent_id: is required (and 2 more)
  Details:
  1)  {"@type":"type.googleapis.com/google.rpc.ErrorInfo","domain":"outdial.dev",
       "reason":"INVALID_FIELD"}
  2)  {"@type":"type.googleapis.com/google.rpc.BadRequest","field_violations":[
       {"field":"batch.agent_id","description":"is required"},
       {"field":"batch.display_name","description":"is required"},
       {"field":"batch.priority","description":"must be from 0 to 9"}]}
```

`buf curl` leaves the details in base64. `grpcurl ... describe outdial.v1.ErrorReason` asks a
running server for the explanations below. In the [SDK](client.md) each code is an exception,
with `reason`, `metadata`, `fields`, `violations`, `retry_after` and `request_id`.

The HTTP status is the one that a JSON transcoder in front of the API answers with.
"""

_TAIL = """\
## Answers of gRPC itself

They have a code and a message, and no details.

| code | when | what to do |
| --- | --- | --- |
| RESOURCE_EXHAUSTED | The request is larger than 34 MiB. | Make the batch with some of the rows as a draft, bring the others with AddScheduledCalls or ImportScheduledCalls, then StartBatch. |
| UNIMPLEMENTED | The server does not know the RPC: it is older than the client. | Upgrade the server; GetServerInfo names its version. |
| UNAVAILABLE | No server answers at the address. | Check address, TLS and firewall; try again later. |
| DEADLINE_EXCEEDED | No answer in the time that the client gave. | Read what became of it, or repeat the request with the same `request_id`: it may have been carried out. |
| CANCELLED | The client, or something on the way, gave the request up. | As above. |
"""  # noqa: E501

# The status of each code as google/rpc/code.proto gives it.
_HTTP_STATUS = {
    Code.INVALID_ARGUMENT: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.NOT_FOUND: 404,
    Code.ALREADY_EXISTS: 409,
    Code.ABORTED: 409,
    Code.FAILED_PRECONDITION: 400,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.OUT_OF_RANGE: 400,
    Code.UNAVAILABLE: 503,
    Code.INTERNAL: 500,
}

_DETAILS = {
    Code.INVALID_ARGUMENT: (
        "A `google.rpc.BadRequest` names each field by its path in the request, for example "
        "`scheduled_calls[6].address`, and says what is wrong with it. Of long lists it has as "
        "many faults as fit into an answer, about 50; the message says how many more there are."
    ),
    Code.FAILED_PRECONDITION: (
        "A `google.rpc.PreconditionFailure` has the reason as `type` and the state that is in "
        "the way as `subject`."
    ),
    Code.UNAVAILABLE: "A `google.rpc.RetryInfo` says how long to wait before another try.",
}


def page() -> str:
    entries = sorted(_entries(), key=lambda entry: list(_HTTP_STATUS).index(entry[1].code))
    parts = [_HEAD]
    for code, group in groupby(entries, key=lambda entry: entry[1].code):
        parts.append(f"## {Code.Name(code)} ({_HTTP_STATUS[code]})\n")
        if code in _DETAILS:
            parts.append(f"{_DETAILS[code]}\n")
        parts += [_section(name, explanation) for name, explanation in group]
    return "\n".join([*parts, _TAIL])


def _entries() -> Iterator[tuple[str, pb.ErrorExplanation]]:
    for value in pb.ErrorReason.DESCRIPTOR.values:
        if value.number:
            name = value.name.removeprefix("ERROR_REASON_")
            yield name, value.GetOptions().Extensions[pb.explanation]


def _section(name: str, explanation: pb.ErrorExplanation) -> str:
    lines = [f"### {name}\n", f"{explanation.cause}\n", f"- To do: {explanation.remedy}"]
    lines += [f"- Metadata `{key}`: {held}." for key, held in sorted(explanation.metadata.items())]
    lines.append(f"- RPCs: {_rpcs(explanation.rpcs)}.\n")
    return "\n".join(lines)


def _rpcs(named: str) -> str:
    if named == "*":
        return "all"
    services = {method.name: service.name for service in SERVICES for method in service.methods}
    return ", ".join(f"`{services[name]}/{name}`" for name in named.split(", "))


def main(arguments: list[str]) -> int:
    if arguments != ["--check"]:
        PAGE.write_text(page())
    elif not PAGE.exists() or PAGE.read_text() != page():
        print("docs/errors.md is not current: run `make generate`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
