"""Groq's answers about the batches of a connection, shared by all requests within some seconds."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.api.text import one_line
from airflow_provider_groq.exceptions import GroqRateLimitError
from airflow_provider_groq.ui.connections import Connections, account_of, client_of
from airflow_provider_groq.ui.windows import Window, read_window

log = logging.getLogger(__name__)

FRESH_SECONDS = 5.0
"""For how long an answer serves; one that is asked for again, for each request that it took: 12 requests a minute."""

SETTLED_SECONDS = 300.0
"""The same for an older window whose batches have all ended: nothing in it can change."""

LONGEST_PAUSE = 60.0
"""For how long Groq is left alone at most, if it asks for that."""

MAX_WINDOWS = 64

MAX_CHARS = 32_000_000
"""How large all windows may be together, as `Window.chars` counts. In memory they take some times as much."""

MAX_ASKED_AT_ONCE = 8
"""So many questions about a connection may be under way: each is several requests to Groq."""


class Key(NamedTuple):
    """What a window is of: another key in the connection leads to another account, of which nothing is known yet."""

    conn_id: str
    account: str
    cursor: str | None


@dataclass(slots=True)
class _Question:
    """A window that is being asked for, or has been.

    Attributes:
        task: The question.
        window: The last answer.
        fresh_until: Until when it serves, on the loop's clock.
    """

    task: asyncio.Task[Window]
    window: Window | None
    fresh_until: float = float("inf")


class Account:
    """The batches of all connections that the page has shown; one for each event loop."""

    def __init__(self) -> None:
        self._connections = Connections()
        self._questions: dict[Key, _Question] = {}
        self._asking: dict[asyncio.Task[Window], str] = {}
        self._quiet_until: dict[str, float] = {}

    async def window(self, conn_id: str, cursor: str | None = None) -> tuple[Window, float]:
        """A window on the batches of a connection, and the seconds for which it serves.

        Args:
            conn_id: The connection.
            cursor: Where the window begins; see `read_window`.

        Raises:
            AirflowNotFoundException: There is no such connection.
            GroqError: Groq could not be asked, or is asked too much already.
            TimeoutError: It did not answer in time.
        """
        settings = await self._connections.settings(conn_id)
        clock = asyncio.get_running_loop().time
        key = Key(conn_id, account_of(settings), cursor)
        question = self._questions.get(key)
        if question is None or clock() >= question.fresh_until:
            question = self._ask(key, settings, question.window if question else None)
        # Closing the tab does not end the question for the others.
        window = await asyncio.shield(question.task)
        return question.window or window, max(0.0, question.fresh_until - clock())

    def saw(self, conn_id: str, batches: Iterable[Batch]) -> None:
        """Tell of some batches how they stand now."""
        seen = {batch.id: batch for batch in batches}
        for key, question in self._questions.items():
            if key.conn_id == conn_id and question.window:
                question.window = question.window.replaced(seen)

    def _ask(self, key: Key, settings: Settings, before: Window | None) -> _Question:
        loop = asyncio.get_running_loop()
        self._refuse(key, loop.time())
        # Without the log and the trace of the request that happens to come first.
        task = contextvars.Context().run(loop.create_task, _read(settings, key.cursor, before))
        question = _Question(task, before)
        self._questions.pop(key, None)
        self._questions[key] = question
        self._asking[task] = key.conn_id
        task.add_done_callback(self._asking.pop)
        task.add_done_callback(lambda done: self._ended(key, question, done, again=before is not None))
        self._forget(key)
        return question

    def _refuse(self, key: Key, now: float) -> None:
        """Leave Groq alone where it asks for that, and where it is asked much already.

        Raises:
            GroqRateLimitError: Groq asked to wait, and that time is not over.
        """
        self._quiet_until = {account: until for account, until in self._quiet_until.items() if until > now}
        if key.account in self._quiet_until:
            left = self._quiet_until[key.account] - now
            raise GroqRateLimitError(f"Groq is limiting requests. The page retries in {left:.0f} s.", status_code=429)
        if sum(asked_by == key.conn_id for asked_by in self._asking.values()) >= MAX_ASKED_AT_ONCE:
            raise GroqRateLimitError(
                "Too many pages of this connection are being read. Try again in a moment.", status_code=429
            )

    def _forget(self, newest: Key) -> None:
        """Forget answers of other accounts than the connection's, and the oldest beyond the limit.

        The newest window of a connection, which most look at, stays longest.
        """
        for key in [key for key in self._questions if key.conn_id == newest.conn_id and key.account != newest.account]:
            del self._questions[key]
        chars = sum(question.window.chars for question in self._questions.values() if question.window)
        for key in sorted(self._questions, key=lambda key: key.cursor is None):  # the oldest of each kind first
            if len(self._questions) <= MAX_WINDOWS and chars <= MAX_CHARS:
                return
            if key != newest:
                window = self._questions.pop(key).window
                chars -= window.chars if window else 0

    def _ended(self, key: Key, question: _Question, task: asyncio.Task[Window], *, again: bool) -> None:
        """Keep what came, for as long as it serves; an error too, or each tab would ask a Groq that is silent."""
        now = task.get_loop().time()
        if task.cancelled():
            question.fresh_until = now
            return
        error = task.exception()
        if error is not None:
            log.warning(
                "The page of batches could not be refreshed: %s",
                one_line(str(error), 500) or "no answer in time",
            )
            question.fresh_until = now + FRESH_SECONDS
            if isinstance(error, GroqRateLimitError) and error.retry_after:
                self._quiet_until[key.account] = now + min(error.retry_after, LONGEST_PAUSE)
            return
        question.window = window = task.result()
        settled = key.cursor is not None and not window.open_ids
        fresh = FRESH_SECONDS * (max(1, window.questions) if again else 1)
        question.fresh_until = now + (SETTLED_SECONDS if settled else fresh)
        if self._questions.get(key) is question:
            self._forget(key)


async def _read(settings: Settings, cursor: str | None, before: Window | None) -> Window:
    async with client_of(settings) as client:
        return await read_window(client, cursor, before)
