"""The batches whose ids earlier tries have written down."""

from __future__ import annotations

import logging
from collections.abc import Collection
from contextlib import suppress

from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.exceptions import GroqError, GroqLookupError, GroqNotFoundError
from airflow_provider_groq.hooks.errors import retry_not_found
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.hooks.polls import BatchReader
from airflow_provider_groq.submission.lookup import WAY_OUT

log = logging.getLogger(__name__)


def recorded_batches(hook: GroqHook, batch_ids: Collection[str]) -> dict[str, Batch]:
    """Ask for them, as many in a request as Groq takes; those that it does not know any more are left out.

    Raises:
        GroqLookupError: Groq could not be asked, or refuses to be.
    """
    found: dict[str, Batch] = {}
    if batch_ids:
        with suppress(GroqNotFoundError):
            retry_not_found(_ask, hook.get_conn(), BatchReader(), batch_ids, found)
    for batch_id in batch_ids:
        if batch_id not in found:
            log.warning("Batch %s, which an earlier try created, no longer exists at Groq.", batch_id)
    return found


def _ask(client: GroqClient, reader: BatchReader, batch_ids: Collection[str], found: dict[str, Batch]) -> None:
    """Ask for those that have not been found yet.

    Raises:
        GroqNotFoundError: One of them was not found again.
    """
    missing: GroqNotFoundError | None = None
    unknown = [batch_id for batch_id in batch_ids if batch_id not in found]
    for batch_id, get in reader.each(client, unknown):
        try:
            found[batch_id] = get()
        except GroqNotFoundError as error:
            missing = error
        except GroqError as error:
            raise GroqLookupError(
                f"Batch {batch_id}, which an earlier try of this task created, could not be looked up: {error} "
                f"{WAY_OUT}",
                retryable=error.retryable,
            ) from error
    if missing:
        raise missing
