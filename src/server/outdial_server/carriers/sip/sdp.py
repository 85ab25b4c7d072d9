"""The little that must be known of SDP to connect two parties that speak for themselves."""

from typing import Final

_SESSION: Final = "o=outdial 1 {version} IN IP4 0.0.0.0"


def has_media(sdp: str) -> bool:
    return any(line.startswith("m=") for line in sdp.splitlines())


def held_answer(offer: str) -> str:
    """An answer that takes the offer's audio and lets nothing flow yet (RFC 3725, black hole);
    other media are declined."""
    lines = ["v=0", _SESSION.format(version=1), "s=-", "c=IN IP4 0.0.0.0", "t=0 0"]
    for line in offer.splitlines():
        if line.startswith("m="):
            lines += _held(line.removeprefix("m="))
    return _joined(lines)


def _held(media: str) -> list[str]:
    kind, _, formats = (*media.split(" ", 2), "", "")[:3]
    if kind != "audio":
        return [f"m={kind} 0 {formats}"]
    return [f"m={kind} 9 {formats}", "a=inactive"]


def offer_after_held(sdp: str) -> str:
    """The other party's SDP as what follows `held_answer` in the same session: there a session
    has one owner, whose version goes up."""
    lines = sdp.splitlines()
    return _joined([_SESSION.format(version=2) if one.startswith("o=") else one for one in lines])


def _joined(lines: list[str]) -> str:
    return "".join(f"{line}\r\n" for line in lines)
