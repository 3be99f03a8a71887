"""Polling running batches, 200 in a request, on servers that support that and on others."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.api.polled import Glance, Polled
from airflow_provider_groq.batches.poll_loop import NO_IDS_SECONDS, SINGLE_REQUESTS_AT_ONCE, Source
from airflow_provider_groq.batches.poll_queue import GROUP
from airflow_provider_groq.exceptions import (
    GroqAuthenticationError,
    GroqConnectionError,
    GroqError,
    GroqNotFoundError,
    GroqPermissionError,
    GroqRateLimitError,
    GroqTransportError,
)

NO_USE = (GroqAuthenticationError, GroqConnectionError, GroqRateLimitError, GroqTransportError)
"""Errors after which nothing more is asked for now."""

PARTS, MOST_PARTS = 4, 64
"""Into how many a request is divided that failed, for one batch in it may be at fault; and how many there may be."""


@dataclass
class Asked:
    """What was found out.

    Attributes:
        ended: Those that have ended.
        missing: Those that the server does not know.
        errors: Why others could not be asked for.
        parts: How many more requests may be made of those that failed.
    """

    ended: list[Batch] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    errors: dict[str, GroqError] = field(default_factory=dict)
    parts: int = MOST_PARTS


class Asker:
    """Asks for many batches, and remembers whether the server knows how to answer for many.

    Args:
        source: Where batches are asked for.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._slots = asyncio.Semaphore(SINGLE_REQUESTS_AT_ONCE)
        self._one_by_one_until = float("-inf")

    async def ask(self, batch_ids: Sequence[str]) -> Asked:
        """Ask for all of these.

        Raises:
            GroqError: One of `NO_USE`.
        """
        asked = Asked()
        for start in range(0, len(batch_ids), GROUP):
            await self._ask(batch_ids[start : start + GROUP], asked)
        return asked

    async def _ask(self, group: Sequence[str], asked: Asked) -> None:
        if len(group) == 1 or time.monotonic() < self._one_by_one_until:
            await self._ask_singly(group, asked)
            return
        try:
            polled = await self._source.poll(group)
        except NO_USE:
            raise
        except GroqError as error:
            await self._ask_in_parts(group, asked, error)
            return
        for batch_id in polled.items:
            _take(polled, batch_id, asked)
        others = [batch_id for batch_id in group if batch_id not in polled.items]
        if polled.ignored:
            self._one_by_one_until = time.monotonic() + NO_IDS_SECONDS
            await self._ask_singly(others, asked)
        else:
            asked.missing += others

    async def _ask_in_parts(self, group: Sequence[str], asked: Asked, error: GroqError) -> None:
        size = -(-len(group) // PARTS)
        for start in range(0, len(group), size):
            part = group[start : start + size]
            if asked.parts > 0:
                asked.parts -= 1
                await self._ask(part, asked)
            else:
                asked.errors |= dict.fromkeys(part, error)

    async def _ask_singly(self, group: Sequence[str], asked: Asked) -> None:
        results = await asyncio.gather(*map(self._ask_for_one, group))
        for batch_id, result in zip(group, results, strict=True):
            if isinstance(result, NO_USE):
                raise result
            if isinstance(result, GroqNotFoundError | GroqPermissionError):
                # The listing had it: if it is another account's now, this connection will not see it again.
                asked.missing.append(batch_id)
            elif isinstance(result, GroqError):
                asked.errors[batch_id] = result
            elif result.terminal:
                asked.ended.append(result)

    async def _ask_for_one(self, batch_id: str) -> Batch | GroqError:
        async with self._slots:
            try:
                return await self._source.get(batch_id)
            except GroqError as error:
                return error


def _take(polled: Polled, batch_id: str, asked: Asked) -> None:
    try:
        answer: Batch | Glance = polled.glance(batch_id)
    except GroqError as error:
        asked.errors[batch_id] = error
        return
    if isinstance(answer, Batch) and answer.terminal:
        asked.ended.append(answer)
