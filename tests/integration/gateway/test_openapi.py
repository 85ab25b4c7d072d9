"""Schemathesis asks each REST surface for what its OpenAPI document allows, and forbids."""

import asyncio
import sys
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest

from integration.conftest import OPERATOR_KEY
from outdial_server.app.server import RunningServer

DOCUMENTS = sorted((Path(__file__).parents[3] / "generated/openapi").glob("*.json"))

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
)
EXAMPLES = 5
"""For each of the operations."""
ENDLESS = "/outdial/v1/batches:watch"
"""A stream that never ends by itself: nobody who waits for its answer gets one."""


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.stem)
@pytest.mark.asyncio(loop_scope="module")
async def test_nothing_is_answered_that_the_document_does_not_say(
    document: Path, grpc_server: RunningServer, tmp_path: Path
) -> None:
    asked = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).with_name("schemathesis")),
        *("run", str(document), "--url", f"http://127.0.0.1:{grpc_server.http_port}"),
        *("--header", f"x-api-key: {OPERATOR_KEY}"),
        *("--header", f"authorization: Bearer {OPERATOR_KEY}"),
        *("--checks", ",".join(CHECKS), "--max-examples", str(EXAMPLES)),
        *("--phases", "fuzzing", "--seed", "1", "--generation-deterministic"),
        *("--exclude-path", ENDLESS),
        *("--suppress-health-check", "all", "--no-color"),
        # Where it leaves what it remembers.
        cwd=tmp_path,
        stdout=PIPE,
        stderr=STDOUT,
    )
    said, _ = await asked.communicate()
    assert asked.returncode == 0, said.decode()
