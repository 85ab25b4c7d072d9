"""Writes generated/openapi/, or checks that it is current: outdial.json from proto/outdial, and
one document from the application of each dialect.

    .ci/openapi.py            write them
    .ci/openapi.py --check    compare, exit 1 on a difference

In outdial.json, what is said of messages, fields and RPCs is what stands in the comments of the
contract. Both spellings of a name are taken by the server; the document has the one that it
answers with.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module, resources
from pathlib import Path
from typing import Any

from google.api import annotations_pb2, http_pb2  # noqa: F401 (options are read by them)
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
    ServiceDescriptorProto,
)

from outdial_server.gateway.dialects import DIALECTS

ROOT = Path(__file__).resolve().parents[1]
PROTO = ROOT / "proto"
FOLDER = ROOT / "generated" / "openapi"

Json = dict[str, Any]
_VARIABLE = re.compile(r"\{([a-z_.]+)\}")
_VERBS = ("get", "post", "patch", "put", "delete")

# Fields of these tell nothing of how they are numbered in their file.
_SERVICE, _METHOD, _MESSAGE, _ENUM, _FIELD, _NESTED, _VALUE = 6, 2, 4, 5, 2, 3, 2

# Of a batch that an import makes; every other field of it may be said in the same way.
_OF_NEW_BATCH = ("agent_id", "display_name", "window_start", "window_end", "time_zone")

_ANYTHING: Json = {"description": "Any JSON."}
_WELL_KNOWN: Mapping[str, Json] = {
    ".google.protobuf.Timestamp": {
        "type": "string",
        "format": "date-time",
        "examples": ["2026-03-02T09:00:00Z"],
    },
    ".google.protobuf.Duration": {
        "type": "string",
        "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$",
        "examples": ["30s"],
    },
    ".google.protobuf.FieldMask": {"type": "string", "examples": ["displayName,priority"]},
    ".google.protobuf.Struct": {"type": "object", "additionalProperties": True},
    ".google.protobuf.Value": _ANYTHING,
}


def _integer(form: str, least: int, most: int) -> Json:
    """64 bits are answered as texts, and texts are taken for all."""
    return {
        "type": ["integer", "string"],
        "format": form,
        "minimum": least,
        "maximum": most,
        "pattern": "^-?[0-9]{1,20}$",
    }


_KINDS: Mapping[int, Json] = {
    FieldDescriptorProto.TYPE_INT32: _integer("int32", -(2**31), 2**31 - 1),
    FieldDescriptorProto.TYPE_UINT32: _integer("uint32", 0, 2**32 - 1),
    FieldDescriptorProto.TYPE_INT64: _integer("int64", -(2**63), 2**63 - 1),
    FieldDescriptorProto.TYPE_UINT64: _integer("uint64", 0, 2**64 - 1),
    FieldDescriptorProto.TYPE_DOUBLE: {
        "type": ["number", "string"],
        "format": "double",
        "pattern": r"^(-?[0-9]{1,300}(\.[0-9]{1,300})?([eE][+-]?[0-9]{1,3})?|NaN|-?Infinity)$",
    },
    FieldDescriptorProto.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptorProto.TYPE_STRING: {"type": "string"},
    FieldDescriptorProto.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}


@dataclass(frozen=True)
class Contract:
    """What is declared, by full name, each with its comment."""

    messages: dict[str, tuple[DescriptorProto, str]] = field(default_factory=dict)
    enums: dict[str, tuple[EnumDescriptorProto, str]] = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    services: list[tuple[ServiceDescriptorProto, str]] = field(default_factory=list)
    methods: dict[str, str] = field(default_factory=dict)

    def add(self, file: FileDescriptorProto) -> None:
        told = {
            tuple(place.path): place.leading_comments for place in file.source_code_info.location
        }
        for index, message in enumerate(file.message_type):
            self._add_message(message, f".{file.package}", (_MESSAGE, index), told)
        for index, enum in enumerate(file.enum_type):
            self.enums[f".{file.package}.{enum.name}"] = enum, _text(told, (_ENUM, index))
        for index, service in enumerate(file.service):
            self.services.append((service, _text(told, (_SERVICE, index))))
            for place, method in enumerate(service.method):
                path = (_SERVICE, index, _METHOD, place)
                self.methods[f"{service.name}.{method.name}"] = _text(told, path)

    def held_by(self, name: str) -> set[str]:
        """A message and all that may be in it."""
        held, waiting = set[str](), [name]
        while waiting:
            found = waiting.pop()
            if found in self.messages and found not in held:
                held.add(found)
                waiting += [item.type_name for item in self.messages[found][0].field]
        return held

    def _add_message(
        self, message: DescriptorProto, scope: str, path: tuple[int, ...], told: Mapping[Any, str]
    ) -> None:
        name = f"{scope}.{message.name}"
        self.messages[name] = message, _text(told, path)
        for index, inner in enumerate(message.nested_type):
            self._add_message(inner, name, (*path, _NESTED, index), told)
        for index, item in enumerate(message.field):
            self.fields[f"{name}.{item.name}"] = _text(told, (*path, _FIELD, index))


def _text(told: Mapping[Any, str], path: tuple[int, ...]) -> str:
    lines = [line.strip() for line in told.get(path, "").strip().splitlines()]
    paragraphs = "\n".join(lines).split("\n\n")
    return "\n\n".join(paragraph.replace("\n", " ") for paragraph in paragraphs).strip()


def read_contract() -> Contract:
    contract = Contract()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "contract.binpb"
        subprocess.run(
            [
                *(sys.executable, "-m", "grpc_tools.protoc"),
                f"--proto_path={PROTO}",
                f"--proto_path={ROOT / '.protos'}",
                f"--proto_path={resources.files('grpc_tools') / '_proto'}",
                "--include_source_info",
                f"--descriptor_set_out={out}",
                *sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto")),
            ],
            check=True,
            cwd=PROTO,
        )
        for file in FileDescriptorSet.FromString(out.read_bytes()).file:
            contract.add(file)
    return contract


class Document:
    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._schemas: Json = {"Error": _error_schema()}
        # Messages that a body may hold, where null leaves a field as it is.
        self._taken = {
            name
            for service, _ in contract.services
            for method in service.method
            for _, _, body in _bindings(method)
            if body
            for name in contract.held_by(method.input_type)
        }

    def build(self) -> Json:
        paths: Json = {}
        tags = []
        for service, comment in self._contract.services:
            tags.append({"name": _tag(service), "description": comment})
            for method in service.method:
                for verb, path, body in _bindings(method):
                    operation = self._operation(service, method, path, body)
                    paths.setdefault(_in_camel_case(path), {})[verb] = operation
        return {
            "openapi": "3.1.0",
            "info": {
                "title": "Outdial",
                "version": "v1",
                "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
                "description": "The native REST surface: the RPCs of outdial.v1 over HTTP.",
            },
            "servers": [{"url": "/"}],
            "security": [{"key": []}, {"bearer": []}],
            "tags": tags,
            "paths": dict(sorted(paths.items())),
            "components": {
                "schemas": dict(sorted(self._schemas.items())),
                "securitySchemes": {
                    "key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                    "bearer": {"type": "http", "scheme": "bearer"},
                },
                "responses": {"Error": _error_response()},
            },
        }

    def _operation(
        self, service: ServiceDescriptorProto, method: MethodDescriptorProto, path: str, body: str
    ) -> Json:
        comment = self._contract.methods[f"{service.name}.{method.name}"]
        operation: Json = {
            "operationId": method.name,
            "tags": [_tag(service)],
            "summary": _summary(method.name, comment),
            "description": comment,
            "parameters": list(
                self._of_import(method, path)
                if method.client_streaming
                else self._parameters(method, path, body)
            ),
            "responses": {
                "200": self._response(method),
                "default": {"$ref": "#/components/responses/Error"},
            },
        }
        if method.client_streaming:
            file = {"text/csv": {"schema": {"type": "string"}}}
            operation["requestBody"] = {"required": True, "content": file}
        elif body:
            filled = method.input_type if body == "*" else self._type_of(method.input_type, body)
            content = {"application/json": {"schema": self._reference(filled)}}
            operation["requestBody"] = {"required": True, "content": content}
        return operation

    def _response(self, method: MethodDescriptorProto) -> Json:
        schema = self._reference(method.output_type)
        if method.server_streaming:
            forms = {
                "application/x-ndjson": {"schema": schema},
                "text/event-stream": {"schema": {"type": "string"}},
            }
            return {"description": "A stream of these.", "content": forms}
        content = {"application/json": {"schema": schema}}
        return {"description": "What came of it.", "content": content}

    def _parameters(self, method: MethodDescriptorProto, path: str, body: str) -> Iterator[Json]:
        in_path = _VARIABLE.findall(path)
        yield from (self._in_path(method.input_type, name) for name in in_path)
        if body != "*":
            message, _ = self._contract.messages[method.input_type]
            for item in message.field:
                if item.name not in (body, *in_path):
                    yield from self._query(method.input_type, item)

    def _in_path(self, owner: str, name: str) -> Json:
        return {
            "name": _camel(name),
            "in": "path",
            "required": True,
            "description": self._described(owner, name),
            "schema": {"type": "string"},
        }

    def _of_import(self, method: MethodDescriptorProto, path: str) -> Iterator[Json]:
        """The options of a stream, of which a body can only hold the rows."""
        options = self._type_of(method.input_type, "options")
        in_path = _VARIABLE.findall(path)
        yield from (self._in_path(method.input_type, name) for name in in_path)
        message, _ = self._contract.messages[options]
        for item in message.field:
            if f"options.{item.name}" in in_path:
                continue
            if item.type_name in self._contract.messages:
                inner, _ = self._contract.messages[item.type_name]
                for one in inner.field:
                    if one.name in _OF_NEW_BATCH:
                        (told,) = self._query(item.type_name, one)
                        yield {**told, "name": f"{item.json_name}.{told['name']}"}
            else:
                yield from self._query(options, item)

    def _query(self, owner: str, item: FieldDescriptorProto) -> Iterator[Json]:
        if item.type == FieldDescriptorProto.TYPE_MESSAGE and item.type_name not in _WELL_KNOWN:
            # Below it by a dot; nothing that is asked for by GET has such a field.
            raise NotImplementedError(f"{owner}.{item.name} in a query")
        yield {
            "name": item.json_name,
            "in": "query",
            "description": self._contract.fields[f"{owner}.{item.name}"],
            "schema": self._of_field(item),
        }

    def _type_of(self, owner: str, name: str) -> str:
        message, _ = self._contract.messages[owner]
        return next(item.type_name for item in message.field if item.name == name)

    def _described(self, owner: str, name: str) -> str:
        first, _, rest = name.partition(".")
        if rest:
            return self._described(self._type_of(owner, first), rest)
        return self._contract.fields[f"{owner}.{first}"]

    def _reference(self, name: str) -> Json:
        known = _WELL_KNOWN.get(name)
        if known is not None:
            return dict(known)
        short = name.removeprefix(".outdial.v1.")
        if short not in self._schemas:
            # Before its fields: a message may hold its own kind.
            self._schemas[short] = {}
            self._schemas[short] = self._schema(name)
        return {"$ref": f"#/components/schemas/{short}"}

    def _schema(self, name: str) -> Json:
        if name in self._contract.enums:
            enum, comment = self._contract.enums[name]
            return {
                "description": comment,
                "type": "string",
                "enum": [value.name for value in enum.value],
            }
        message, comment = self._contract.messages[name]
        properties = {item.json_name: self._property(name, item) for item in message.field}
        if name in self._taken:
            properties = {key: _or_null(schema) for key, schema in properties.items()}
        return {
            "description": comment,
            "type": "object",
            "properties": properties,
            "additionalProperties": False,
        }

    def _property(self, owner: str, item: FieldDescriptorProto) -> Json:
        schema = self._of_field(item)
        comment = self._contract.fields[f"{owner}.{item.name}"]
        return {"description": comment, **schema} if comment else schema

    def _of_field(self, item: FieldDescriptorProto) -> Json:
        is_list = item.label == FieldDescriptorProto.LABEL_REPEATED
        if item.type == FieldDescriptorProto.TYPE_MESSAGE and is_list:
            message, _ = self._contract.messages.get(item.type_name, (None, ""))
            if message is not None and message.options.map_entry:
                values = self._of_one(message.field[1])
                return {"type": "object", "additionalProperties": values}
        one = self._of_one(item)
        return {"type": "array", "items": one} if is_list else one

    def _of_one(self, item: FieldDescriptorProto) -> Json:
        if item.type_name:
            return self._reference(item.type_name)
        return dict(_KINDS[item.type])


def _or_null(schema: Json) -> Json:
    kind = schema.get("type")
    if kind is None:
        return {"anyOf": [schema, {"type": "null"}]} if "$ref" in str(schema) else schema
    kinds = kind if isinstance(kind, list) else [kind]
    return {**schema, "type": [*kinds, "null"]}


def _bindings(method: MethodDescriptorProto) -> Iterator[tuple[str, str, str]]:
    rule = method.options.Extensions[annotations_pb2.http]
    for bound in (rule, *rule.additional_bindings):
        for verb in _VERBS:
            if getattr(bound, verb):
                yield verb, getattr(bound, verb), bound.body


def _summary(name: str, comment: str) -> str:
    first = re.split(r"(?<=\.)\s", comment)[0].removesuffix(".")
    return first or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)


def _in_camel_case(path: str) -> str:
    return _VARIABLE.sub(lambda found: f"{{{_camel(found[1])}}}", path)


def _camel(name: str) -> str:
    """Of a variable of a path its last part: which resource it is."""
    first, *others = name.rpartition(".")[2].split("_")
    return first + "".join(word.capitalize() for word in others)


def _tag(service: ServiceDescriptorProto) -> str:
    return service.name.removesuffix("Service")


def _error_schema() -> Json:
    error = {
        "type": "object",
        "required": ["code", "message", "status", "details"],
        "properties": {
            "code": {"type": "integer", "description": "The HTTP status."},
            "message": {"type": "string"},
            "status": {"type": "string", "examples": ["INVALID_ARGUMENT"]},
            "details": {"type": "array", "items": {"type": "object"}},
        },
    }
    return {
        "description": "As AIP-193 has it; docs/errors.md lists the reasons.",
        "type": "object",
        "required": ["error"],
        "properties": {"error": error},
    }


def _error_response() -> Json:
    example = {
        "error": {
            "code": 404,
            "message": "there is no batch of this id",
            "status": "NOT_FOUND",
            "details": [
                {
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": "BATCH_NOT_FOUND",
                    "domain": "outdial.dev",
                }
            ],
        }
    }
    schema = {"$ref": "#/components/schemas/Error"}
    content = {"application/json": {"schema": schema, "example": example}}
    return {"description": "Why nothing came of it.", "content": content}


def documents() -> Iterator[tuple[str, Json]]:
    """Names of files, and what is in them."""
    yield "outdial", Document(read_contract()).build()
    for _, module in DIALECTS:
        yield module.rpartition(".")[2], import_module(module).api().openapi()


def main() -> int:
    FOLDER.mkdir(parents=True, exist_ok=True)
    stale = False
    for name, document in documents():
        target = FOLDER / f"{name}.json"
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
        if "--check" not in sys.argv:
            target.write_text(text)
        elif not target.exists() or target.read_text() != text:
            print(f"{target.relative_to(ROOT)} is not current: run `make openapi`", file=sys.stderr)
            stale = True
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
