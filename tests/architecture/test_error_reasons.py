"""What the contract says of each reason is what the code does with it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.rpc.code_pb2 import Code
from outdial.v1 import error_reason_pb2 as pb

from outdial_server.api.errors import code_of
from outdial_server.domain import errors
from outdial_server.domain.errors import FieldViolation, InvalidFieldsError, OutdialError, Reason
from support.grpc import METHODS

SERVER = Path(__file__).parents[2] / "src/server/outdial_server"

EXPLAINED = {
    value.name.removeprefix("ERROR_REASON_"): value.GetOptions().Extensions[pb.explanation]
    for value in pb.ErrorReason.DESCRIPTOR.values
    if value.number
}

KINDS = {kind.__name__: kind for kind in OutdialError.__subclasses__()}

# Functions that make an error of a reason that they are given.
MAKERS = {"not_found": "NotFoundError", "id_or_not_found": "NotFoundError"}


@dataclass(frozen=True)
class Raised:
    """A place in the code that makes an error of a reason."""

    where: str
    kind: type[OutdialError]
    reason: str
    metadata: frozenset[str]


def raised() -> Iterator[Raised]:
    for path in sorted(SERVER.rglob("*.py")):
        text = path.read_text()
        # Most files name none, and to parse them all takes longer than all the rest.
        if "Reason." not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                made = _raised(f"{path.relative_to(SERVER)}:{node.lineno}", node, node.func.id)
                if made is not None:
                    yield made


def _raised(where: str, node: ast.Call, function: str) -> Raised | None:
    kind = KINDS.get(MAKERS.get(function, function))
    arguments = [*node.args, *(keyword.value for keyword in node.keywords)]
    reasons = [argument.attr for argument in arguments if _is_reason(argument)]
    if kind is None or not reasons:
        return None
    keys = frozenset(
        key.value
        for argument in arguments
        if isinstance(argument, ast.Dict)
        for key in argument.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    )
    return Raised(where, kind, reasons[0], keys)


def _is_reason(node: ast.expr) -> bool:
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "Reason"
    )


RAISED = list(raised())


def _error(kind: type[OutdialError]) -> OutdialError:
    if issubclass(kind, InvalidFieldsError):
        return kind([FieldViolation("field", "is wrong")])
    return kind(Reason.BATCH_STATE, "text")


@pytest.mark.parametrize("name", EXPLAINED)
def test_every_reason_is_explained(name: str) -> None:
    explanation = EXPLAINED[name]
    assert explanation.code != Code.OK
    for text in (explanation.cause, explanation.remedy):
        assert text.endswith("."), "a sentence for people"
    named = set(explanation.rpcs.split(", "))
    assert named == {"*"} or named <= METHODS.keys()


def test_every_reason_of_the_code_is_raised_somewhere() -> None:
    # The reason of InvalidFieldsError where none is given.
    unspoken = {Reason.INVALID_FIELD.name}
    assert {made.reason for made in RAISED} | unspoken == {reason.name for reason in Reason}


@pytest.mark.parametrize("made", RAISED, ids=lambda made: f"{made.reason}-{made.where}")
def test_a_reason_comes_with_its_code_and_its_metadata(made: Raised) -> None:
    explanation = EXPLAINED[made.reason]
    assert code_of(_error(made.kind)).name == Code.Name(explanation.code)
    assert made.metadata <= explanation.metadata.keys()


def test_all_kinds_of_error_are_looked_for() -> None:
    assert {made.kind for made in RAISED} == {getattr(errors, name) for name in KINDS}


@pytest.mark.parametrize("name", sorted({made.reason for made in RAISED}))
def test_metadata_that_is_explained_is_sent_somewhere(name: str) -> None:
    places = [made for made in RAISED if made.reason == name]
    # What is not found is named by the function that makes the error.
    by_maker = {"id"} if places[0].kind is errors.NotFoundError else set()
    sent = by_maker.union(*(made.metadata for made in places))
    assert sent == set(EXPLAINED[name].metadata)
