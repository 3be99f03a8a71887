"""What the page shows of batches: their pace, and the batches of one task together with their sum. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.batches.console import console_url
from airflow_provider_groq.batches.identity import INPUT_KEY, ROUND_KEY, TASK_KEY, Identity
from airflow_provider_groq.batches.outcome import batch_problem, warning
from airflow_provider_groq.batches.polling import ended_at

OPEN, ENDED = "open", "ended"
"""What a filter may name instead of one status."""

LATEST = 253_402_300_799
"""The last second of the year 9999, in Unix time. Some servers send microseconds, of which browsers make no time."""

Json = dict[str, Any]


def groups_of(batches: Iterable[Batch]) -> list[list[Batch]]:
    """The batches of each task together, in the order of the first of each; one that names no task is alone."""
    groups: dict[tuple[str, str], list[Batch]] = {}
    for batch in batches:
        task = batch.metadata.get(TASK_KEY)
        groups.setdefault(("task", task) if task else ("batch", batch.id), []).append(batch)
    return [*groups.values()]


def has_status(batch: Batch, wanted: str) -> bool:
    """Whether a batch is what a filter asks for: a status, `OPEN`, `ENDED` or "" for any."""
    if wanted in {OPEN, ENDED}:
        return batch.terminal == (wanted == ENDED)
    return not wanted or batch.status == wanted


def group_row(
    batches: Sequence[Batch],
    *,
    owners: Mapping[str, Identity],
    dags: Mapping[str, str],
    may_cancel: frozenset[str],
    now: float,
) -> Json:
    """What is shown of the batches of one task.

    Args:
        batches: The batches, newest first.
        owners: The task instances of this Airflow that made them, by batch.
        dags: The Dags of this Airflow that made them, by batch.
        may_cancel: Those that the user may cancel.
        now: Unix time.
    """
    rows = [
        batch_row(batch, now=now)
        | {"owner": _owner(batch, owners.get(batch.id), dags.get(batch.id)), "may_cancel": batch.id in may_cancel}
        for batch in batches
    ]
    return {"batches": rows, "sum": _sum(batches, rows) if len(rows) > 1 else None}


def batch_row(batch: Batch, *, now: float) -> Json:
    """What is shown of one batch.

    Args:
        batch: The batch.
        now: Unix time.
    """
    counts = batch.request_counts
    rate = _rate(batch, now)
    working = batch.status == BatchStatus.IN_PROGRESS
    left = (counts.total - counts.done) / rate if rate and working and counts.total > counts.done else None
    return {
        "id": batch.id,
        "status": batch.status,
        "ended": batch.terminal,
        "job": ROUND_KEY in batch.metadata,
        "total": counts.total,
        "done": counts.done,
        "failed": counts.failed,
        "created_at": moment(batch.created_at),
        "ended_at": moment(_ended_at(batch)),
        "expires_at": moment(batch.expires_at),
        "per_minute": None if rate is None else round(rate * 60, 2),
        "seconds_left": None if left is None else round(left, 1),
        "note": str(batch_problem(batch) or warning(batch)) if batch.terminal else "",
        "console": console_url(batch.id),
    }


def moment(unix_time: int | None) -> int | None:
    """A time that a browser can show; None for any other."""
    return unix_time if unix_time is not None and 0 <= unix_time <= LATEST else None


def _ended_at(batch: Batch) -> int | None:
    return ended_at(batch) if batch.terminal else None


def _rate(batch: Batch, now: float) -> float | None:
    """Requests a second since Groq began with the batch; None where that says nothing."""
    began = batch.in_progress_at or batch.created_at
    ended = _ended_at(batch) or batch.cancelling_at or batch.finalizing_at or now
    if began is None or not batch.request_counts.done or ended <= began:
        return None
    return batch.request_counts.done / (ended - began)


def _owner(batch: Batch, owner: Identity | None, dag_id: str | None) -> Json | None:
    """Whose the batch is: what it says, and how far this Airflow knows it."""
    names = {key: batch.metadata.get(f"airflow_{key}", "") for key in ("dag_id", "task_id", "run_id", "map_index")}
    if not names["dag_id"]:
        return None
    return names | {"known": "task" if owner else "dag" if dag_id else ""}


def _sum(batches: Sequence[Batch], rows: Sequence[Json]) -> Json:
    """All batches of a task as one: of those made of one input in one round, the newest counts."""
    counted: dict[tuple[str, str], Json] = {}
    for batch, row in zip(batches, rows, strict=True):
        attempt = batch.metadata.get(ROUND_KEY, "").rpartition(".")[0]
        counted.setdefault((batch.metadata.get(INPUT_KEY, batch.id), attempt), row)
    parts = counted.values()
    total, done, failed = (sum(part[name] for part in parts) for name in ("total", "done", "failed"))
    under_way = [part for part in parts if not part["ended"]]
    per_minute = sum(part["per_minute"] or 0 for part in under_way)
    left = sum(part["total"] - part["done"] for part in under_way)
    began = [row["created_at"] for row in rows if row["created_at"]]
    ends = [row["ended_at"] for row in rows if row["ended_at"]]
    return {
        "statuses": dict(Counter(row["status"] for row in rows)),
        "ended": not under_way,
        "total": total,
        "done": done,
        "failed": failed,
        "created_at": min(began, default=None),
        "ended_at": max(ends, default=None) if not under_way else None,
        "per_minute": round(per_minute, 2) or None,
        "seconds_left": round(left / per_minute * 60, 1) if left and per_minute else None,
    }
