"""Contexts are checked when rows are added: faults by row and variable, others in order."""

import json
from typing import Any

import pytest

from outdial_server.adapters.json_schema import JsonSchemas
from outdial_server.commands.contexts import context_check
from outdial_server.domain.agent import AgentFields
from outdial_server.domain.intake import CheckedRows, RowFault
from outdial_server.domain.limits import CONTEXT_FAULTS_PER_ROW_MAX
from support.stores import new_row


async def checked(agent: AgentFields, *contexts: Any, before: tuple[RowFault, ...] = ()) -> Any:
    check = context_check(agent, JsonSchemas())
    assert check is not None
    rows = [
        (2 * n, new_row(n, template_context_json=json.dumps(context) if context else ""))
        for n, context in enumerate(contexts)
    ]
    return await check.check(CheckedRows(len(rows) + len(before), rows, before))


def test_an_agent_that_takes_any_context_costs_nothing() -> None:
    assert context_check(AgentFields("Ada"), JsonSchemas()) is None
    fixed = AgentFields("Ada", prompt="Be kind.", join_url_template="https://m.example/{{call_id}}")
    assert context_check(fixed, JsonSchemas()) is None


async def test_faults_are_told_by_row_and_variable_in_order() -> None:
    agent = AgentFields("Ada", prompt="{{customer.first_name}} {{plan}}")
    bad = RowFault(1, "address", "is no number")
    good = {"customer": {"first_name": "Ada"}, "plan": "gold", "more": 1}
    found = await checked(agent, good, {"plan": 1}, None, before=(bad,))
    assert (found.count, [number for number, _ in found.rows]) == (4, [0])
    assert [(fault.number, fault.field) for fault in found.faults] == [
        (1, "address"),
        (2, "template_context.customer.first_name"),
        (4, "template_context.customer.first_name"),
        (4, "template_context.plan"),
    ]
    assert found.faults[1].description == "is required by the agent's prompt"


async def test_a_schema_takes_the_place_of_the_variables() -> None:
    schema = {"properties": {"age": {"minimum": 18}}, "required": ["age"]}
    agent = AgentFields("Ada", prompt="{{name}}", context_schema_json=json.dumps(schema))
    found = await checked(agent, {"age": 18}, {"age": 17, "name": "x"}, None)
    assert [(fault.number, fault.field) for fault in found.faults] == [
        (2, "template_context.age"),
        (4, "template_context.age"),
    ]


async def test_defaults_are_below_what_is_given() -> None:
    schema = {"required": ["a", "b"], "properties": {"a": {"const": 1}}}
    agent = AgentFields(
        "Ada", default_context_json='{"a":1,"b":2}', context_schema_json=json.dumps(schema)
    )
    found = await checked(agent, None, {"a": 3}, {"a": None})
    assert [fault.number for fault in found.faults] == [2]


@pytest.mark.parametrize("schema", ["", json.dumps({"required": [f"v{n}" for n in range(99)]})])
async def test_one_row_has_so_many_faults_at_most(schema: str) -> None:
    prompt = "".join(f"{{{{v{n}}}}}" for n in range(99))
    agent = AgentFields("Ada", prompt=prompt, context_schema_json=schema)
    found = await checked(agent, None)
    assert len(found.faults) == CONTEXT_FAULTS_PER_ROW_MAX


async def test_a_text_that_would_be_too_long_is_a_fault_of_the_row() -> None:
    agent = AgentFields("Ada", prompt="{{a}}" * 100)
    found = await checked(agent, {"a": "x" * 1_000}, {"a": "x"})
    (fault,) = found.faults
    assert (fault.number, fault.field) == (0, "template_context")
    assert fault.description == "makes the agent's prompt longer than 65536 characters"
