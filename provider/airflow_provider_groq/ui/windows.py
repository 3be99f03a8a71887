"""A window on an account's batches: some pages of Groq's listing, and the same again some seconds later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.calls import Call
from airflow_provider_groq.api.client import AsyncGroqClient
from airflow_provider_groq.api.models import Batch, Page
from airflow_provider_groq.api.polled import Polled
from airflow_provider_groq.exceptions import GroqInputError, GroqResponseError

BATCHES = 200
"""A window is as many of Groq's pages as hold so many batches: all shards of a large job, and no more than one request
asks for anew."""

MOST_BATCHES = 2 * BATCHES
"""A window to which so many have come is read anew, so that it does not grow for ever."""

PATIENCE = 5.0
"""Seconds after which no further page is asked for."""

MAX_CURSOR_CHARS = 2_000

BATCH_CHARS = 1_000
"""What a batch counts as that has neither metadata nor errors."""


@dataclass(frozen=True, slots=True)
class Window:
    """Some of an account's batches, newest first.

    Attributes:
        batches: The batches.
        older: The cursor of the window that follows; None for none.
        left_out: How many batches of the listing could not be read.
        asked_at: Unix time at which Groq was asked.
        questions: How many requests that took.
        chars: How much text the batches hold, more or less: what sets a small window apart from a large one.
    """

    batches: tuple[Batch, ...]
    older: str | None
    left_out: int
    asked_at: float
    questions: int
    chars: int = 0

    @property
    def open_ids(self) -> list[str]:
        """The batches that have not ended."""
        return [batch.id for batch in self.batches if not batch.terminal]

    def replaced(self, batches: Mapping[str, Batch]) -> Window:
        """The same window, with what later polls returned of some of its batches."""
        return replace(self, batches=tuple(batches.get(batch.id, batch) for batch in self.batches))


async def read_window(client: AsyncGroqClient, cursor: str | None, before: Window | None = None) -> Window:
    """Ask Groq for a window.

    Args:
        client: Groq.
        cursor: Where it begins, as an earlier window's ``older`` says; None for the newest batches.
        before: The same window, asked for earlier: then only for what may have changed is asked.

    Raises:
        GroqInputError: The cursor is none.
        GroqError: Groq could not be asked.
    """
    window = await _read(client, cursor, before)
    return await asyncio.to_thread(_measured, window)


async def _read(client: AsyncGroqClient, cursor: str | None, before: Window | None) -> Window:
    call = _call_of(cursor)
    if before is None:
        return await _walk(client, call)
    if cursor is not None:
        return await _look_again(client, before, 0) or await _walk(client, call)
    first = await client.send(call, max_retries=0)
    joined = _joined(first, before)
    if joined is None:
        return await _walk(client, call, first)
    known = {batch.id for batch in first.data}
    return await _look_again(client, joined, 1, known) or await _walk(client, call, first)


async def _walk(client: AsyncGroqClient, call: Call[Page[Batch]], first: Page[Batch] | None = None) -> Window:
    """Read pages from a call on; `first` is its answer, if that is known."""
    began, clock = time.time(), asyncio.get_running_loop().time
    stop_at = clock() + PATIENCE
    page = await client.send(call, max_retries=0) if first is None else first
    batches: dict[str, Batch] = {}
    questions, left_out = 1, 0
    while True:
        new = [batch for batch in page.data if batch.id not in batches]
        batches |= {batch.id: batch for batch in new}
        left_out += len(page.left_out)
        following = calls.following_page(page, new)
        if following is None or len(batches) >= BATCHES or clock() > stop_at:
            return Window(tuple(batches.values()), _cursor_of(following), left_out, began, questions)
        page = await client.send(following, max_retries=0)
        questions += 1


def _joined(first: Page[Batch], before: Window) -> Window | None:
    """The newest window with what its first page has now; None if the two do not meet, or it has grown too long."""
    new = {batch.id: batch for batch in first.data}
    known = {batch.id for batch in before.batches}
    rest = tuple(batch for batch in before.batches if batch.id not in new)
    goes_on = calls.following_page(first, first.data) is not None
    if goes_on and not (known & new.keys() and len(rest) + len(new) <= MOST_BATCHES):
        return None
    batches = (*new.values(), *rest) if goes_on else tuple(new.values())
    return replace(before, batches=batches, older=before.older if goes_on else None)


async def _look_again(
    client: AsyncGroqClient, window: Window, questions: int, known: Iterable[str] = ()
) -> Window | None:
    """Ask again for the batches that have not ended, but for those of which it is known how they stand.

    Returns:
        None if the server does not know how to be asked for many batches by their ids.
    """
    began = time.time()
    asked = set(window.open_ids) - set(known)
    answers = [await client.send(call, max_retries=0) for call in calls.get_batches(asked)]
    polled = Polled.joined(answers)
    if polled.ignored:
        return None
    batches = {batch_id: batch for batch_id in polled.items if (batch := _readable(polled, batch_id))}
    return replace(window.replaced(batches), asked_at=began, questions=questions + len(answers))


def _readable(polled: Polled, batch_id: str) -> Batch | None:
    try:
        return polled.batch(batch_id)
    except GroqResponseError:
        return None


def _measured(window: Window) -> Window:
    return replace(window, chars=sum(BATCH_CHARS + _text_of(batch) for batch in window.batches))


def _text_of(batch: Batch) -> int:
    texts = (text or "" for error in batch.errors for text in (error.code, error.message, error.param))
    return sum(map(len, chain(*batch.metadata.items(), texts)))


def _call_of(cursor: str | None) -> Call[Page[Batch]]:
    """What a cursor of ours stands for: it says how the server pages, and where."""
    if cursor is None:
        return calls.list_batches()
    kind, separator, value = cursor.partition(":")
    if kind not in {"cursor", "after"} or not value or not separator or len(cursor) > MAX_CURSOR_CHARS:
        raise GroqInputError("This page of batches does not exist.")
    return calls.list_batches(value) if kind == "cursor" else calls.list_batches(after=value)


def _cursor_of(call: Call[Page[Batch]] | None) -> str | None:
    return ":".join(call.params[0]) if call and call.params else None
