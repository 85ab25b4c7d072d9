"""The texts of calls: rendered when a call is claimed, written when it becomes SENDING."""

from collections.abc import Sequence
from typing import Final

import orjson

from outdial_server.domain.agent_texts import AgentTexts, parse_texts, render
from outdial_server.domain.call import CallTexts
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.agents import agent_fields
from outdial_server.storage.verbs.runnable import Runnable

_AGENTS_MOST: Final = 256


class ParsedAgents:
    """Texts that claims have parsed, one revision of each agent. Kept by a store as long as
    it is open: keys are its own."""

    def __init__(self) -> None:
        self._texts: dict[int, tuple[int, AgentTexts]] = {}

    def texts_of(self, tx: Tx, r: Runnable) -> AgentTexts | None:
        """None for an agent without any, of which nothing is read."""
        if not r.texts_revision:
            return None
        revision, texts = self._texts.get(r.agent_key, (0, None))
        if texts is None or revision != r.texts_revision:
            texts = parse_texts(agent_fields(tx, r.agent_key))
            self._keep(r, texts)
        return texts

    def _keep(self, r: Runnable, texts: AgentTexts) -> None:
        self._texts.pop(r.agent_key, None)
        while len(self._texts) >= _AGENTS_MOST:
            del self._texts[next(iter(self._texts))]
        self._texts[r.agent_key] = (r.texts_revision, texts)


def render_texts(texts: AgentTexts | None, call_id: str, context_json: str) -> CallTexts | None:
    if texts is None:
        return None
    return render(texts, call_id, orjson.loads(context_json) if context_json else {})


def write_texts(tx: Tx, calls: Sequence[tuple[int, CallTexts | None]]) -> None:
    """Of calls by key. One that was not sent the first time is sent with new texts."""
    tx.run_many(
        "INSERT INTO call_texts (call_key, prompt, first_message, join_url) "
        "VALUES (:key, :prompt, :first_message, :join_url) ON CONFLICT (call_key) DO UPDATE "
        "SET prompt = excluded.prompt, first_message = excluded.first_message, "
        "join_url = excluded.join_url",
        [
            {
                "key": key,
                "prompt": texts.prompt,
                "first_message": texts.first_message,
                "join_url": texts.join_url,
            }
            for key, texts in calls
            if texts is not None
        ],
    )


def read_texts(tx: Tx, call_key: int) -> CallTexts | None:
    row = tx.one_or_none(
        "SELECT prompt, first_message, join_url FROM call_texts WHERE call_key = :key",
        key=call_key,
    )
    return None if row is None else CallTexts(row.prompt, row.first_message, row.join_url)
