"""SIPp as the far end of SIP calls: a program of its own, which says of each call whether it went
as its scenario has it. A missing ACK or BYE, one too many, an SDP that is not the other's: each is
a failed call."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SIPP = shutil.which("sipp")
needs_sipp = pytest.mark.skipif(SIPP is None, reason="sipp (Debian's sip-tester) is not installed")

LOOPBACK = "127.0.0.1"
CALLEE_MEDIA = 42000
AGENT_MEDIA = 43000
USERNAME = "u1"
PASSWORD = "a-password-of-ours"

_SEEN_WITHIN_SECONDS = 60

_NOTHING_SAID = "Content-Length: 0\n"


# --- the words of a scenario


def _sdp(media_port: int) -> str:
    return (
        "Content-Type: application/sdp\nContent-Length: [len]\n\n"
        f"v=0\no=far {media_port} 1 IN IP4 [local_ip]\ns=-\nc=IN IP4 [media_ip]\nt=0 0\n"
        f"m=audio {media_port} RTP/AVP 0\na=rtpmap:0 PCMU/8000\n"
    )


def _send(text: str, *, again: bool) -> str:
    lines = "".join(f"      {line}\n" for line in text.splitlines())
    # Blank lines end the headers; SIPp strips the margin.
    retrans = ' retrans="500"' if again else ""
    return f"<send{retrans}><![CDATA[\n{lines}\n    ]]></send>"


def answer(code: int, phrase: str, *, media: int = 0, tag: str = ";tag=far[call_number]") -> str:
    """To the last request; with an SDP where there is a media port. Final answers to an INVITE are
    sent again until there is an ACK."""
    head = (
        f"SIP/2.0 {code} {phrase}\n[last_Via:]\n[last_From:]\n[last_To:]{tag}\n[last_Call-ID:]\n"
        "[last_CSeq:]\nContact: <sip:far@[local_ip]:[local_port]>\n"
    )
    return _send(head + (_sdp(media) if media else _NOTHING_SAID), again=code >= 200)


def within(code: int, phrase: str, *, media: int = 0) -> str:
    """An answer inside a dialog: the request has its tags already."""
    return answer(code, phrase, media=media, tag="").replace(' retrans="500"', "")


def challenge() -> str:
    head = (
        "SIP/2.0 401 Unauthorized\n[last_Via:]\n[last_From:]\n[last_To:];tag=asked[call_number]\n"
        "[last_Call-ID:]\n[last_CSeq:]\n"
        'WWW-Authenticate: Digest realm="far",nonce="n[call_number]",qop="auth",algorithm=MD5\n'
    )
    return _send(head + _NOTHING_SAID, again=True)


def hear(request: str, *actions: str, optional: bool = False, unless: str = "") -> str:
    """With `unless` what follows, up to the label, is left out where that variable is true."""
    known = "".join(actions)
    told = f"<action>{known}</action>" if known else ""
    allowed = ' optional="true"' if optional else ""
    skipped = f' next="1" test="{unless}"' if unless else ""
    return f'<recv request="{request}"{allowed}{skipped}>{told}</recv>'


def has(pattern: str, name: str) -> str:
    """Its body has this, or the call has failed."""
    check = 'search_in="body" check_it="true"'
    return f'<ereg regexp="{pattern}" {check} assign_to="{name}"/>'


def has_media(port: int, name: str) -> str:
    return has(f"m=audio {port} ", name)


NO_SDP = (
    '<ereg regexp="^ *0" search_in="hdr" header="Content-Length:" check_it="true" '
    'assign_to="nothing"/>'
)
IS_OURS = f'<verifyauth assign_to="ours" username="{USERNAME}" password="{PASSWORD}"/>'
# What a BYE of theirs needs.
PARTIES = (
    '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="caller"/>'
    '<ereg regexp="[^ ].*" search_in="hdr" header="To:" assign_to="me"/>'
    '<ereg regexp="sip:[^>]*" search_in="hdr" header="Contact:" assign_to="there"/>'
)
LATER = "<pause/>"


def goodbye() -> str:
    return (
        _send(
            "BYE [$there] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];"
            "branch=[branch]\nMax-Forwards: 70\nFrom: [$me];tag=far[call_number]\n"
            f"To:[$caller]\n[last_Call-ID:]\nCSeq: 1 BYE\n{_NOTHING_SAID}",
            again=True,
        )
        + '<recv response="200"/>'
    )


def scenario(*steps: str, names: Iterable[str] = ()) -> str:
    """`names`: variables that are set and not read."""
    read = f'<Reference variables="{",".join(names)}"/>' if names else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="far">\n'
        + "\n".join([*steps, read])
        + "\n</scenario>\n"
    )


HEARS_GOODBYE = hear("BYE") + within(200, "OK")

CALLEE_TALKS = scenario(
    hear("INVITE", NO_SDP, PARTIES),
    answer(100, "Trying", tag=""),
    answer(180, "Ringing"),
    answer(200, "OK", media=CALLEE_MEDIA),
    hear("ACK", has_media(AGENT_MEDIA, "media")),
    LATER,
    goodbye(),
    names=("nothing", "media"),
)
CALLEE_STAYS = scenario(
    hear("INVITE"),
    answer(180, "Ringing"),
    answer(200, "OK", media=CALLEE_MEDIA),
    hear("ACK", has_media(AGENT_MEDIA, "media")),
    HEARS_GOODBYE,
    names=("media",),
)
CALLEE_IS_HELD = scenario(
    hear("INVITE"),
    answer(200, "OK", media=CALLEE_MEDIA),
    hear("ACK", has("a=inactive", "media")),
    HEARS_GOODBYE,
    names=("media",),
)
CALLEE_IS_OFFERED = scenario(
    hear("INVITE", has_media(AGENT_MEDIA, "media"), PARTIES),
    answer(180, "Ringing"),
    answer(200, "OK", media=CALLEE_MEDIA),
    hear("ACK"),
    LATER,
    goodbye(),
    names=("media",),
)
CALLEE_ASKS = scenario(
    hear("INVITE"),
    challenge(),
    hear("ACK", optional=True),
    hear("INVITE", IS_OURS, PARTIES, unless="ours"),
    answer(403, "Forbidden"),
    '<label id="1"/>',
    answer(200, "OK", media=CALLEE_MEDIA),
    hear("ACK"),
    LATER,
    goodbye(),
)
CALLEE_RINGS = scenario(
    hear("INVITE", '<ereg regexp="[0-9].*" search_in="hdr" header="CSeq:" assign_to="cseq"/>'),
    answer(180, "Ringing"),
    hear("CANCEL"),
    within(200, "OK"),
    # Of the INVITE, whose branch the CANCEL has, too.
    answer(487, "Request Terminated").replace("[last_CSeq:]", "CSeq: [$cseq]"),
    hear("ACK"),
)
AGENT = scenario(
    hear("INVITE", has_media(CALLEE_MEDIA, "media")),
    answer(200, "OK", media=AGENT_MEDIA),
    hear("ACK"),
    HEARS_GOODBYE,
    names=("media",),
)
AGENT_FIRST = scenario(
    hear("INVITE", NO_SDP),
    answer(200, "OK", media=AGENT_MEDIA),
    hear("ACK", has("a=inactive", "held")),
    hear("INVITE", has_media(CALLEE_MEDIA, "media")),
    within(200, "OK", media=AGENT_MEDIA),
    hear("ACK"),
    HEARS_GOODBYE,
    names=("nothing", "held", "media"),
)


def refuses(code: int, phrase: str) -> str:
    return scenario(hear("INVITE"), answer(code, phrase), hear("ACK"))


# --- the program


@dataclass
class Sipp:
    port: int
    messages: Path
    process: asyncio.subprocess.Process

    @property
    def address(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    async def assert_all_good(self) -> None:
        """Once all calls that it was made for are over."""
        assert await self.process.wait() == 0, self._seen()

    async def has_seen(self, start: str) -> None:
        """Once it has received or sent such a message. It tells of that in its log alone."""
        async with asyncio.timeout(_SEEN_WITHIN_SECONDS):
            while not self.count(start):  # noqa: ASYNC110 nothing to wait for
                await asyncio.sleep(0.01)

    def count(self, start: str) -> int:
        """Of messages that it received or sent, those that begin so."""
        return sum(line.startswith(start) for line in self._seen().splitlines())

    def _seen(self) -> str:
        return self.messages.read_text() if self.messages.exists() else "nothing came"


@asynccontextmanager
async def sipp(
    folder: Path, name: str, text: str, calls: int = 1, talk_ms: int = 50
) -> AsyncIterator[Sipp]:
    """Listens until `calls` calls are over. What comes before it listens is sent again: that is
    UDP."""
    assert SIPP is not None
    script, messages = folder / f"{name}.xml", folder / f"{name}.log"
    script.write_text(text)
    port = free_udp_port()
    process = await asyncio.create_subprocess_exec(
        *(SIPP, "-sf", str(script), "-m", str(calls), "-d", str(talk_ms)),
        *("-i", LOOPBACK, "-p", str(port), "-mi", LOOPBACK, "-mp", str(free_udp_port())),
        *("-nostdin", "-trace_msg", "-message_file", str(messages)),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
    )
    try:
        yield Sipp(port, messages, process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@contextmanager
def taken_udp_port() -> Iterator[int]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind((LOOPBACK, 0))
        yield taken.getsockname()[1]


def free_udp_port() -> int:
    with taken_udp_port() as port:
        return port
