"""Why requests of a batch failed, read from its error file."""

from __future__ import annotations

import logging

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.batches import reasons
from airflow_provider_groq.batches.outcome import has_reasons
from airflow_provider_groq.exceptions import GroqError

log = logging.getLogger(__name__)


def failure_reasons(settings: Settings, batch: Batch) -> str:
    """What `GroqHook.failure_reasons` says."""
    if batch.error_file_id is None or not has_reasons(batch):
        return ""
    try:
        with GroqClient(settings.hurried(reasons.SECONDS)) as client:
            call = calls.file_content(batch.error_file_id)
            head, whole = client.head(call, max_bytes=reasons.MAX_BYTES, seconds=reasons.SECONDS)
    except GroqError as error:
        log.info("Why requests of batch %s failed could not be read: %s", batch.id, error)
        return ""
    return reasons.summary(head, whole=whole)
