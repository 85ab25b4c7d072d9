"""What describes the native surface, made from the contract and its comments."""

from pathlib import Path
from typing import Final

_PACKAGED: Final = Path(__file__).with_name("openapi.json")
_IN_CHECKOUT: Final = Path(__file__).parents[5] / "generated" / "openapi" / "outdial.json"


def native_document() -> bytes:
    """OpenAPI, as JSON."""
    return (_PACKAGED if _PACKAGED.is_file() else _IN_CHECKOUT).read_bytes()
