"""Puts the generated code into the distributions of outdial-client.

In a checkout it lies in generated/ at the root of the repository; an unpacked
source distribution carries its own copy. Editable installs need nothing from
here: they put the folder itself on the path.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class GeneratedCodeHook(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        in_sdist = self.target_name == "sdist"
        target = "generated/outdial" if in_sdist else "outdial"
        build_data["force_include"][str(self._generated_package())] = target

    def _generated_package(self) -> Path:
        root = Path(self.root)
        candidates = [root / "generated" / "outdial", root.parents[1] / "generated" / "outdial"]
        for candidate in candidates:
            if (candidate / "v1").is_dir():
                return candidate
        raise FileNotFoundError("No generated code: run `make generate` at the repository's root.")
