"""Puts the native surface's OpenAPI document into the distributions of outdial.

It is generated, and lies in generated/ at the root of the repository. Editable installs need
nothing from here: the server looks there, too.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DOCUMENT = "generated/openapi/outdial.json"
IN_PACKAGE = "outdial_server/gateway/native/openapi.json"


class OpenApiHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        document = Path(self.root) / DOCUMENT
        if not document.is_file():
            raise FileNotFoundError(f"No {DOCUMENT}: run `make generate`.")
        target = DOCUMENT if self.target_name == "sdist" else IN_PACKAGE
        build_data["force_include"][str(document)] = target
