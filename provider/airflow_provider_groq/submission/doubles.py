"""Batches of which a task has more than one for the same claim: the oldest is kept, the others are cancelled."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from airflow_provider_groq import telemetry
from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.batches.identity import Claim, oldest
from airflow_provider_groq.exceptions import GroqError
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.submission.wave import UPLOADS_AT_ONCE

log = logging.getLogger(__name__)


def only_ones(hook: GroqHook, batches: Mapping[Claim, Sequence[Batch]]) -> dict[Claim, Batch]:
    """The oldest batch of each claim that has any, after its doubles are cancelled."""
    kept = {claim: first for claim, several in batches.items() if (first := oldest(several))}
    doubles = [
        (double, kept[claim])
        for claim, several in batches.items()
        for double in several
        if double.id != kept[claim].id and not double.terminal and double.status != BatchStatus.CANCELLING
    ]

    def cancel(pair: tuple[Batch, Batch]) -> None:
        double, other = pair
        try:
            hook.cancel_batch(double.id)
        except GroqError as error:
            log.error("Batch %s, a duplicate of %s, could not be cancelled: %s", double.id, other.id, error)  # noqa: TRY400
        else:
            telemetry.double_cancelled(hook.groq_conn_id)
            log.warning("Batch %s was cancelled: it duplicates the older %s.", double.id, other.id)

    if len(doubles) > 1:
        with ThreadPoolExecutor(UPLOADS_AT_ONCE) as pool:
            list(pool.map(cancel, doubles))
    else:
        list(map(cancel, doubles))
    return kept
