"""Values for prompts, between JSON and messages."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from google.protobuf.struct_pb2 import Struct
from pydantic import AfterValidator, BaseModel, Field
from pydantic_core import PydanticCustomError

from outdial_server.gateway.decoding import Faults, read_into
from outdial_server.gateway.encoding import to_object

RESERVED: Final = "system__"


def _unreserved(variables: dict[str, Any]) -> dict[str, Any]:
    for name in variables:
        if name.startswith(RESERVED):
            raise PydanticCustomError("reserved", "names must not begin with system__")
    return variables


Variables = Annotated[
    dict[str, Any],
    AfterValidator(_unreserved),
    Field(
        json_schema_extra={"propertyNames": {"not": {"pattern": f"^{RESERVED}"}}},
        examples=[{"first_name": "Ada"}],
    ),
]


class WithVariables(BaseModel):
    """In either spelling."""

    dynamic_variables: Variables | None = None
    dynamic_vars: Annotated[
        Variables | None, Field(description="The older name; the newer one counts before it.")
    ] = None

    @property
    def variables(self) -> dict[str, Any]:
        newer = self.dynamic_variables
        return (self.dynamic_vars or {}) if newer is None else newer


def fill_variables(struct: Struct, variables: Mapping[str, Any]) -> None:
    """Raises InvalidFieldsError for what is nested too deep."""
    faults = Faults()
    read_into(struct, variables, "dynamic_variables", faults)
    faults.check()


def shown_variables(struct: Struct) -> Mapping[str, Any]:
    told: Mapping[str, Any] = to_object(struct)
    return told
