"""A Telnyx account, with one application of it."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

NAME: Final = "telnyx"
BASE_URL: Final = "https://api.telnyx.com/v2"


@dataclass(frozen=True, slots=True)
class TelnyxAccount:
    """`public_key` checks webhooks: base64 of the 32 bytes that Telnyx shows."""

    api_key: str = field(repr=False)
    connection_id: str
    public_key: str
    base_url: str = BASE_URL
    # Telnyx listens after the answer and says who spoke; costs extra.
    detect_machines: bool = False
    # Calls go over TeXML, and the application is one of that; else over Call Control.
    texml_account_sid: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.api_key}"}

    @property
    def calls_url(self) -> str:
        return f"{self._url}/calls"

    @property
    def active_calls_url(self) -> str:
        return f"{self._url}/connections/{self.connection_id}/active_calls"

    @property
    def events_url(self) -> str:
        return f"{self._url}/call_events"

    @property
    def list_url(self) -> str:
        """Of TeXML."""
        return f"{self._url}/texml/Accounts/{self.texml_account_sid}/Calls"

    def call_url(self, sid: str) -> str:
        """Of TeXML."""
        return f"{self.list_url}/{quote(sid, safe='')}"

    @property
    def _url(self) -> str:
        return self.base_url.rstrip("/")
