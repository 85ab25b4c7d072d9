"""What routes are given besides their bodies."""

from typing import Annotated

from fastapi import Depends, Header

from outdial_server.gateway.asking import Caller
from outdial_server.gateway.dialect import caller, surroundings
from outdial_server.gateway.dialects import Surroundings
from outdial_server.gateway.speechify.editions import Edition, edition_of

Asks = Annotated[Caller, Depends(caller)]
Around = Annotated[Surroundings, Depends(surroundings)]
In = Annotated[Edition, Depends(edition_of)]
Key = Annotated[str, Header(alias="Idempotency-Key", max_length=255)]
