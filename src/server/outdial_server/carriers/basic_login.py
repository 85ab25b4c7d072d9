"""HTTP Basic authentication."""

from base64 import b64encode


def basic_authorization(user: str, password: str) -> dict[str, str]:
    return {"authorization": f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"}
