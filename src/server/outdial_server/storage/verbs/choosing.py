"""The choice of the rows that are dialled next: budgets by the gates, then fair shares. A
claim carries it out; an explanation only looks at it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from outdial_server.domain.gates import budget, next_moment, scope_gates
from outdial_server.domain.number_rotation import (
    NO_NUMBERS,
    NumberPool,
    NumberRoom,
    choose_caller_ids,
    free_together,
    joined_pools,
)
from outdial_server.domain.sharing import SharedLimit, Wish, in_turn, share_within
from outdial_server.domain.slots import ScopeKind, SlotRow, SlotScope, free_in_all
from outdial_server.storage.tx import Tx
from outdial_server.storage.verbs.claim_facts import ClaimFacts
from outdial_server.storage.verbs.due_rows import DueRows, Waiting
from outdial_server.storage.verbs.routes import wish_of
from outdial_server.storage.verbs.runnable import Runnable


def by_account(runnable: Sequence[Runnable]) -> list[list[Runnable]]:
    accounts: defaultdict[int, list[Runnable]] = defaultdict(list)
    for r in runnable:
        accounts[r.account_key].append(r)
    return list(accounts.values())


def account_turns(accounts: Sequence[Sequence[Runnable]], facts: ClaimFacts) -> dict[int, Wish]:
    """Accounts share no slots, but a claim makes only so many calls: whoever was given the
    fewest comes first. By account, each as a wish among equals."""
    scopes = [SlotScope(ScopeKind.ACCOUNT, account[0].account_key) for account in accounts]
    rows = [facts.slots[scope] for scope in scopes]
    wishes = in_turn(Wish(row.scope.owner, 0, 1, row.used, 0, row.served) for row in rows)
    return {wish.key: wish for wish in wishes}


def choose(
    tx: Tx,
    rows: DueRows,
    account: Sequence[Runnable],
    facts: ClaimFacts,
    limit: int,
) -> dict[int, Waiting]:
    """The rows to claim of one account, by batch. Only as many are read as a fair share
    grants. A batch with fewer due than it was granted leaves the rest to the others, so it
    is shared again: each round finds out about one batch at least, which bounds them."""
    answers = {r.key: scope_gates(facts.of(r), tx.now) for r in account}
    wanted = {r.key: min(budget(answers[r.key], limit), r.batch.counts.waiting) for r in account}
    # Where a gate is closed no row is looked at: that gate says when it opens.
    waiting = {key: Waiting(next_due_at=next_moment(found)) for key, found in answers.items()}
    grants: dict[int, int] = {}
    for _ in range(len(account) + 1):
        grants = _grants(account, facts, wanted, limit, tx.now)
        unread = [r for r in account if grants[r.key] > len(waiting[r.key].due)]
        for r in unread:
            waiting[r.key] = rows.look(r, grants[r.key])
        short = [r for r in unread if len(waiting[r.key].due) < grants[r.key]]
        if not short:
            break
        wanted |= {r.key: len(waiting[r.key].due) for r in short}
    room = NumberRoom()
    by_key = {r.key: r for r in account}
    return {
        key: shown(tx, by_key[key], _cut(waiting[key], grants[key]), facts, room)
        for key in _turns(account, facts)
    }


def _turns(account: Sequence[Runnable], facts: ClaimFacts) -> list[int]:
    """In which order batches take what numbers and carrier configs have left: several may have
    rows that are bound to one, of which no share has been made."""
    if not (account[0].rules.has_phone_numbers or any(r.is_mixed for r in account)):
        return [r.key for r in account]
    wishes = in_turn(_wish(r, facts.slots, 0) for r in account)
    return [w.key for w in sorted(wishes, key=lambda w: (-w.priority, w.served, w.key))]


def _cut(found: Waiting, grant: int) -> Waiting:
    return replace(found, due=found.due[:grant])


def shown(tx: Tx, r: Runnable, found: Waiting, facts: ClaimFacts, room: NumberRoom) -> Waiting:
    """What each of these rows shows. A row whose number others have filled is left for another
    claim, which finds the number full; so are more rows where some take none of the batch's own
    numbers, which have made its budget."""
    due, pool = found.due, facts.numbers.pool_of(r)
    wishes = facts.numbers.caller_ids(r, due)
    if r.is_mixed:
        routes = facts.routes.of_rows(r, due, wishes)
        choice = choose_caller_ids(
            [wish_of(r, bound, route) for bound, route in zip(wishes, routes, strict=True)],
            NumberPool((), last=r.last_number_key),
            room,
            tx.ids.draw,
        )
    elif pool is None:
        plain = facts.numbers.mere_text(r, r.batch.settings.caller_id)
        choice = choose_caller_ids(
            [wish or plain for wish in wishes],
            NO_NUMBERS,
            room,
            tx.ids.draw,
        )
    else:
        choice = choose_caller_ids(wishes, pool, room, tx.ids.draw)
    placed = [(row, c) for row, c in zip(due, choice.caller_ids, strict=True) if c is not None]
    own = set() if pool is None else {number.key for number in pool.numbers}
    from_pool = sum(c.number is not None and c.number.key in own for _, c in placed)
    return Waiting(
        tuple(row for row, _ in placed),
        found.next_due_at,
        tuple(c for _, c in placed),
        None if choice.last == r.last_number_key else choice.last,
        more=found.more or len(placed) < len(due) or (pool is not None and from_pool < len(placed)),
    )


def _grants(
    account: Sequence[Runnable],
    facts: ClaimFacts,
    wanted: Mapping[int, int],
    limit: int,
    now: datetime,
) -> dict[int, int]:
    # Direct calls may use what the account keeps in reserve from its batches.
    of_all = _OF_ALL_BATCHES if not any(r.batch.is_direct for r in account) else _OF_ALL
    free = free_in_all((facts.slots[s] for s in account[0].scopes if s.kind in of_all), limit)
    wishes = in_turn(_wish(r, facts.slots, wanted[r.key]) for r in account)
    limits = [
        *_left_of_scopes(account, facts.slots, of_all),
        *_left_of_windows(account, facts),
        *_left_of_troubles(account, facts, now),
        *_left_of_numbers(account, facts),
    ]
    return share_within(free, wishes, limits)


def _wish(r: Runnable, slots: Mapping[SlotScope, SlotRow], wanted: int) -> Wish:
    settings = r.batch.settings
    of_batch = slots[SlotScope(ScopeKind.BATCH, r.key)]
    return Wish(r.key, settings.priority, settings.weight, of_batch.used, wanted, of_batch.served)


def served_after(
    account: Sequence[Runnable], facts: ClaimFacts, taken: Mapping[int, int]
) -> dict[SlotScope, int]:
    """See `Wish.served`. One that is alone takes no turns."""
    if len(account) == 1:
        return {}
    wishes = in_turn(_wish(r, facts.slots, 0) for r in account)
    return {
        SlotScope(ScopeKind.BATCH, wish.key): wish.served_with(taken[wish.key])
        for wish in wishes
        if taken[wish.key]
    }


_OF_ALL: Final = (ScopeKind.ACCOUNT,)
_OF_ALL_BATCHES: Final = (ScopeKind.ACCOUNT, ScopeKind.ACCOUNT_BATCHES)


def _left_of_scopes(
    account: Sequence[Runnable], slots: Mapping[SlotScope, SlotRow], of_all: Sequence[ScopeKind]
) -> list[SharedLimit]:
    """What the others that several may count in have left, and whose calls do: each agent,
    each carrier account, and the batches together."""
    batches: defaultdict[SlotScope, list[int]] = defaultdict(list)
    for r in account:
        for scope in r.scopes:
            if scope.kind is not ScopeKind.BATCH and scope.kind not in of_all:
                batches[scope].append(r.key)
    left = {scope: slots[scope].free for scope in batches}
    return [SharedLimit(n, batches[scope]) for scope, n in left.items() if n is not None]


def _left_of_windows(account: Sequence[Runnable], facts: ClaimFacts) -> list[SharedLimit]:
    """The same of throttles and rates. Calls that are claimed and not yet SENDING are not
    counted there, so they are left room for here: else each claim would take them once more,
    only for SENDING to give them back."""
    batches: defaultdict[int, list[int]] = defaultdict(list)
    unsent: Counter[int] = Counter()
    for r in account:
        for key in r.window_keys:
            batches[key].append(r.key)
            unsent[key] += _unsent(r, facts)
    return [
        SharedLimit(max(0, facts.throttles[key].use.left - unsent[key]), of_key)
        for key, of_key in batches.items()
    ]


def _unsent(r: Runnable, facts: ClaimFacts) -> int:
    """Calls that are claimed and not yet SENDING."""
    counts = r.batch.counts
    held = facts.slots[SlotScope(ScopeKind.BATCH, r.key)].used
    return max(0, held - counts.dialing - counts.in_progress)


def _left_of_troubles(
    account: Sequence[Runnable], facts: ClaimFacts, now: datetime
) -> list[SharedLimit]:
    """The same of carrier accounts that one call tries again."""
    left: dict[int, int] = {}
    batches: defaultdict[int, list[int]] = defaultdict(list)
    for r in account:
        key = r.owners.carrier_config_key
        hold = None if r.trouble is None else r.trouble.hold(now)
        if key is not None and hold is not None:
            left[key] = left.get(key, hold.left) - _unsent(r, facts)
            batches[key].append(r.key)
    return [SharedLimit(max(0, left[key]), of_key) for key, of_key in batches.items()]


def _left_of_numbers(account: Sequence[Runnable], facts: ClaimFacts) -> list[SharedLimit]:
    """The same of numbers. Batches that have some in common, or their carrier configs, if only
    by way of others, share all that these have left; of which number each takes how many is
    known when rows are."""
    pools = [(r.key, pool) for r in account if (pool := facts.numbers.pool_of(r)) is not None]
    return [
        SharedLimit(left, together)
        for together, numbers in joined_pools(pools)
        if len(together) > 1 and (left := free_together(numbers)) is not None
    ]
