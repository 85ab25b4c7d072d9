"""What the SIP answer that ended a call says of it, where a carrier hands its code on."""

from typing import Final

from outdial_server.domain.call import Disposition

SIP_ENDS: Final = {
    **dict.fromkeys(("404", "410", "484", "604"), Disposition.INVALID_NUMBER),
    **dict.fromkeys(("486", "600"), Disposition.BUSY),
    **dict.fromkeys(("408", "480"), Disposition.NO_ANSWER),
    **dict.fromkeys(("603", "607", "608"), Disposition.REJECTED),
}
