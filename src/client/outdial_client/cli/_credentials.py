"""Credentials of carrier configs: from a file or a pipe, since the words of a command line are
there for everybody on the machine to see."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from outdial.v1.carrier_config_pb2 import CarrierConfig

from outdial_client.cli._exit_code import CommandFailure
from outdial_client.cli._source import STDIN, title_of

CredentialsFile = Annotated[
    str | None,
    typer.Option(
        "--credentials",
        metavar="FILE",
        help="A JSON object with the credentials, such as account_sid and auth_token; `-` for "
        "stdin.",
    ),
]

_HINT = "_hint"


def read_credentials(name: str | None, carrier: str) -> dict[str, Message]:
    """Under the name of their field in CarrierConfig; empty without a file. What goes wrong is
    told without a word of what is in it."""
    if name is None:
        return {}
    config = CarrierConfig()
    kinds = CarrierConfig.DESCRIPTOR.oneofs_by_name["credentials"].fields
    if carrier not in (kind.name for kind in kinds):
        raise CommandFailure(f"a carrier config of {carrier} has no credentials")
    message: Message = getattr(config, carrier)
    for field, value in _object(name).items():
        _set(message, field, value, title_of(name))
    return {carrier: message}


def _object(name: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if name == STDIN else Path(name).read_text(encoding="utf-8")
        found = json.loads(text)
    except OSError as error:
        raise CommandFailure(f"{name}: {error.strerror}") from None
    except ValueError:
        raise CommandFailure(f"{title_of(name)}: is no JSON") from None
    if not isinstance(found, dict):
        raise CommandFailure(f"{title_of(name)}: is no JSON object")
    return found


def _set(message: Message, name: str, value: object, title: str) -> None:
    fields = {
        field.name: field for field in message.DESCRIPTOR.fields if not field.name.endswith(_HINT)
    }
    if name not in fields:
        raise CommandFailure(f"{title}: there is no {name!r}; there is {', '.join(fields)}")
    wanted = bool if fields[name].type == FieldDescriptor.TYPE_BOOL else str
    if not isinstance(value, wanted):
        kind = "true or false" if wanted is bool else "text"
        raise CommandFailure(f"{title}: {name} must be {kind}")
    setattr(message, name, value)
