"""The client for programs without asyncio: the same groups, methods and types.

    from outdial_client.sync import Client

    with Client("127.0.0.1:50051", api_key="...") as client:
        for update in client.batches.watch(batch_id):
            print(update.counts)

Lists, watches and exports are plain iterators. Callbacks, and iterators that are given
to the client, run in the thread that waits. A client may be used by several threads at
once, and never in a process that was forked after it was made.

Generated from the async client by `make generate`: not to be edited.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from types import TracebackType
from typing import Generic, Self, Unpack

from outdial.v1.account_pb2 import Account, ApiKey, ApiKeyScope
from outdial.v1.account_service_pb2 import CreateApiKeyResponse
from outdial.v1.agent_pb2 import Agent
from outdial.v1.batch_pb2 import Batch, BatchState
from outdial.v1.batch_service_pb2 import (
    AddScheduledCallsResponse,
    CancelBatchResponse,
    CreateBatchResponse,
    DeleteBatchResponse,
    PauseBatchResponse,
    RetryBatchResponse,
    WatchBatchesResponse,
    WatchBatchResponse,
    WatchDelivery,
    WatchScope,
)
from outdial.v1.call_pb2 import Call, CallState, Conversation
from outdial.v1.call_service_pb2 import CallJoined, CallOver, CallResolution
from outdial.v1.carrier_config_pb2 import CarrierConfig
from outdial.v1.contact_pb2 import Contact, ContactFolder
from outdial.v1.event_pb2 import Event, EventType
from outdial.v1.explanation_pb2 import BatchExplanation, ScheduledCallExplanation
from outdial.v1.external_call_pb2 import ExternalCall
from outdial.v1.forecast_pb2 import Forecast
from outdial.v1.import_pb2 import BadRowPolicy, Import
from outdial.v1.phone_number_pb2 import PhoneNumber
from outdial.v1.scheduled_call_pb2 import (
    DispatchOutcome,
    Disposition,
    ScheduledCall,
    ScheduledCallState,
)
from outdial.v1.scheduled_call_service_pb2 import ScheduledCallResult
from outdial.v1.server_info_service_pb2 import GetServerInfoResponse
from outdial.v1.suppression_pb2 import Suppression
from outdial.v1.throttle_pb2 import Throttle
from outdial.v1.webhook_delivery_pb2 import WebhookDelivery, WebhookDeliveryState
from outdial.v1.webhook_pb2 import WEBHOOK_FORMAT_UNSPECIFIED, Webhook, WebhookFormat
from outdial.v1.webhook_service_pb2 import (
    CreateWebhookResponse,
    RedeliverWebhookEventsResponse,
    RotateWebhookSecretResponse,
    SendTestWebhookResponse,
)
from outdial.v1.window_pb2 import WindowEstimate

from outdial_client._accounts import Accounts as AsyncAccounts
from outdial_client._agents import Agents as AsyncAgents
from outdial_client._batch_imports import BatchImports as AsyncBatchImports
from outdial_client._batches import Batches as AsyncBatches
from outdial_client._calls import Calls as AsyncCalls
from outdial_client._carrier_configs import CarrierConfigs as AsyncCarrierConfigs
from outdial_client._carrier_configs import CarrierCredentials
from outdial_client._channel import TlsConfig
from outdial_client._client import DEFAULT_TIMEOUT
from outdial_client._client import Client as AsyncClient
from outdial_client._contact_columns import ContactColumns
from outdial_client._contacts import ContactFolders as AsyncContactFolders
from outdial_client._contacts import Contacts as AsyncContacts
from outdial_client._csv import CsvFile
from outdial_client._csv_columns import CsvColumns
from outdial_client._errors import ImportRefusedError
from outdial_client._export import ResultExport as AsyncResultExport
from outdial_client._external_calls import ExternalCalls as AsyncExternalCalls
from outdial_client._imports import ContactImportResult, ImportFinding, ImportProgress, ImportResult
from outdial_client._inputs import (
    NewAgent,
    NewBatch,
    NewCall,
    NewContact,
    NewDirectCall,
    NewPhoneNumber,
)
from outdial_client._interruptions import WatchInterruption
from outdial_client._number_rules import NumberRules
from outdial_client._output_file import OutputFile
from outdial_client._pager import Page, _Item
from outdial_client._pager import Pager as AsyncPager
from outdial_client._phone_numbers import PhoneNumbers as AsyncPhoneNumbers
from outdial_client._result_files import ExportProgress
from outdial_client._scheduled_calls import ScheduledCalls as AsyncScheduledCalls
from outdial_client._suppressions import Suppressions as AsyncSuppressions
from outdial_client._sync_runtime import LoopThread, read_here, shared_loop, told_here
from outdial_client._throttles import Throttles as AsyncThrottles
from outdial_client._watch import BatchWatch as AsyncBatchWatch
from outdial_client._watch_all import BatchesWatch as AsyncBatchesWatch
from outdial_client._watch_timing import WatchTiming
from outdial_client._webhooks import Webhooks as AsyncWebhooks

__all__ = [
    "Accounts",
    "Agents",
    "BatchImports",
    "BatchWatch",
    "Batches",
    "BatchesWatch",
    "Calls",
    "CarrierConfigs",
    "Client",
    "ContactFolders",
    "Contacts",
    "ExternalCalls",
    "Pager",
    "PhoneNumbers",
    "ResultExport",
    "ScheduledCalls",
    "Suppressions",
    "Throttles",
    "Webhooks",
]


class Pager(Generic[_Item]):
    """All items of a list, fetched page by page while they are read.

    `for item in pager` goes over the items, `pager.pages()` over the pages.
    Each iteration starts at the first page and asks the server anew.
    """

    def __init__(self, loop: LoopThread, inner: AsyncPager[_Item]) -> None:
        self._loop = loop
        self._inner: AsyncPager[_Item] = inner

    def __iter__(self) -> Iterator[_Item]:
        return self._loop.iterate(self._inner.__aiter__)

    def pages(self) -> Iterator[Page[_Item]]:
        """The pages, each with the token that the next one starts at."""
        return self._loop.iterate(self._inner.pages)

    def first(self) -> _Item | None:
        """The first item, or None when the list is empty."""
        return self._loop.run(self._inner.first)

    def to_list(self) -> list[_Item]:
        """All items at once."""
        return self._loop.run(self._inner.to_list)


class BatchWatch:
    """What happens in a batch, message by message, until it has ended.

    Streams that break are taken up again where they broke, for as long as it
    takes. With EVERY_EVENT each event comes exactly once and in order, over any
    number of streams; with LATEST none comes twice.

    Without a token a watch starts with a snapshot. A snapshot that breaks off
    starts again from its beginning: a row replaces an earlier one of the same id.

    Raises OutdialError for what waiting does not mend, among it EventsErasedError
    for a token from before the oldest event that is still there. Use it as a
    context manager, or call `close()`, when leaving before the end.
    """

    def __init__(self, loop: LoopThread, inner: AsyncBatchWatch) -> None:
        self._loop = loop
        self._inner: AsyncBatchWatch = inner
        loop.release_with(self, inner.aclose)

    @property
    def resume_token(self) -> str:
        """Where to go on after the last message that was handed out."""
        return self._inner.resume_token

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> WatchBatchResponse:
        return self._loop.next(self._inner)

    def close(self) -> None:
        """Ends the watch; the batch goes on."""
        self._loop.run(self._inner.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.run(partial(self._inner.__aexit__, exc_type, exc, traceback))


class BatchesWatch:
    """Batches as they change, message by message: each in its newest state.

    Streams that break are taken up again where they broke, for as long as it
    takes. It ends by itself only where batches were named and all of them have
    ended or been deleted.

    Without a token a watch starts with a snapshot. A snapshot that breaks off
    starts again from its beginning: what is not in the new one is gone.

    Raises OutdialError for what waiting does not mend. Use it as a context
    manager, or call `close()`, when leaving before the end.
    """

    def __init__(self, loop: LoopThread, inner: AsyncBatchesWatch) -> None:
        self._loop = loop
        self._inner: AsyncBatchesWatch = inner
        loop.release_with(self, inner.aclose)

    @property
    def resume_token(self) -> str:
        """Where to go on after the last message that was handed out."""
        return self._inner.resume_token

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> WatchBatchesResponse:
        return self._loop.next(self._inner)

    def close(self) -> None:
        """Ends the watch; the batches go on."""
        self._loop.run(self._inner.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.run(partial(self._inner.__aexit__, exc_type, exc, traceback))


class ResultExport:
    """Rows by position, each once, over as many streams as it takes.

    A stream that breaks is taken up again behind the last row that came. After
    several tries in a row without a new row the error is raised; `next_position`
    says where to go on later. Use it as a context manager, or call `close()`, when
    leaving before the end.
    """

    def __init__(self, loop: LoopThread, inner: AsyncResultExport) -> None:
        self._loop = loop
        self._inner: AsyncResultExport = inner
        loop.release_with(self, inner.aclose)

    @property
    def next_position(self) -> int:
        """Where to go on after the last row that was handed out."""
        return self._inner.next_position

    def read(self) -> Sequence[ScheduledCallResult]:
        """The next rows, as many as have come together; none at the end."""
        return self._loop.run(self._inner.read)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ScheduledCallResult:
        return self._loop.next(self._inner)

    def close(self) -> None:
        """Ends the export."""
        self._loop.run(self._inner.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.run(partial(self._inner.__aexit__, exc_type, exc, traceback))


class Accounts:
    """An empty `account_id` means the account of the client's own key."""

    def __init__(self, loop: LoopThread, inner: AsyncAccounts) -> None:
        self._loop = loop
        self._inner: AsyncAccounts = inner

    def create(
        self,
        display_name: str,
        *,
        max_concurrent_calls: int = 0,
        reserved_slots: int = 0,
        number_rules: NumberRules | None = None,
        request_id: str = "",
    ) -> Account:
        """Makes an account; needs an operator's key."""
        return self._loop.run(
            partial(
                self._inner.create,
                display_name,
                max_concurrent_calls=max_concurrent_calls,
                reserved_slots=reserved_slots,
                number_rules=number_rules,
                request_id=request_id,
            )
        )

    def get(self, account_id: str = "") -> Account:
        """An account with its limits and the slots in use."""
        return self._loop.run(partial(self._inner.get, account_id))

    def list(self, *, page_size: int = 0) -> Pager[Account]:
        """Accounts, oldest first; without an operator's key the own one alone."""
        return Pager(self._loop, self._inner.list(page_size=page_size))

    def update(self, account: Account, fields: Iterable[str]) -> Account:
        """Writes those `fields` of `account`; AbortedError when its etag is out of date."""
        return self._loop.run(partial(self._inner.update, account, tuple(fields)))

    def create_api_key(
        self,
        display_name: str,
        scopes: Iterable[ApiKeyScope.ValueType],
        *,
        expire_time: datetime | None = None,
        account_id: str = "",
    ) -> CreateApiKeyResponse:
        """Makes a key. The answer alone holds its `secret`."""
        return self._loop.run(
            partial(
                self._inner.create_api_key,
                display_name,
                tuple(scopes),
                expire_time=expire_time,
                account_id=account_id,
            )
        )

    def list_api_keys(self, account_id: str = "", *, page_size: int = 0) -> Pager[ApiKey]:
        """Keys, oldest first, revoked ones included."""
        return Pager(self._loop, self._inner.list_api_keys(account_id, page_size=page_size))

    def revoke_api_key(self, api_key_id: str) -> ApiKey:
        """Makes a key useless from the next request on."""
        return self._loop.run(partial(self._inner.revoke_api_key, api_key_id))


class Agents:
    """The voice agents that talk once a person answers."""

    def __init__(self, loop: LoopThread, inner: AsyncAgents) -> None:
        self._loop = loop
        self._inner: AsyncAgents = inner

    def create(self, agent: str | NewAgent | Agent, *, request_id: str = "") -> Agent:
        """Makes an agent, of which a name is enough; AlreadyExistsError when it is taken."""
        return self._loop.run(partial(self._inner.create, agent, request_id=request_id))

    def get(self, agent_id: str) -> Agent:
        """One agent, by its id."""
        return self._loop.run(partial(self._inner.get, agent_id))

    def find(self, display_name: str) -> Agent | None:
        """The agent of exactly this name, if there is one."""
        return self._loop.run(partial(self._inner.find, display_name))

    def list(self, *, display_name: str = "", page_size: int = 0, skip: int = 0) -> Pager[Agent]:
        """Agents, oldest first."""
        return Pager(
            self._loop, self._inner.list(display_name=display_name, page_size=page_size, skip=skip)
        )

    def update(self, agent: Agent, fields: Iterable[str]) -> Agent:
        """Writes those `fields` of `agent`; AbortedError when its etag is out of date."""
        return self._loop.run(partial(self._inner.update, agent, tuple(fields)))

    def delete(self, agent_id: str) -> None:
        """Deletes an agent that no unfinished batch uses."""
        self._loop.run(partial(self._inner.delete, agent_id))


class BatchImports:
    """Adds long lists to batches, and tells what came of them."""

    def __init__(self, loop: LoopThread, inner: AsyncBatchImports) -> None:
        self._loop = loop
        self._inner: AsyncBatchImports = inner

    def import_csv(
        self,
        file: CsvFile,
        *,
        batch_id: str = "",
        new_batch: NewBatch | Batch | None = None,
        draft: bool = False,
        columns: CsvColumns | None = None,
        bad_rows: BadRowPolicy.ValueType = BadRowPolicy.BAD_ROW_POLICY_REJECT_ALL,
        request_id: str = "",
        on_progress: Callable[[ImportProgress], None] | None = None,
    ) -> ImportResult:
        """Adds the people in a CSV file to a batch, or makes a batch with them, at once.

        The file may have up to a million rows; it is never in memory as a whole. Its
        first line names the columns. Until the end nothing of it shows in the batch.

        Args:
            file: A path, or a file that is open for reading bytes: UTF-8 or UTF-16,
                with commas, semicolons or tabs.
            batch_id: The batch to add to, if it is there already.
            new_batch: The batch to make, if not. One of the two must be given.
            draft: A new batch waits for `start`.
            columns: Which column holds what; else it is found by the usual names.
            bad_rows: What to do when rows have faults: add nothing, or the others.
            request_id: Of an import that broke off, to make sure of it.
            on_progress: Told after each slice of 500 rows.

        Raises:
            CsvFileError: It cannot be read at all, or no column holds numbers.
            ImportRefusedError: Rows have faults, with REJECT_ALL.
            ImportInterruptedError: The connection broke, twice if the file can be read
                again.
        """
        return self._loop.run(
            partial(
                self._inner.import_csv,
                file,
                batch_id=batch_id,
                new_batch=new_batch,
                draft=draft,
                columns=columns,
                bad_rows=bad_rows,
                request_id=request_id,
                on_progress=told_here(on_progress),
            )
        )

    def import_rows(
        self,
        calls: Iterable[NewCall | ScheduledCall],
        *,
        batch_id: str = "",
        new_batch: NewBatch | Batch | None = None,
        draft: bool = False,
        bad_rows: BadRowPolicy.ValueType = BadRowPolicy.BAD_ROW_POLICY_REJECT_ALL,
        request_id: str = "",
        on_progress: Callable[[ImportProgress], None] | None = None,
    ) -> ImportResult:
        """The same as `import_csv` with rows that a program makes, as long as it likes.

        Rows are numbered from 1. They are taken 500 at a time, as the server takes
        them. After a broken connection lists and tuples are sent once more; what a
        generator gave is gone, so ImportInterruptedError comes at once.
        """
        return self._loop.run(
            partial(
                self._inner.import_rows,
                read_here(calls),
                batch_id=batch_id,
                new_batch=new_batch,
                draft=draft,
                bad_rows=bad_rows,
                request_id=request_id,
                on_progress=told_here(on_progress),
            )
        )

    def get_import(self, import_id: str) -> Import:
        """An import that came to its end, by its id."""
        return self._loop.run(partial(self._inner.get_import, import_id))

    def import_findings(
        self,
        imported: str | ImportResult | ContactImportResult | ImportRefusedError,
        *,
        page_size: int = 0,
    ) -> Pager[ImportFinding]:
        """What an import has to say about its rows, by row number.

        With the result or the error of `import_csv` the findings name columns of the
        file; with an import's id alone, fields of ScheduledCall or Contact.
        """
        return Pager(self._loop, self._inner.import_findings(imported, page_size=page_size))

    def write_refused_rows(
        self,
        imported: str | ImportResult | ContactImportResult | ImportRefusedError,
        source: CsvFile,
        target: OutputFile,
    ) -> int:
        """Writes the rows of a CSV file that were not added into another, and counts them.

        Each with its row number, column and reason in front of the cells that it had.
        Cells that a spreadsheet would run as formulas get an apostrophe.

        Args:
            imported: The import, as for `import_findings`.
            source: The file that was imported; it is read once more.
            target: A path, or a file that is open for writing bytes.
        """
        return self._loop.run(partial(self._inner.write_refused_rows, imported, source, target))


class Batches(BatchImports):
    """Lists of people that are called by one agent, inside one window and under one cap."""

    def __init__(self, loop: LoopThread, inner: AsyncBatches) -> None:
        self._loop = loop
        self._inner: AsyncBatches = inner

    def create(
        self,
        batch: NewBatch | Batch,
        calls: Iterable[NewCall | ScheduledCall] = (),
        *,
        contact_folder_ids: Iterable[str] = (),
        contact_ids: Iterable[str] = (),
        draft: bool = False,
        request_id: str = "",
        validate_only: bool = False,
    ) -> CreateBatchResponse:
        """Makes a batch with its people, all or nothing, and starts it unless `draft`.

        The contacts of folders, and single ones, are copied behind `calls`, as they are
        now; each once. The answer holds the batch and the rows that DUPLICATE_POLICY_SKIP
        left out. Rows with faults raise InvalidArgumentError, whose `fields` name them as
        `scheduled_calls[6].address` or `contacts[CONTACT_ID].template_context.city`.
        With `validate_only` nothing is made: the answer, or the error, is what would come of
        it.
        """
        return self._loop.run(
            partial(
                self._inner.create,
                batch,
                tuple(calls),
                contact_folder_ids=tuple(contact_folder_ids),
                contact_ids=tuple(contact_ids),
                draft=draft,
                request_id=request_id,
                validate_only=validate_only,
            )
        )

    def add_calls(
        self,
        batch_id: str,
        calls: Iterable[NewCall | ScheduledCall] = (),
        *,
        contact_folder_ids: Iterable[str] = (),
        contact_ids: Iterable[str] = (),
        request_id: str = "",
        validate_only: bool = False,
        replace_waiting: bool = False,
    ) -> AddScheduledCallsResponse:
        """Adds people behind the last one of a batch that has not ended, all or nothing.

        Contacts are copied as by `create`. With `validate_only` nobody is added: the answer
        is what would come of it. With `replace_waiting` they take the place of those who wait,
        in one change of the batch; who has been called, or is being called, stays.
        """
        return self._loop.run(
            partial(
                self._inner.add_calls,
                batch_id,
                tuple(calls),
                contact_folder_ids=tuple(contact_folder_ids),
                contact_ids=tuple(contact_ids),
                request_id=request_id,
                validate_only=validate_only,
                replace_waiting=replace_waiting,
            )
        )

    def retry(
        self,
        batch_id: str,
        *,
        states: Iterable[ScheduledCallState.ValueType] = (),
        dispositions: Iterable[Disposition.ValueType] = (),
        window_end: datetime | None = None,
        request_id: str = "",
    ) -> RetryBatchResponse:
        """Lets people who were called be called once more; a completed batch runs again.

        The answer holds the batch and how many wait again.

        Args:
            states: Of FAILED, EXPIRED, CANCELLED and COMPLETED; without any, FAILED.
            dispositions: Only those whose latest call ended so. Without any, every one
                but UNKNOWN and PRESUMED_ENDED, who may have been reached.
            window_end: A later end of the batch's window.
        """
        return self._loop.run(
            partial(
                self._inner.retry,
                batch_id,
                states=tuple(states),
                dispositions=tuple(dispositions),
                window_end=window_end,
                request_id=request_id,
            )
        )

    def wait_until_ended(self, batch_id: str, *, timeout: timedelta | None = None) -> Batch:
        """Waits until the last call of a batch has ended, and gives the batch.

        A server that is away is waited for. TimeoutError after `timeout`; the batch
        goes on.
        """
        return self._loop.run(partial(self._inner.wait_until_ended, batch_id, timeout=timeout))

    def get(self, batch_id: str, *, show_webhook_secret: bool = False) -> Batch:
        """One batch with its counts; what its webhook's requests are signed with only where it is
        asked for, and for a key with the scope WRITE.
        """
        return self._loop.run(
            partial(self._inner.get, batch_id, show_webhook_secret=show_webhook_secret)
        )

    def list(
        self,
        *,
        states: Iterable[BatchState.ValueType] = (),
        agent_id: str = "",
        page_size: int = 0,
        skip: int = 0,
    ) -> Pager[Batch]:
        """Batches, newest first; without `states`, in all of them."""
        return Pager(
            self._loop,
            self._inner.list(
                states=tuple(states), agent_id=agent_id, page_size=page_size, skip=skip
            ),
        )

    def update(self, batch: Batch, fields: Iterable[str], *, validate_only: bool = False) -> Batch:
        """Writes those `fields` of `batch`; AbortedError when its etag is out of date.

        With `validate_only` nothing is written: the answer is the batch as it would be.
        """
        return self._loop.run(
            partial(self._inner.update, batch, tuple(fields), validate_only=validate_only)
        )

    def estimate_window(self, batch: NewBatch | Batch, call_count: int) -> WindowEstimate:
        """How long the window of such a batch must be for so many people; nothing is made."""
        return self._loop.run(partial(self._inner.estimate_window, batch, call_count))

    def start(self, batch_id: str) -> Batch:
        """Starts a draft."""
        return self._loop.run(partial(self._inner.start, batch_id))

    def pause(self, batch_id: str) -> PauseBatchResponse:
        """Holds a batch. With `sends_in_flight` 0 in the answer nothing more is dialled."""
        return self._loop.run(partial(self._inner.pause, batch_id))

    def resume(self, batch_id: str) -> Batch:
        """Goes on with a batch that was paused."""
        return self._loop.run(partial(self._inner.resume, batch_id))

    def cancel(self, batch_id: str) -> CancelBatchResponse:
        """Ends a batch; calls already placed come to their own end."""
        return self._loop.run(partial(self._inner.cancel, batch_id))

    def delete(
        self, batch_id: str, *, states: Iterable[BatchState.ValueType] = ()
    ) -> DeleteBatchResponse:
        """Hides a batch at once and cancels what waits.

        With `states`, only while it is in one of them; else PreconditionError, and nothing is
        done.
        """
        return self._loop.run(partial(self._inner.delete, batch_id, states=tuple(states)))

    def events(self, batch_id: str, *, after_sequence: int = 0, page_size: int = 0) -> Pager[Event]:
        """The events of a batch that there are now, from the one after `after_sequence` on."""
        return Pager(
            self._loop,
            self._inner.events(batch_id, after_sequence=after_sequence, page_size=page_size),
        )

    def explain(self, batch_id: str) -> BatchExplanation:
        """Why a batch is dialled or not: a verdict, and every gate with its figures."""
        return self._loop.run(partial(self._inner.explain, batch_id))

    def forecast(self, batch_id: str, *, horizon: timedelta | None = None) -> Forecast:
        """When a batch will end and what its calls will come to, each with a range.

        A draft or a paused batch is taken to be started now. Takes up to some seconds.

        Args:
            horizon: How far it looks: 1 minute to 60 days, 30 days unless it is said. What is
                unset in `end_time` comes later than that.
        """
        return self._loop.run(partial(self._inner.forecast, batch_id, horizon=horizon))

    def watch(
        self,
        batch_id: str,
        *,
        resume_token: str = "",
        delivery: WatchDelivery.ValueType = WatchDelivery.WATCH_DELIVERY_LATEST,
        scope: WatchScope.ValueType = WatchScope.WATCH_SCOPE_CALLS,
        min_interval: timedelta | None = None,
        timing: WatchTiming | None = None,
        on_interruption: Callable[[WatchInterruption], None] | None = None,
    ) -> BatchWatch:
        """What happens in a batch, until it has ended; goes on by itself when a stream breaks.

        Args:
            resume_token: Of the last message that was dealt with; without one the
                watch starts with a snapshot.
            delivery: EVERY_EVENT for each event exactly once; LATEST for the newest
                state of everything.
            scope: BATCH for state and counts alone.
            min_interval: Shortest time between two messages, 20 ms to 60 s.
            on_interruption: Told about each stream that broke, before the wait.
        """
        return BatchWatch(
            self._loop,
            self._inner.watch(
                batch_id,
                resume_token=resume_token,
                delivery=delivery,
                scope=scope,
                min_interval=min_interval,
                timing=timing,
                on_interruption=told_here(on_interruption),
            ),
        )

    def watch_all(
        self,
        batch_ids: Iterable[str] = (),
        *,
        agent_id: str = "",
        resume_token: str = "",
        min_interval: timedelta | None = None,
        timing: WatchTiming | None = None,
        on_interruption: Callable[[WatchInterruption], None] | None = None,
    ) -> BatchesWatch:
        """Batches as they change; goes on by itself when a stream breaks.

        Args:
            batch_ids: At most 100; the watch ends when all have ended. Without any, those
                that have not ended (the newest 200), and those that come.
            agent_id: Only batches of this agent; not together with `batch_ids`.
            resume_token: Of the last message that was dealt with; without one the
                watch starts with a snapshot.
            min_interval: Shortest time between two flushes, 20 ms to 60 s.
            on_interruption: Told about each stream that broke, before the wait.
        """
        return BatchesWatch(
            self._loop,
            self._inner.watch_all(
                tuple(batch_ids),
                agent_id=agent_id,
                resume_token=resume_token,
                min_interval=min_interval,
                timing=timing,
                on_interruption=told_here(on_interruption),
            ),
        )


class ScheduledCalls:
    """The people of a batch, one row each."""

    def __init__(self, loop: LoopThread, inner: AsyncScheduledCalls) -> None:
        self._loop = loop
        self._inner: AsyncScheduledCalls = inner

    def get(self, scheduled_call_id: str) -> ScheduledCall:
        """One row, by its id."""
        return self._loop.run(partial(self._inner.get, scheduled_call_id))

    def list(
        self,
        batch_id: str,
        *,
        states: Iterable[ScheduledCallState.ValueType] = (),
        dispatch_outcomes: Iterable[DispatchOutcome.ValueType] = (),
        custom_id: str = "",
        page_size: int = 0,
        skip: int = 0,
    ) -> Pager[ScheduledCall]:
        """The rows of a batch by position; without `states`, in all of them, and likewise
        without `dispatch_outcomes`. The first `skip` of them are passed over.
        """
        return Pager(
            self._loop,
            self._inner.list(
                batch_id,
                states=tuple(states),
                dispatch_outcomes=tuple(dispatch_outcomes),
                custom_id=custom_id,
                page_size=page_size,
                skip=skip,
            ),
        )

    def cancel(self, scheduled_call_id: str) -> ScheduledCall:
        """Takes a row that waits out of its batch."""
        return self._loop.run(partial(self._inner.cancel, scheduled_call_id))

    def retry(self, scheduled_call_id: str, *, request_id: str = "") -> ScheduledCall:
        """Lets somebody whose calls have ended be called once more; see `batches.retry`."""
        return self._loop.run(partial(self._inner.retry, scheduled_call_id, request_id=request_id))

    def explain(self, scheduled_call_id: str) -> ScheduledCallExplanation:
        """Why one person is dialled or not; see `batches.explain`."""
        return self._loop.run(partial(self._inner.explain, scheduled_call_id))

    def export(
        self,
        batch_id: str,
        *,
        states: Iterable[ScheduledCallState.ValueType] = (),
        from_position: int = 0,
        with_conversations: bool = False,
        timing: WatchTiming | None = None,
        on_interruption: Callable[[WatchInterruption], None] | None = None,
    ) -> ResultExport:
        """All rows of a batch by position, each with its latest call, as one stream.

        Args:
            states: Only rows in one of these; without any, all.
            from_position: The first row wanted, from 0.
            with_conversations: Each call with what was said in it.
            on_interruption: Told about each break of the stream, before the wait.
        """
        return ResultExport(
            self._loop,
            self._inner.export(
                batch_id,
                states=tuple(states),
                from_position=from_position,
                with_conversations=with_conversations,
                timing=timing,
                on_interruption=told_here(on_interruption),
            ),
        )

    def export_csv(
        self,
        batch_id: str,
        target: OutputFile,
        *,
        states: Iterable[ScheduledCallState.ValueType] = (),
        columns: Sequence[str] | None = None,
        on_progress: Callable[[ExportProgress], None] | None = None,
    ) -> int:
        """Writes the rows of a batch with what came of them into a CSV file, and counts them.

        UTF-8, moments in ISO 8601 and UTC. Behind the columns that every batch has come
        `context.NAME` and `metadata.NAME` for each name that occurs; to find them all,
        the rows pass through a temporary file. Cells that a spreadsheet would run as
        formulas get an apostrophe.

        Args:
            target: A path, which gets the file once it is whole, or a file that is open
                for writing bytes.
            columns: The columns wanted, in their order; then no temporary file is
                needed. ValueError names one that is none.
            on_progress: Told after each message of the stream.
        """
        return self._loop.run(
            partial(
                self._inner.export_csv,
                batch_id,
                target,
                states=tuple(states),
                columns=columns,
                on_progress=told_here(on_progress),
            )
        )

    def export_json_lines(
        self,
        batch_id: str,
        target: OutputFile,
        *,
        states: Iterable[ScheduledCallState.ValueType] = (),
        with_conversations: bool = False,
        on_progress: Callable[[ExportProgress], None] | None = None,
    ) -> int:
        """The same as `export_csv` with a JSON object a line.

        What is not there yet is null; `template_context` and `metadata` are objects. With
        `with_conversations` there is `conversation`, too, as the API has it in JSON.
        """
        return self._loop.run(
            partial(
                self._inner.export_json_lines,
                batch_id,
                target,
                states=tuple(states),
                with_conversations=with_conversations,
                on_progress=told_here(on_progress),
            )
        )


class Calls:
    """One call is one try; a retry is a new call of the same row. A direct call is of no batch."""

    def __init__(self, loop: LoopThread, inner: AsyncCalls) -> None:
        self._loop = loop
        self._inner: AsyncCalls = inner

    def create(self, call: NewDirectCall, *, request_id: str = "") -> Call:
        """Calls one person at once, outside any batch and ahead of all of them.

        ResourceExhaustedError when a limit has no room; `retry_after` says when to try
        again. With `wait_until` the call waits for room until then instead.
        FailedPreconditionError for an address on the do-not-call list.
        """
        return self._loop.run(partial(self._inner.create, call, request_id=request_id))

    def get(self, call_id: str) -> Call:
        """One call, by its id."""
        return self._loop.run(partial(self._inner.get, call_id))

    def list(
        self,
        *,
        batch_id: str = "",
        scheduled_call_id: str = "",
        states: Iterable[CallState.ValueType] = (),
        only_direct: bool = False,
        page_size: int = 0,
        skip: int = 0,
    ) -> Pager[Call]:
        """Calls, newest first; without `states`, in all of them.

        `only_direct` leaves out the calls of batches.
        """
        return Pager(
            self._loop,
            self._inner.list(
                batch_id=batch_id,
                scheduled_call_id=scheduled_call_id,
                states=tuple(states),
                only_direct=only_direct,
                page_size=page_size,
                skip=skip,
            ),
        )

    def delete(self, call_id: str) -> None:
        """Deletes a call that has ended, with what was said in it, for good.

        What came of the person, counts and events stay; of a direct call the person goes, too.
        """
        self._loop.run(partial(self._inner.delete, call_id))

    def end(self, call_id: str) -> Call:
        """Asks the carrier to hang up; the call ends when the carrier says so.

        A direct call that waits ends at once.
        """
        return self._loop.run(partial(self._inner.end, call_id))

    def resolve(
        self,
        call_id: str,
        resolution: CallResolution.ValueType,
        *,
        disposition: Disposition.ValueType = Disposition.DISPOSITION_UNSPECIFIED,
    ) -> Call:
        """Says what became of an unknown call; PLACED needs the `disposition`."""
        return self._loop.run(
            partial(self._inner.resolve, call_id, resolution, disposition=disposition)
        )

    def report(
        self,
        call_id: str,
        *,
        joined: CallJoined | None = None,
        ended: CallOver | None = None,
        conversation: Conversation | None = None,
    ) -> Call:
        """Says what another system knows of a call: it was joined or has ended, and what was
        said in it. At most one of `joined` and `ended`; at least one of all three.

        Said twice or too late it changes nothing. Of a conversation what is set takes the
        place of what was reported before, part by part.
        """
        return self._loop.run(
            partial(
                self._inner.report, call_id, joined=joined, ended=ended, conversation=conversation
            )
        )


class Suppressions:
    """Addresses that nobody of the account may dial."""

    def __init__(self, loop: LoopThread, inner: AsyncSuppressions) -> None:
        self._loop = loop
        self._inner: AsyncSuppressions = inner

    def create(
        self,
        addresses: Sequence[str],
        *,
        source: str = "",
        reason: str = "",
        expire_time: datetime | None = None,
    ) -> list[Suppression]:
        """Puts addresses on the list: one or many, 10,000 a request.

        From the answer on nobody at them is dialled. One that is there already is
        renewed, so a call that failed half-way may be repeated. None as `expire_time`
        means for good.
        """
        return self._loop.run(
            partial(
                self._inner.create, addresses, source=source, reason=reason, expire_time=expire_time
            )
        )

    def get(self, suppression_id: str) -> Suppression:
        """One entry, by its id."""
        return self._loop.run(partial(self._inner.get, suppression_id))

    def find(self, address: str) -> Suppression | None:
        """The entry of this address, if there is one; it may be over."""
        return self._loop.run(partial(self._inner.find, address))

    def list(
        self, *, address: str = "", source: str = "", page_size: int = 0
    ) -> Pager[Suppression]:
        """Entries, oldest first, those that are over included."""
        return Pager(
            self._loop, self._inner.list(address=address, source=source, page_size=page_size)
        )

    def delete(self, suppression_id: str) -> None:
        """Takes an address off the list; calls that were skipped stay so."""
        self._loop.run(partial(self._inner.delete, suppression_id))


class Throttles:
    """Limits of how fast batches are dialled, shared by all that name one."""

    def __init__(self, loop: LoopThread, inner: AsyncThrottles) -> None:
        self._loop = loop
        self._inner: AsyncThrottles = inner

    def create(
        self, display_name: str, rules: Iterable[tuple[int, timedelta]], *, request_id: str = ""
    ) -> Throttle:
        """Makes a throttle; AlreadyExistsError when the name is taken.

        Each rule is a number of calls and the window that holds them at most: 1 s to
        24 h, and it slides. All rules hold at once.
        """
        return self._loop.run(
            partial(self._inner.create, display_name, tuple(rules), request_id=request_id)
        )

    def get(self, throttle_id: str) -> Throttle:
        """One throttle, by its id."""
        return self._loop.run(partial(self._inner.get, throttle_id))

    def find(self, display_name: str) -> Throttle | None:
        """The throttle of exactly this name, if there is one."""
        return self._loop.run(partial(self._inner.find, display_name))

    def list(self, *, display_name: str = "", page_size: int = 0, skip: int = 0) -> Pager[Throttle]:
        """Throttles, oldest first."""
        return Pager(
            self._loop, self._inner.list(display_name=display_name, page_size=page_size, skip=skip)
        )

    def update(self, throttle: Throttle, fields: Iterable[str]) -> Throttle:
        """Writes those `fields` of `throttle`; AbortedError when its etag is out of date."""
        return self._loop.run(partial(self._inner.update, throttle, tuple(fields)))

    def delete(self, throttle_id: str) -> None:
        """Deletes a throttle that no unfinished batch names."""
        self._loop.run(partial(self._inner.delete, throttle_id))


class ContactFolders:
    """Lists of people that batches are made from."""

    def __init__(self, loop: LoopThread, inner: AsyncContactFolders) -> None:
        self._loop = loop
        self._inner: AsyncContactFolders = inner

    def create(
        self, display_name: str, *, description: str = "", request_id: str = ""
    ) -> ContactFolder:
        """Makes an empty folder; several may have the same name."""
        return self._loop.run(
            partial(
                self._inner.create, display_name, description=description, request_id=request_id
            )
        )

    def get(self, contact_folder_id: str) -> ContactFolder:
        """One folder, by its id."""
        return self._loop.run(partial(self._inner.get, contact_folder_id))

    def list(
        self, *, display_name: str = "", order_by: str = "", page_size: int = 0
    ) -> Pager[ContactFolder]:
        """Folders, oldest first, or in another order.

        Args:
            display_name: Only folders of exactly this name.
            order_by: `create_time`, `display_name` or `contact_count`; with ` desc`
                behind it the greatest comes first.
            page_size: How many are asked for at once.
        """
        return Pager(
            self._loop,
            self._inner.list(display_name=display_name, order_by=order_by, page_size=page_size),
        )

    def update(self, folder: ContactFolder, fields: Iterable[str]) -> ContactFolder:
        """Writes those `fields` of `folder`; AbortedError when its etag is out of date."""
        return self._loop.run(partial(self._inner.update, folder, tuple(fields)))

    def delete(self, contact_folder_id: str) -> None:
        """Deletes a folder with all contacts in it, for good."""
        self._loop.run(partial(self._inner.delete, contact_folder_id))


class Contacts:
    """People who are kept to be called from more than one batch."""

    def __init__(self, loop: LoopThread, inner: AsyncContacts) -> None:
        self._loop = loop
        self._inner: AsyncContacts = inner

    def import_csv(
        self,
        file: CsvFile,
        contact_folder_id: str,
        *,
        overwrite_existing: bool = False,
        columns: ContactColumns | None = None,
        bad_rows: BadRowPolicy.ValueType = BadRowPolicy.BAD_ROW_POLICY_REJECT_ALL,
        request_id: str = "",
        on_progress: Callable[[ImportProgress], None] | None = None,
    ) -> ContactImportResult:
        """Puts the people in a CSV file into a folder, as `batches.import_csv` reads one.

        Args:
            file: A path, or a file that is open for reading bytes.
            contact_folder_id: The folder.
            overwrite_existing: Whether a row whose number is in the folder changes that
                contact; else the row is skipped.
            columns: Which column holds what; else it is found by the usual names.
            bad_rows: What to do when rows have faults: add nothing, or the others.
            request_id: Of an import that broke off, to make sure of it.
            on_progress: Told after each slice of 500 rows.

        Raises:
            CsvFileError: It cannot be read at all, or no column holds numbers.
            ImportRefusedError: Rows have faults, with REJECT_ALL.
            ImportInterruptedError: The connection broke, twice if the file can be read
                again.
        """
        return self._loop.run(
            partial(
                self._inner.import_csv,
                file,
                contact_folder_id,
                overwrite_existing=overwrite_existing,
                columns=columns,
                bad_rows=bad_rows,
                request_id=request_id,
                on_progress=told_here(on_progress),
            )
        )

    def import_rows(
        self,
        contacts: Iterable[NewContact | Contact],
        contact_folder_id: str,
        *,
        overwrite_existing: bool = False,
        bad_rows: BadRowPolicy.ValueType = BadRowPolicy.BAD_ROW_POLICY_REJECT_ALL,
        request_id: str = "",
        on_progress: Callable[[ImportProgress], None] | None = None,
    ) -> ContactImportResult:
        """The same as `import_csv` with rows that a program makes, numbered from 1."""
        return self._loop.run(
            partial(
                self._inner.import_rows,
                read_here(contacts),
                contact_folder_id,
                overwrite_existing=overwrite_existing,
                bad_rows=bad_rows,
                request_id=request_id,
                on_progress=told_here(on_progress),
            )
        )

    def create(self, contact: NewContact | Contact, *, request_id: str = "") -> Contact:
        """Makes a contact; AlreadyExistsError when its folder has one of that address."""
        return self._loop.run(partial(self._inner.create, contact, request_id=request_id))

    def get(self, contact_id: str) -> Contact:
        """One contact, by its id."""
        return self._loop.run(partial(self._inner.get, contact_id))

    def list(
        self,
        *,
        contact_folder_id: str = "",
        search: str = "",
        last_dispositions: Iterable[Disposition.ValueType] = (),
        page_size: int = 0,
        skip: int = 0,
    ) -> Pager[Contact]:
        """Contacts, oldest first.

        Args:
            contact_folder_id: Only those of this folder.
            search: Only those that have each of these words somewhere in name, email
                or address.
            last_dispositions: Only those whose latest call ended so.
            page_size: How many are asked for at once.
            skip: So many are passed over first.
        """
        return Pager(
            self._loop,
            self._inner.list(
                contact_folder_id=contact_folder_id,
                search=search,
                last_dispositions=tuple(last_dispositions),
                page_size=page_size,
                skip=skip,
            ),
        )

    def update(self, contact: Contact, fields: Iterable[str]) -> Contact:
        """Writes those `fields` of `contact`; AbortedError when its etag is out of date."""
        return self._loop.run(partial(self._inner.update, contact, tuple(fields)))

    def delete(self, contact_id: str) -> None:
        """Deletes a contact for good; batches that it was copied into keep their copies."""
        self._loop.run(partial(self._inner.delete, contact_id))


class PhoneNumbers:
    """The account's own numbers, and which agent calls from which."""

    def __init__(self, loop: LoopThread, inner: AsyncPhoneNumbers) -> None:
        self._loop = loop
        self._inner: AsyncPhoneNumbers = inner

    def create(
        self, number: str | NewPhoneNumber | PhoneNumber, *, request_id: str = ""
    ) -> PhoneNumber:
        """Makes a number known, given in E.164 form or with more to say about it.

        AlreadyExistsError when the account has it.
        """
        return self._loop.run(partial(self._inner.create, number, request_id=request_id))

    def get(self, phone_number_id: str) -> PhoneNumber:
        """One number, by its id."""
        return self._loop.run(partial(self._inner.get, phone_number_id))

    def find(self, address: str) -> PhoneNumber | None:
        """The number of exactly this E.164 form, if the account has it."""
        return self._loop.run(partial(self._inner.find, address))

    def list(
        self, *, address: str = "", agent_id: str = "", page_size: int = 0, skip: int = 0
    ) -> Pager[PhoneNumber]:
        """Numbers, oldest first; all, or those of one agent."""
        return Pager(
            self._loop,
            self._inner.list(address=address, agent_id=agent_id, page_size=page_size, skip=skip),
        )

    def update(self, number: PhoneNumber, fields: Iterable[str]) -> PhoneNumber:
        """Writes those `fields` of `number`; AbortedError when its etag is out of date."""
        return self._loop.run(partial(self._inner.update, number, tuple(fields)))

    def delete(self, phone_number_id: str) -> None:
        """Deletes a number; calls that show it go on."""
        self._loop.run(partial(self._inner.delete, phone_number_id))

    def bind(self, phone_number_id: str, agent_id: str, *, place: int | None = None) -> PhoneNumber:
        """Lets an agent call from the number.

        `place` is its place among the agent's numbers, from 0; without one it comes behind
        the last, or stays where it is. FailedPreconditionError when another agent has it.
        """
        return self._loop.run(partial(self._inner.bind, phone_number_id, agent_id, place=place))

    def unbind(self, phone_number_id: str) -> PhoneNumber:
        """Takes the number from its agent."""
        return self._loop.run(partial(self._inner.unbind, phone_number_id))


class CarrierConfigs:
    """Accounts at carriers: what they are opened with, and how they limit us, which all batches
    share that name one.
    """

    def __init__(self, loop: LoopThread, inner: AsyncCarrierConfigs) -> None:
        self._loop = loop
        self._inner: AsyncCarrierConfigs = inner

    def create(
        self,
        display_name: str,
        carrier: str,
        *,
        max_concurrent_calls: int = 0,
        calls_per_second: float = 0,
        metadata: Mapping[str, str] | None = None,
        request_id: str = "",
        **credentials: Unpack[CarrierCredentials],
    ) -> CarrierConfig:
        """Makes a carrier config; AlreadyExistsError when the name is taken.

        `carrier` is one that `client.server_info()` lists. `calls_per_second` is 0.01 to
        1000, and 0 means the carrier's own default, if it has one. `twilio`, `telnyx`, `plivo`
        and `sip`
        go with the carrier of that name, so at most one is given (else ValueError); their
        secrets are kept encrypted and never shown again.
        """
        return self._loop.run(
            partial(
                self._inner.create,
                display_name,
                carrier,
                max_concurrent_calls=max_concurrent_calls,
                calls_per_second=calls_per_second,
                metadata=metadata,
                request_id=request_id,
                **credentials,
            )
        )

    def get(self, carrier_config_id: str) -> CarrierConfig:
        """One carrier config, by its id."""
        return self._loop.run(partial(self._inner.get, carrier_config_id))

    def find(self, display_name: str) -> CarrierConfig | None:
        """The carrier config of exactly this name, if there is one."""
        return self._loop.run(partial(self._inner.find, display_name))

    def list(self, *, display_name: str = "", page_size: int = 0) -> Pager[CarrierConfig]:
        """Carrier configs, oldest first."""
        return Pager(self._loop, self._inner.list(display_name=display_name, page_size=page_size))

    def update(self, carrier_config: CarrierConfig, fields: Iterable[str]) -> CarrierConfig:
        """Writes those `fields` of `carrier_config`; AbortedError when its etag is out of
        date. Credentials (`twilio`, `telnyx`, `plivo`, `sip`) are written as a whole, with
        their secrets.
        """
        return self._loop.run(partial(self._inner.update, carrier_config, tuple(fields)))

    def delete(self, carrier_config_id: str) -> None:
        """Deletes a carrier config that no unfinished batch names."""
        self._loop.run(partial(self._inner.delete, carrier_config_id))

    def check(self, carrier_config_id: str) -> CarrierConfig:
        """Asks the carrier whether it takes the credentials, and returns the carrier config;
        nobody is called. FailedPreconditionError (CARRIER_CREDENTIALS_REFUSED) when it does
        not, UnavailableError when it cannot be asked.
        """
        return self._loop.run(partial(self._inner.check, carrier_config_id))


class ExternalCalls:
    """They take slots, so that both systems together keep within the limits."""

    def __init__(self, loop: LoopThread, inner: AsyncExternalCalls) -> None:
        self._loop = loop
        self._inner: AsyncExternalCalls = inner

    def report(
        self,
        external_id: str,
        *,
        agent_id: str = "",
        carrier_config: str = "",
        ttl: timedelta | None = None,
    ) -> ExternalCall:
        """Says that a call is in progress; said again, it is prolonged.

        It counts for `ttl`, 1 s to 24 h, unless it is reported again or ended; None means
        10 minutes. `carrier_config` is an id or a name.
        """
        return self._loop.run(
            partial(
                self._inner.report,
                external_id,
                agent_id=agent_id,
                carrier_config=carrier_config,
                ttl=ttl,
            )
        )

    def end(self, external_id: str) -> bool:
        """Says that a call is over; False when it was not in progress any more, which may also
        be since the request had to be sent twice.
        """
        return self._loop.run(partial(self._inner.end, external_id))

    def list(self, *, page_size: int = 0) -> Pager[ExternalCall]:
        """Calls in progress, oldest first."""
        return Pager(self._loop, self._inner.list(page_size=page_size))


class Webhooks:
    """Endpoints that events are posted to, signed as Standard Webhooks has it."""

    def __init__(self, loop: LoopThread, inner: AsyncWebhooks) -> None:
        self._loop = loop
        self._inner: AsyncWebhooks = inner

    def create(
        self,
        url: str,
        *,
        event_types: Iterable[EventType.ValueType] = (),
        batch_end_states: Iterable[BatchState.ValueType] = (),
        agent_id: str = "",
        batch_id: str = "",
        webhook_format: WebhookFormat.ValueType = WEBHOOK_FORMAT_UNSPECIFIED,
        description: str = "",
        secret: str = "",
        request_id: str = "",
    ) -> CreateWebhookResponse:
        """Makes a webhook. The answer alone holds its `secret`.

        Without `event_types`, `agent_id` and `batch_id` it is told of everything, and without a
        `webhook_format` in our words; with `batch_end_states` of those ends of batches alone. A
        `secret` of your own is `whsec_` and base64; in the formats of others any text up to 120
        characters. ResourceExhaustedError (TOO_MANY_WEBHOOKS) when the account has 50.
        """
        return self._loop.run(
            partial(
                self._inner.create,
                url,
                event_types=tuple(event_types),
                batch_end_states=tuple(batch_end_states),
                agent_id=agent_id,
                batch_id=batch_id,
                webhook_format=webhook_format,
                description=description,
                secret=secret,
                request_id=request_id,
            )
        )

    def get(self, webhook_id: str, *, show_secret: bool = False) -> Webhook:
        """One webhook; its secret only where it is asked for, and for a key with the scope
        WRITE.
        """
        return self._loop.run(partial(self._inner.get, webhook_id, show_secret=show_secret))

    def list(self, *, agent_id: str = "", page_size: int = 0, skip: int = 0) -> Pager[Webhook]:
        """Webhooks, oldest first; with `agent_id` those that are of this agent alone."""
        return Pager(
            self._loop, self._inner.list(agent_id=agent_id, page_size=page_size, skip=skip)
        )

    def update(self, webhook: Webhook, fields: Iterable[str]) -> Webhook:
        """Writes those `fields` of `webhook`; AbortedError when its etag is out of date."""
        return self._loop.run(partial(self._inner.update, webhook, tuple(fields)))

    def delete(self, webhook_id: str) -> None:
        """Deletes a webhook, with what was still to be sent to it."""
        self._loop.run(partial(self._inner.delete, webhook_id))

    def rotate_secret(self, webhook_id: str, *, secret: str = "") -> RotateWebhookSecretResponse:
        """Makes a new secret, which the answer alone holds, or takes yours. The one before it
        signs, too, for 24 hours, in formats that have room for two signatures.
        """
        return self._loop.run(partial(self._inner.rotate_secret, webhook_id, secret=secret))

    def list_deliveries(
        self,
        webhook_id: str,
        *,
        states: Iterable[WebhookDeliveryState.ValueType] = (),
        batch_id: str = "",
        page_size: int = 0,
    ) -> Pager[WebhookDelivery]:
        """What became of the events that it was to be told of, newest first; of all states and
        batches unless some are named.
        """
        return Pager(
            self._loop,
            self._inner.list_deliveries(
                webhook_id, states=tuple(states), batch_id=batch_id, page_size=page_size
            ),
        )

    def redeliver(
        self, webhook_id: str, message_ids: Iterable[str]
    ) -> RedeliverWebhookEventsResponse:
        """Sends events again, in their order in each batch, by the `webhook-id` of their
        requests; at most 1,000. FailedPreconditionError (WEBHOOK_INACTIVE) while the webhook is
        not active.
        """
        return self._loop.run(partial(self._inner.redeliver, webhook_id, tuple(message_ids)))

    def redeliver_since(
        self, webhook_id: str, since: datetime, *, until: datetime | None = None, batch_id: str = ""
    ) -> RedeliverWebhookEventsResponse:
        """As `redeliver`, of all that happened from `since` on and before `until`, or now,
        whether it was ever sent or not. ResourceExhaustedError (REDELIVERY_TOO_LARGE) when more
        than 1,000 batches and direct calls have events in that time.
        """
        return self._loop.run(
            partial(self._inner.redeliver_since, webhook_id, since, until=until, batch_id=batch_id)
        )

    def send_test(self, webhook_id: str) -> SendTestWebhookResponse:
        """Sends one signed request of type TEST, and answers with what came of it."""
        return self._loop.run(partial(self._inner.send_test, webhook_id))


class Client:
    """A client of one Outdial server.

        with Client("127.0.0.1:50051", api_key="...") as client:
            agent = client.agents.create("Reminder")
            created = client.batches.create(
                NewBatch(agent_id=agent.agent_id, display_name="Monday"),
                [NewCall(address="+15551230001", template_context={"name": "Ada"})],
            )
            for update in client.batches.watch(created.batch.batch_id):
                print(update.counts)

    It connects at the first request. Errors of the server come as OutdialError.
    """

    accounts: Accounts
    agents: Agents
    batches: Batches
    scheduled_calls: ScheduledCalls
    calls: Calls
    suppressions: Suppressions
    throttles: Throttles
    contact_folders: ContactFolders
    contacts: Contacts
    phone_numbers: PhoneNumbers
    carrier_configs: CarrierConfigs
    external_calls: ExternalCalls
    webhooks: Webhooks

    def __init__(
        self,
        address: str | None = None,
        *,
        api_key: str | None = None,
        tls: bool | TlsConfig = False,
        timeout: timedelta = DEFAULT_TIMEOUT,
    ) -> None:
        """It works in a thread that all clients share.

        Args:
            address: Host and port; else `OUTDIAL_ADDRESS`, else 127.0.0.1:50051. Of several
                servers on one database `10.0.0.1:50051,10.0.0.2:50051`: one of them is
                talked to, and the next when that one goes away; a watch resumes there.
                ValueError for a list with names in it.
            api_key: Else `OUTDIAL_API_KEY`.
            tls: True for an encrypted connection, or the certificates to use for it.
            timeout: For each request, with its retries. Requests that store long
                lists or wait for carriers may take four times as long; a watch has
                no limit.
        """
        self._loop = shared_loop()
        self._inner = self._loop.call(
            partial(AsyncClient, address, api_key=api_key, tls=tls, timeout=timeout)
        )
        self.accounts = Accounts(self._loop, self._inner.accounts)
        self.agents = Agents(self._loop, self._inner.agents)
        self.batches = Batches(self._loop, self._inner.batches)
        self.scheduled_calls = ScheduledCalls(self._loop, self._inner.scheduled_calls)
        self.calls = Calls(self._loop, self._inner.calls)
        self.suppressions = Suppressions(self._loop, self._inner.suppressions)
        self.throttles = Throttles(self._loop, self._inner.throttles)
        self.contact_folders = ContactFolders(self._loop, self._inner.contact_folders)
        self.contacts = Contacts(self._loop, self._inner.contacts)
        self.phone_numbers = PhoneNumbers(self._loop, self._inner.phone_numbers)
        self.carrier_configs = CarrierConfigs(self._loop, self._inner.carrier_configs)
        self.external_calls = ExternalCalls(self._loop, self._inner.external_calls)
        self.webhooks = Webhooks(self._loop, self._inner.webhooks)

    def server_info(self) -> GetServerInfoResponse:
        """Version, features and limits of the server."""
        return self._loop.run(self._inner.server_info)

    def close(self) -> None:
        """Ends what is under way and disconnects."""
        self._loop.run(self._inner.close)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._loop.run(partial(self._inner.__aexit__, exc_type, exc, traceback))
