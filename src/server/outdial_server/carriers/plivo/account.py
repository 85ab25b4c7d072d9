"""A Plivo account."""

from dataclasses import dataclass, field
from typing import Final

from outdial_server.carriers.basic_login import basic_authorization

NAME: Final = "plivo"
BASE_URL: Final = "https://api.plivo.com"


@dataclass(frozen=True, slots=True)
class PlivoAccount:
    """`auth_token` asks for calls, and signs callbacks."""

    auth_id: str
    auth_token: str = field(repr=False)
    base_url: str = BASE_URL
    # Plivo listens after the answer and says who spoke; costs extra.
    detect_machines: bool = False

    @property
    def headers(self) -> dict[str, str]:
        return basic_authorization(self.auth_id, self.auth_token)

    @property
    def calls_url(self) -> str:
        return f"{self._url}/Call/"

    def call_url(self, call_uuid: str) -> str:
        return f"{self._url}/Call/{call_uuid}/"

    def request_url(self, request_uuid: str) -> str:
        return f"{self._url}/Request/{request_uuid}/"

    @property
    def _url(self) -> str:
        return f"{self.base_url.rstrip('/')}/v1/Account/{self.auth_id}"
