"""What Groq says of the batches of a connection, asked for once for all who look within some seconds."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from airflow_provider_groq.api.client import AsyncGroqClient
from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.api.text import one_line
from airflow_provider_groq.compat import BaseHook, mask_secret
from airflow_provider_groq.exceptions import GroqConnectionError, GroqRateLimitError
from airflow_provider_groq.hooks.connection import settings_of
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.ui.windows import Window, read_window

log = logging.getLogger(__name__)

FRESH_SECONDS = 5.0
"""For how long an answer serves; one that is asked for again, for each request that it took: 12 requests a minute."""

SETTLED_SECONDS = 300.0
"""The same for an older window whose batches have all ended: nothing in it can change."""

LONGEST_PAUSE = 60.0
"""For how long Groq is left alone at most, if it asks for that."""

PATIENCE = 10.0
"""Seconds within which Groq must have answered."""

MAX_WINDOWS = 64

MAX_ASKED_AT_ONCE = 8
"""So many questions about a connection may be under way: each is several requests to Groq."""


@asynccontextmanager
async def client_of(conn_id: str) -> AsyncIterator[AsyncGroqClient]:
    """A client with the key of a connection of type ``groq``, and `PATIENCE` to use it.

    Raises:
        AirflowNotFoundException: There is no such connection.
        GroqConnectionError: It is of another type, or cannot be used.
        TimeoutError: The time has passed.
    """
    async with asyncio.timeout(PATIENCE), await asyncio.to_thread(_client, conn_id) as client:
        yield client


def _client(conn_id: str) -> AsyncGroqClient:
    connection = BaseHook.get_connection(conn_id)
    if connection.conn_type != GroqHook.conn_type:  # its password is not for the host that it names
        raise GroqConnectionError(
            f"Connection {conn_id!r} is of type {connection.conn_type or ''!r}; this page shows those of type 'groq'."
        )
    settings = settings_of(f"connection {conn_id!r}", connection, connection.extra_dejson)
    if settings.headers:  # the password is masked by Airflow
        mask_secret([*settings.secrets])
    return AsyncGroqClient(settings)


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
    """The batches of all connections, as far as somebody has looked at them; one for each event loop."""

    def __init__(self) -> None:
        self._questions: dict[tuple[str, str | None], _Question] = {}
        self._asking: dict[asyncio.Task[Window], str] = {}

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
        clock = asyncio.get_running_loop().time
        question = self._questions.get((conn_id, cursor))
        if question is None or clock() >= question.fresh_until:
            question = self._ask(conn_id, cursor, question.window if question else None)
        # Whoever closes the tab does not end the question for the others.
        window = await asyncio.shield(question.task)
        return question.window or window, max(0.0, question.fresh_until - clock())

    def saw(self, conn_id: str, batch: Batch) -> None:
        """Tell of a batch how it stands now."""
        for (asked_by, _), question in self._questions.items():
            if asked_by == conn_id and question.window:
                question.window = question.window.replaced({batch.id: batch})

    def _ask(self, conn_id: str, cursor: str | None, before: Window | None) -> _Question:
        loop = asyncio.get_running_loop()
        if sum(asked_by == conn_id for asked_by in self._asking.values()) >= MAX_ASKED_AT_ONCE:
            raise GroqRateLimitError(
                "Too many pages of this connection are being read. Try again in a moment.", status_code=429
            )
        # Without the log and the trace of the request that happens to come first.
        task = contextvars.Context().run(loop.create_task, _read(conn_id, cursor, before))
        question = _Question(task, before)
        self._questions.pop((conn_id, cursor), None)
        self._questions[conn_id, cursor] = question
        if len(self._questions) > MAX_WINDOWS:  # the newest window of a connection, which most look at, stays longest
            older = (key for key in self._questions if key[1] is not None)
            del self._questions[next(older, next(iter(self._questions)))]
        self._asking[task] = conn_id
        task.add_done_callback(self._asking.pop)
        task.add_done_callback(lambda done: _ended(question, done, cursor, again=before is not None))
        return question


async def _read(conn_id: str, cursor: str | None, before: Window | None) -> Window:
    async with client_of(conn_id) as client:
        return await read_window(client, cursor, before)


def _ended(question: _Question, task: asyncio.Task[Window], cursor: str | None, *, again: bool) -> None:
    """Keep what came, for as long as it serves; an error too, or each tab would ask a Groq that is silent."""
    now = task.get_loop().time()
    if task.cancelled():
        question.fresh_until = now
        return
    error = task.exception()
    if error is not None:
        log.warning(
            "The page of batches could not be brought up to date: %s", one_line(str(error), 500) or "no answer in time"
        )
        pause = (error.retry_after if isinstance(error, GroqRateLimitError) else None) or 0.0
        question.fresh_until = now + max(FRESH_SECONDS, min(pause, LONGEST_PAUSE))
        return
    question.window = window = task.result()
    settled = cursor is not None and not window.open_ids
    fresh = FRESH_SECONDS * (max(1, window.questions) if again else 1)
    question.fresh_until = now + (SETTLED_SECONDS if settled else fresh)
