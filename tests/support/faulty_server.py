"""`outdial-server` with faults of ours built in, each of which quotes what it met: run as
`python -m support.faulty_server serve`."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from outdial_server.carriers.simulated.local import LocalSimulatedCarrier
from outdial_server.cli.main import app
from outdial_server.domain.agent import Agent, AgentFields
from outdial_server.domain.ids import AccountId, AgentId
from outdial_server.domain.report import CallReport
from outdial_server.ports.carrier import (
    CallQuery,
    DialRequest,
    DialResult,
    LookUpResult,
    RawCallback,
)
from outdial_server.ports.dispatch import Applied
from outdial_server.storage.stores.agents import SqlAgents
from outdial_server.storage.stores.dispatch import SqlDispatch
from outdial_server.storage.tx import Tx

ADAPTER_BREAKS = "13"
"""How the address ends of a call at which the adapter breaks."""
STATEMENT_BREAKS = "statement"
CONSTRAINT_BREAKS = "constraint"
TASK_BREAKS = "task"
"""In the names of agents that break something."""

_background: set["asyncio.Task[None]"] = set()


def break_carrier() -> None:
    place_call = LocalSimulatedCarrier.place_call

    async def place(self: LocalSimulatedCarrier, request: DialRequest) -> DialResult:
        if request.address.endswith(ADAPTER_BREAKS):
            raise RuntimeError(f"cannot place {request!r}")
        return await place_call(self, request)

    async def look_up(self: LocalSimulatedCarrier, query: CallQuery) -> LookUpResult:
        raise KeyError(query.address)

    LocalSimulatedCarrier.place_call = place  # type: ignore[method-assign]
    LocalSimulatedCarrier.look_up = look_up  # type: ignore[method-assign]


def break_agents() -> None:
    create_agent = SqlAgents.create_agent

    async def create(
        self: SqlAgents, account_id: AccountId, agent_id: AgentId, fields: AgentFields, *rest: Any
    ) -> Agent:
        name = fields.display_name
        if STATEMENT_BREAKS in name:
            await self._db.write(lambda tx: _wrong_statement(tx, name))
        if CONSTRAINT_BREAKS in name:
            await self._db.write(lambda tx: _wrong_row(tx, name))
        if TASK_BREAKS in name:
            task = asyncio.create_task(_fail(name))
            await asyncio.wait([task])
        return await create_agent(self, account_id, agent_id, fields, *rest)

    SqlAgents.create_agent = create  # type: ignore[method-assign]


def _wrong_statement(tx: Tx, name: str) -> None:
    tx.run("INSERT INTO nowhere (name) VALUES (:name)", name=name)


def _wrong_row(tx: Tx, name: str) -> None:
    tx.run("INSERT INTO agents (display_name) VALUES (:name)", name=name)


async def _fail(name: str) -> None:
    raise ValueError(f"{name} failed, and nobody looked")


def break_reports() -> None:
    """The store cannot take any group of more than one report."""
    apply_reports = SqlDispatch.apply_reports

    async def apply(
        self: SqlDispatch,
        take: Callable[[], Sequence[CallReport]],
        callback_keys: Sequence[int] = (),
        take_arrived: Callable[[], Sequence[RawCallback]] = tuple,
    ) -> Applied:
        reports = take()
        if len(reports) > 1:
            raise ValueError(f"cannot take {reports!r}")
        return await apply_reports(self, lambda: reports, callback_keys, take_arrived)

    SqlDispatch.apply_reports = apply  # type: ignore[method-assign]


if __name__ == "__main__":
    break_carrier()
    break_agents()
    break_reports()
    app()
