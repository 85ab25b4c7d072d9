"""What Plivo is to do with whoever answers."""

from typing import Final
from xml.sax.saxutils import escape, quoteattr

from outdial_server.carriers.twiml.markup import answers_itself

AUDIO: Final = "audio/x-l16;rate=16000"
"""The better of what Plivo has."""


def handed_over(join_url: str, call_id: str) -> str:
    """A socket gets the audio, both ways; a page of the agent's answers with XML of its own."""
    if answers_itself(join_url):
        return f'<Response><Redirect method="POST">{escape(join_url)}</Redirect></Response>'
    attributes = {
        "bidirectional": "true",
        "keepCallAlive": "true",
        "contentType": AUDIO,
        "extraHeaders": f"callid={_plain(call_id)}",
    }
    written = " ".join(f"{name}={quoteattr(value)}" for name, value in attributes.items())
    return f"<Response><Stream {written}>{escape(join_url)}</Stream></Response>"


def _plain(call_id: str) -> str:
    """Letters and digits alone, as such headers must be: a UUID without its hyphens."""
    return "".join(filter(str.isalnum, call_id))
