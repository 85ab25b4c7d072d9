"""A Twilio account."""

from dataclasses import dataclass, field
from typing import Final

from outdial_server.carriers.basic_login import basic_authorization

NAME: Final = "twilio"
BASE_URL: Final = "https://api.twilio.com"


@dataclass(frozen=True, slots=True)
class TwilioAccount:
    """`auth_token` signs callbacks in any case; with an API key that key asks in its place."""

    account_sid: str
    auth_token: str = field(repr=False)
    api_key_sid: str = ""
    api_key_secret: str = field(default="", repr=False)
    base_url: str = BASE_URL
    # Twilio listens after the answer and says who spoke; costs extra.
    detect_machines: bool = False

    @property
    def login(self) -> tuple[str, str]:
        if self.api_key_sid:
            return self.api_key_sid, self.api_key_secret
        return self.main_login

    @property
    def main_login(self) -> tuple[str, str]:
        return self.account_sid, self.auth_token

    @property
    def headers(self) -> dict[str, str]:
        return basic_authorization(*self.login)

    @property
    def list_url(self) -> str:
        return f"{self._calls_url}.json"

    def call_url(self, sid: str) -> str:
        return f"{self._calls_url}/{sid}.json"

    @property
    def _calls_url(self) -> str:
        return f"{self.base_url.rstrip('/')}/2010-04-01/Accounts/{self.account_sid}/Calls"
