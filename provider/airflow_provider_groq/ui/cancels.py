"""Cancelling what a user names: a batch, or those of a job that are under way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.calls import Call
from airflow_provider_groq.api.client import AsyncGroqClient
from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.api.polled import Polled
from airflow_provider_groq.exceptions import GroqError, GroqNotFoundError

AT_ONCE = 16
"""How many questions about one batch each are under way at a time."""


class Cancelled(NamedTuple):
    """What became of a request to cancel.

    Attributes:
        batches: The batches as they stand since then.
        errors: Why some could not be cancelled.
    """

    batches: list[Batch]
    errors: list[GroqError]


def may_be_cancelled(batch: Batch) -> bool:
    """Whether the batch has neither ended nor been cancelled already."""
    return not batch.terminal and batch.status != BatchStatus.CANCELLING


async def poll(client: AsyncGroqClient, batch_ids: Sequence[str]) -> list[Batch]:
    """How these batches stand; those that Groq does not know are left out.

    Raises:
        GroqNotFoundError: It knows none of them.
        GroqError: It could not be asked.
    """
    if len(batch_ids) > 1:
        polled = Polled.joined([await client.send(call, max_retries=0) for call in calls.get_batches(batch_ids)])
        if polled.items and not polled.ignored:
            return [polled.batch(batch_id) for batch_id in polled.items]
    # One, or of a server that takes no notice of ids.
    answers = await _all(client, map(calls.get_batch, batch_ids))
    unknown = [answer for answer in answers if isinstance(answer, GroqNotFoundError)]
    for answer in answers:
        if isinstance(answer, GroqError) and (answer not in unknown or len(unknown) == len(answers)):
            raise answer
    return [answer for answer in answers if isinstance(answer, Batch)]


async def cancel(client: AsyncGroqClient, batches: Sequence[Batch]) -> Cancelled:
    """Ask Groq to cancel those of the batches that `may_be_cancelled`.

    Raises:
        GroqError: None of them could be cancelled.
    """
    under_way = [batch for batch in batches if may_be_cancelled(batch)]
    answers = await _all(client, (calls.cancel_batch(batch.id) for batch in under_way))
    errors = [answer for answer in answers if isinstance(answer, GroqError)]
    if errors and len(errors) == len(under_way):
        raise errors[0]
    now = {answer.id: answer for answer in answers if isinstance(answer, Batch)}
    return Cancelled([now.get(batch.id, batch) for batch in batches], errors)


async def _all(client: AsyncGroqClient, asked: Iterable[Call[Batch]]) -> list[Batch | GroqError]:
    """The answer to each question, or why there is none."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def answer(call: Call[Batch]) -> Batch | GroqError:
        async with gate:
            try:
                return await client.send(call, max_retries=0)
            except GroqError as error:
                return error

    return await asyncio.gather(*map(answer, asked))
