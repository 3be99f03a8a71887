"""What is said of several batches at once: a line for each would be hundreds."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping

from airflow_provider_groq.exceptions import GroqError

SHOWN = 5
"""So many are named."""


def names_of(batch_ids: Iterable[str]) -> str:
    """Which batches, for people: the first few of many by their ids."""
    ids = list(batch_ids)
    if len(ids) == 1:
        return f"batch {ids[0]}"
    more = f" and {len(ids) - SHOWN:,} more" if len(ids) > SHOWN else ""
    return f"{len(ids):,} batches ({', '.join(ids[:SHOWN])}{more})"


def left_report(batch_ids: Iterable[str], why: str) -> str:
    """A line for the log about batches that a killed task does not cancel."""
    ids = list(batch_ids)
    if len(ids) == 1:
        return f"Batch {ids[0]} keeps running at Groq: {why}."
    return f"{names_of(ids)} keep running at Groq: {why}."


def cancelling_report(results: Mapping[str, str | GroqError], why: str) -> list[tuple[int, str]]:
    """Lines for the log, with their levels, about batches that a killed task has cancelled.

    Args:
        results: The status of each batch since then, or the error.
        why: Why they were cancelled.
    """
    cancelled = {batch_id: status for batch_id, status in results.items() if isinstance(status, str)}
    failed = {batch_id: error for batch_id, error in results.items() if isinstance(error, GroqError)}
    lines = []
    if len(cancelled) == 1:
        lines += [(logging.INFO, f"Batch {batch_id} is {status}: {why}.") for batch_id, status in cancelled.items()]
    elif cancelled:
        lines.append((logging.INFO, f"{names_of(cancelled)} are cancelling or cancelled: {why}."))
    lines += [
        (logging.ERROR, f"Batch {batch_id} could not be cancelled and keeps running at Groq: {error}")
        for batch_id, error in list(failed.items())[:SHOWN]
    ]
    if len(failed) > SHOWN:
        lines.append((logging.ERROR, f"Could not cancel {names_of(list(failed)[SHOWN:])} either."))
    return lines
