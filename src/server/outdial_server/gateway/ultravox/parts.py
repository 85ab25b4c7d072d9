"""What routes of this API are given."""

from typing import Annotated

from fastapi import Depends

from outdial_server.gateway.asking import Caller
from outdial_server.gateway.dialect import caller, surroundings
from outdial_server.gateway.dialects import Surroundings
from outdial_server.gateway.ultravox.paging import Place, place

Asks = Annotated[Caller, Depends(caller)]
Stands = Annotated[Surroundings, Depends(surroundings)]
Wanted = Annotated[Place, Depends(place)]
