"""The pages that show the OpenAPI documents."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from outdial_server.app.server import RunningServer
from outdial_server.gateway.docs import DOCUMENTS
from support.browser import needs_browser, page_as_shown

GENERATED = Path(__file__).parents[3] / "generated/openapi"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pages(grpc_server: RunningServer) -> AsyncIterator[httpx.AsyncClient]:
    url = f"http://127.0.0.1:{grpc_server.http_port}"
    async with httpx.AsyncClient(base_url=url, timeout=30) as client:
        yield client


def addresses_in(page: str) -> set[str]:
    return set(re.findall(r'(?:href|src|data-document)="([^"]*)"', page))


async def test_from_the_first_page_on_all_leads_to_something_on_this_server(
    pages: httpx.AsyncClient,
) -> None:
    waiting, seen = {"/docs"}, set[str]()
    while waiting:
        address = waiting.pop()
        seen.add(address)
        answer = await pages.get(address)
        assert answer.status_code == 200, address
        if answer.headers["content-type"].startswith("text/html"):
            waiting |= addresses_in(answer.text) - seen
    assert all(address.startswith("/docs") for address in seen)
    assert seen >= {f"/docs/{name}" for name in DOCUMENTS}


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_what_is_shown_is_the_document_that_is_kept(
    pages: httpx.AsyncClient, name: str
) -> None:
    shown = (await pages.get(f"/docs/{name}.json")).json()
    assert shown == json.loads((GENERATED / f"{name}.json").read_text())
    assert all(path.startswith(f"{DOCUMENTS[name].prefix}/") for path in shown["paths"])


@pytest.mark.parametrize(
    "path", ["nothing", "nothing.json", "assets/nothing.js", "assets/..%2Fviewer.js"]
)
async def test_there_is_nothing_else(pages: httpx.AsyncClient, path: str) -> None:
    assert (await pages.get(f"/docs/{path}")).status_code == 404


@needs_browser
@pytest.mark.parametrize("name", DOCUMENTS)
async def test_a_browser_shows_every_group_of_operations(
    grpc_server: RunningServer, tmp_path: Path, name: str
) -> None:
    url = f"http://127.0.0.1:{grpc_server.http_port}/docs/{name}"
    shown = await page_as_shown(url, tmp_path / "profile")
    document = json.loads((GENERATED / f"{name}.json").read_text())
    tags = {
        tag for path in document["paths"].values() for one in path.values() for tag in one["tags"]
    }
    assert tags
    for tag in tags:
        assert f'data-tag="{tag}"' in shown
