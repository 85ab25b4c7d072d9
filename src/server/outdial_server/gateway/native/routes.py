"""Which RPC a method and a path mean, as the contract's `google.api.http` says."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor import MethodDescriptor

_VARIABLE: Final = re.compile(r"\{([a-z_.]+)\}")
_VERBS: Final = ("get", "post", "patch", "put", "delete")


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTP binding of an RPC. `body` is the field that the body fills; `*` is the whole
    request, and empty means no body."""

    rpc: MethodDescriptor
    verb: str
    path: str
    body: str
    variables: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Match:
    route: Route
    values: Mapping[str, str]


def routes_of(rpc: MethodDescriptor) -> Iterator[Route]:
    """None for an RPC that is not bound."""
    rule: HttpRule = rpc.GetOptions().Extensions[annotations_pb2.http]
    for bound in (rule, *rule.additional_bindings):
        verb = next((verb for verb in _VERBS if getattr(bound, verb)), "")
        if verb:
            path: str = getattr(bound, verb)
            variables = tuple(_VARIABLE.findall(path))
            yield Route(rpc, verb.upper(), path, bound.body, variables)


class Router:
    """Paths are told apart by how many parts they have and by the word behind the colon, which
    leaves a handful to compare."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._by_shape: dict[tuple[int, str], list[tuple[re.Pattern[str], Route]]] = {}
        for route in routes:
            pattern = re.compile(_VARIABLE.sub("([^/:]+)", re.escape(route.path).replace("\\", "")))
            self._by_shape.setdefault(_shape(route.path), []).append((pattern, route))

    def find(self, verb: str, path: str) -> Match | None:
        for pattern, route in self._by_shape.get(_shape(path), ()):
            found = pattern.fullmatch(path) if route.verb == verb else None
            if found:
                return Match(route, dict(zip(route.variables, found.groups(), strict=True)))
        return None

    def verbs(self, path: str) -> list[str]:
        """What may be done with a path; nothing when there is none."""
        candidates = self._by_shape.get(_shape(path), ())
        return sorted({route.verb for pattern, route in candidates if pattern.fullmatch(path)})


def _shape(path: str) -> tuple[int, str]:
    return path.count("/"), path.rpartition("/")[2].partition(":")[2]
