"""CreateAgent and UpdateAgent."""

from collections.abc import Callable
from dataclasses import dataclass

from outdial_server.domain.agent import Agent, AgentFields
from outdial_server.domain.agent_checks import check_agent
from outdial_server.domain.checks import Checks
from outdial_server.domain.etag import check_etag
from outdial_server.domain.ids import AccountId, AgentId
from outdial_server.domain.limits import ANNOTATIONS_MAX_BYTES, CONTEXT_SCHEMA_MAX_BYTES
from outdial_server.domain.request import RequestKey
from outdial_server.ports.accounts import AgentStore
from outdial_server.ports.identity import IdSource
from outdial_server.ports.schemas import SchemaCompiler, SchemaError
from outdial_server.ports.signals import Signals, Topic


@dataclass(frozen=True, slots=True)
class CreateAgent:
    agents: AgentStore
    schemas: SchemaCompiler
    ids: IdSource

    async def execute(
        self, account_id: AccountId, fields: AgentFields, request: RequestKey | None
    ) -> Agent:
        """Raises InvalidFieldsError, AlreadyExistsError (AGENT_NAME_TAKEN,
        REQUEST_ID_REUSED)."""
        _check(fields)
        await _check_schema(self.schemas, fields)
        agent_id = AgentId(self.ids.new_id())
        return await self.agents.create_agent(account_id, agent_id, fields, request)


@dataclass(frozen=True, slots=True)
class UpdateAgent:
    agents: AgentStore
    schemas: SchemaCompiler
    signals: Signals

    async def execute(
        self,
        account_id: AccountId,
        agent_id: AgentId,
        change: Callable[[AgentFields], AgentFields],
        etag: str = "",
    ) -> Agent:
        """`change` writes what the client's mask names over the present fields. Raises
        InvalidFieldsError, NotFoundError (AGENT_NOT_FOUND), AlreadyExistsError
        (AGENT_NAME_TAKEN), ConflictError (ETAG_MISMATCH)."""
        # Not in the transaction: a schema takes its time, and only a new one is looked at.
        await _check_schema(self.schemas, change(AgentFields("")))

        def decide(agent: Agent) -> AgentFields:
            check_etag(etag, agent.revision)
            fields = change(agent.fields)
            _check(fields)
            return fields

        agent = await self.agents.change_agent(account_id, agent_id, decide)
        # A raised limit makes room, and an agent made active goes on.
        self.signals.wake(Topic.CLAIM)
        return agent


def _check(fields: AgentFields) -> None:
    checks = Checks("agent.")
    check_agent(checks, fields)
    checks.raise_if_any()


async def _check_schema(schemas: SchemaCompiler, fields: AgentFields) -> None:
    checks = Checks("agent.")
    checks.json_object("annotations", fields.annotations_json, ANNOTATIONS_MAX_BYTES)
    checks.json_object("context_schema", fields.context_schema_json, CONTEXT_SCHEMA_MAX_BYTES)
    if fields.context_schema_json and not checks.violations:
        try:
            await schemas.check(fields.context_schema_json)
        except SchemaError as error:
            checks.fault("context_schema", str(error))
    checks.raise_if_any()
