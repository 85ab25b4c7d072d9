"""An answer, read from a connection as its bytes come."""

from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

from outdial_server.outgoing.answer import ANSWER_MOST_BYTES, Answer

HEAD_MOST_BYTES: Final = 64 * 1024
"""Together with those before it (1xx), which only say that the answer is under way."""

_MOST_BYTES: Final = 4 * ANSWER_MOST_BYTES
"""Of an answer with all that stands around its body: pieces of a few bytes, and what comes behind
the last. Where it is longer, the body ends there."""

_FIRST_FINAL_STATUS: Final = 200


class UnreadableError(Exception):
    """It is no answer in HTTP/1, or its head has no end."""


class AnswerReader:
    """Reads the answers of one connection, one after another; `begin` comes before each."""

    def __init__(self) -> None:
        self._parser = HttpResponseParser(self)
        self.begin()

    def begin(self) -> None:
        self._bytes = 0
        self._is_kept = False
        self._has_more = False
        self._answer: Answer | None = None
        self._expect_head()

    def _expect_head(self) -> None:
        self._status = 0
        self._headers: list[tuple[bytes, bytes]] = []
        self._body = bytearray()
        self._is_head_whole = False

    @property
    def leaves_it_clean(self) -> bool:
        """Whether another request may follow on the same connection."""
        return self._answer is not None and self._is_kept and not self._has_more

    def feed(self, data: bytes) -> Answer | None:
        """The answer once it is whole, or as much of it as is kept. Raises
        UnreadableError."""
        self._bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            if self._answer is None:
                raise UnreadableError from error
            # Behind a whole answer may come what will.
            self._has_more = True
        if self._answer is not None:
            return self._answer
        if not self._is_head_whole and self._bytes > HEAD_MOST_BYTES:
            raise UnreadableError
        is_long = len(self._body) >= ANSWER_MOST_BYTES or self._bytes >= _MOST_BYTES
        return self._made() if is_long else None

    def end(self) -> Answer | None:
        """The answer if the end of the connection is its end too."""
        return self._made() if self._is_head_whole and self._ends_with_connection() else None

    def _ends_with_connection(self) -> bool:
        headers = dict(self._headers)
        if b"transfer-encoding" in headers:
            return not headers[b"transfer-encoding"].lower().endswith(b"chunked")
        return b"content-length" not in headers

    def _made(self) -> Answer:
        headers: dict[str, str] = {}
        for name, value in self._headers:
            headers.setdefault(name.decode("latin-1"), value.decode("latin-1"))
        return Answer(self._status, headers, bytes(self._body[:ANSWER_MOST_BYTES]))

    # --- what the parser calls -----------------------------------------------------

    def on_message_begin(self) -> None:
        self._has_more = self._answer is not None

    def on_header(self, name: bytes, value: bytes) -> None:
        # What comes behind the body is none of them.
        if not self._is_head_whole:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._is_head_whole = True
        if self._answer is None:
            self._status = self._parser.get_status_code()
            self._is_kept = self._parser.should_keep_alive()

    def on_body(self, piece: bytes) -> None:
        self._body += piece

    def on_message_complete(self) -> None:
        if self._answer is not None:
            return
        if self._status < _FIRST_FINAL_STATUS:
            self._expect_head()
        else:
            self._answer = self._made()
