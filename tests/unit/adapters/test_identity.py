"""Ids: version 7, in order whatever the clock does, in bulk and from several threads."""

import itertools
import string
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import RFC_4122, UUID

from outdial_server.adapters.identity import UuidV7Ids
from support.clock import START, ManualClock


def test_an_id_is_a_version_7_uuid_of_its_moment() -> None:
    value = UUID(UuidV7Ids(ManualClock()).new_id())
    assert (value.version, value.variant) == (7, RFC_4122)
    assert value.int >> 80 == round(START.timestamp() * 1000)


def test_ids_sort_as_given_while_the_clock_stands_runs_and_falls_back() -> None:
    clock = ManualClock()
    ids = UuidV7Ids(clock)
    given = [*ids.new_ids(1000)]
    clock.advance(timedelta(milliseconds=1))
    given += ids.new_ids(1000)
    clock._now -= timedelta(seconds=30)
    given += [ids.new_id() for _ in range(1000)]
    assert given == sorted(given)
    assert len(set(given)) == len(given)


def test_no_ids_are_no_ids() -> None:
    assert list(UuidV7Ids(ManualClock()).new_ids(0)) == []


def test_threads_never_get_the_same_id() -> None:
    ids = UuidV7Ids(ManualClock())
    with ThreadPoolExecutor(8) as threads:
        groups = list(threads.map(ids.new_ids, [500] * 40))
    assert len(set(itertools.chain.from_iterable(groups))) == 40 * 500


def test_two_sources_at_one_moment_differ() -> None:
    clock = ManualClock()
    assert UuidV7Ids(clock).new_id() != UuidV7Ids(clock).new_id()


def test_a_secret_is_letters_and_digits_and_differs() -> None:
    ids = UuidV7Ids(ManualClock())
    secrets = {ids.new_secret(40) for _ in range(100)}
    assert len(secrets) == 100
    assert {len(secret) for secret in secrets} == {40}
    assert set("".join(secrets)) <= set(string.ascii_letters + string.digits)
