"""A carrier's own description of its API, held against the requests that an adapter sends."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest

from support.specs import spec

_FORM = "application/x-www-form-urlencoded"
_METHODS = ("get", "post", "put", "delete")


@dataclass(frozen=True)
class Seen:
    """A request as it came over the wire."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class UnknownNameError(ValueError):
    """An operation or a parameter that the description does not have."""


class Description:
    """A name that it does not have is as much a fault as a value that it does not allow."""

    def __init__(self, file_name: str) -> None:
        self._document = json.loads(spec(file_name).read_text())
        self._url = urlsplit(self._document["servers"][0]["url"])
        for path in self._document["paths"].values():
            for method in path.keys() & _METHODS:
                for content in path[method].get("requestBody", {}).get("content", {}).values():
                    self._close(content["schema"])
        # Telnyx's breaks a rule itself, in a field that no request of ours has: a default of
        # null for an object. Requests are checked, not it.
        self._api = OpenAPI.from_dict(self._document, Config(spec_validator_cls=None))

    def check(self, seen: Seen) -> str:
        """Gives the operation as the description has it. Raises OpenAPIError, and
        UnknownNameError."""
        template, known = self._operation(seen)
        asked = dict(parse_qsl(seen.query, keep_blank_values=True))
        unknown = asked.keys() - known
        if seen.headers.get("content-type") == _FORM:
            # Of forms openapi-core looks at no others than those that are described.
            told = dict(parse_qsl(seen.body.decode(), strict_parsing=True, keep_blank_values=True))
            unknown |= told.keys() - self._names_of(seen.method, template)
        if unknown:
            raise UnknownNameError(f"{seen.method} {template} has no {sorted(unknown)}")
        request = MockRequest(
            f"{self._url.scheme}://{self._url.netloc}",
            seen.method.lower(),
            seen.path,
            args=asked,
            headers=dict(seen.headers),
            data=seen.body or None,
            content_type=seen.headers.get("content-type", ""),
        )
        self._api.validate_request(request)
        return f"{seen.method} {template}"

    def _names_of(self, method: str, template: str) -> set[str]:
        """What the body of an operation may hold."""
        (content,) = self._document["paths"][template][method.lower()]["requestBody"][
            "content"
        ].values()
        return set(self._resolved(content["schema"])["properties"])

    def _operation(self, seen: Seen) -> tuple[str, set[str]]:
        for template, path in self._document["paths"].items():
            pattern = re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(self._url.path + template))
            operation = path.get(seen.method.lower())
            if operation is not None and re.fullmatch(pattern, seen.path):
                listed = [*path.get("parameters", []), *operation.get("parameters", [])]
                return template, set(self._query_names(listed))
        raise UnknownNameError(f"there is no {seen.method} {seen.path}")

    def _query_names(self, parameters: list[Any]) -> Iterator[str]:
        for parameter in map(self._resolved, parameters):
            if parameter["in"] != "query":
                continue
            if parameter.get("style") == "deepObject":
                for name in self._resolved(parameter["schema"])["properties"]:
                    yield f"{parameter['name']}[{name}]"
            else:
                yield parameter["name"]

    def _close(self, schema: dict[str, Any]) -> None:
        """Objects of a body have no other properties than those that are named."""
        schema = self._resolved(schema)
        if "items" in schema:
            self._close(schema["items"])
        if "properties" in schema and "additionalProperties" not in schema:
            schema["additionalProperties"] = False
            for inner in schema["properties"].values():
                self._close(inner)

    def _resolved(self, node: Any) -> Any:
        while "$ref" in node:
            found: Any = self._document
            for step in node["$ref"].removeprefix("#/").split("/"):
                found = found[step]
            node = found
        return node
