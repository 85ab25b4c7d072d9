"""Where the documents come from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Final

import orjson

from outdial_server.gateway.dialects import DIALECTS
from outdial_server.gateway.native.app import PREFIX
from outdial_server.gateway.native.document import native_document


@dataclass(frozen=True, slots=True)
class OpenApi:
    """The document of one surface. Reading it may take a good part of a second: not in the
    event loop."""

    prefix: str
    read: Callable[[], bytes]


def _of_dialect(module: str) -> OpenApi:
    prefix = next(prefix for prefix, name in DIALECTS if name == module)
    return OpenApi(prefix, cache(lambda: orjson.dumps(import_module(module).api().openapi())))


DOCUMENTS: Final[Mapping[str, OpenApi]] = {
    "outdial": OpenApi(PREFIX, native_document),
    **{module.rpartition(".")[2]: _of_dialect(module) for _, module in DIALECTS},
}
"""By the names that they have in addresses and in generated/openapi/."""
