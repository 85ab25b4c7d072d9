"""Where reports about calls are handed in."""

from typing import Protocol

from outdial_server.domain.report import CallReport


class ReportSink(Protocol):
    def put(self, report: CallReport) -> None:
        """Takes a report, to be applied with others in one of the next transactions.
        Returns at once; safe to call from the event loop's thread alone."""
        ...
