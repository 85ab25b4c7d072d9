"""Routes of the rows of a batch whose people name carrier configs of their own, as one claim
sees them. See `domain.route`."""

from collections.abc import Sequence

from outdial_server.domain.number_rotation import CallerId, Turn
from outdial_server.domain.route import Line, Route, first_named
from outdial_server.storage.statements import Row
from outdial_server.storage.verbs.own_numbers import OwnNumbers
from outdial_server.storage.verbs.runnable import Runnable


class Routes:
    def __init__(self, numbers: OwnNumbers) -> None:
        self._numbers = numbers
        # By batch: what waits in one line goes one way.
        self._routes: dict[tuple[int, Line], Route] = {}

    def of_rows(
        self, r: Runnable, rows: Sequence[Row], bound: Sequence[CallerId | None]
    ) -> list[Route]:
        """Of rows of a mixed batch read with `CALLER_ID_COLUMNS`, and what each is bound to."""
        self._numbers.accounts.find({row.carrier_config_key for row in rows} - {None})
        return [self._of_row(r, row, one) for row, one in zip(rows, bound, strict=True)]

    def _of_row(self, r: Runnable, row: Row, bound: CallerId | None) -> Route:
        if bound is None:
            return self.of_line(r, Line(row.carrier_config_key, takes_number=True))
        of_number = None if bound.number is None else self._numbers.config_of(bound.number)
        config = first_named(row.carrier_config_key, None, None if r.config_key else of_number)
        return self.of_line(r, Line(config, takes_number=False))

    def of_line(self, r: Runnable, line: Line) -> Route:
        if (r.key, line) not in self._routes:
            self._routes[r.key, line] = self._route(r, line)
        return self._routes[r.key, line]

    def _route(self, r: Runnable, line: Line) -> Route:
        config = first_named(line.config_key, r.config_key, None)
        account = None if config is None else self._numbers.accounts.of(config)
        pool = self._numbers.pool_for(r, line.config_key) if line.takes_number else None
        return Route(line, account, pool)


def wish_of(r: Runnable, bound: CallerId | None, route: Route) -> CallerId | Turn:
    """What a row is to show, and to be dialled with."""
    if bound is not None:
        return CallerId(bound.text, bound.number, route.account)
    if route.pool is not None:
        return Turn(route.line.holder, route.pool, route.account)
    return CallerId(r.batch.settings.caller_id, account=route.account)
