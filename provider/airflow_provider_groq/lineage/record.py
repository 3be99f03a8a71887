"""What a task records while it runs, for the lineage of its data."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from itertools import islice
from typing import Any, ParamSpec

from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.api.text import one_line
from airflow_provider_groq.batches.tokens import MAX_NAME_CHARS
from airflow_provider_groq.jobs.amounts import Amount
from airflow_provider_groq.lineage.names import account_of

log = logging.getLogger(__name__)

MAX_MODELS = 20

MAX_PATHS = 100
"""Of how many paths of a list it is told what was read, and of how many datasets an event tells at the most."""


P = ParamSpec("P")


def _harmless(note: Callable[P, None]) -> Callable[P, None]:
    """Log what it raises: a task that has paid, and may have landed its answers, does not fail for its lineage."""

    @wraps(note)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            note(*args, **kwargs)
        except Exception:
            log.exception("What this task read or wrote could not be recorded for OpenLineage. The task continues.")

    return wrapper


@dataclass
class Record:
    """What a running task has read, sent and landed: paths, ids and numbers, never a row, an error or a key.

    Attributes:
        read: How much was read, by path, as the argument names it.
        written: How much was written, likewise.
        batches: What is known of each batch, by its id.
        models: The models of the requests.
        requests: How many requests or rows ended in each way.
        tokens: Those used, by model.
        more: What only jobs know, such as the number of rounds.
        accounts: The Azure storage account of each container.
    """

    read: dict[str, Amount] = field(default_factory=dict)
    written: dict[str, Amount] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: list[str] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)
    tokens: dict[str, dict[str, int]] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    accounts: dict[str, str] = field(default_factory=dict)

    @_harmless
    def note_storage(self, *paths: Any) -> None:
        """Note what only the storage of paths knows, and a dataset's name needs; they have been reached before."""
        for path in paths:
            self.accounts |= account_of(path)

    def note_models(self, models: Iterable[str]) -> None:
        """Note which models were asked."""
        names = dict.fromkeys([*self.models, *(one_line(model, MAX_NAME_CHARS) for model in models)])
        self.models = list(names)[:MAX_MODELS]

    def note_ids(self, batch_ids: Iterable[str], **more: Any) -> None:
        """Note batches of which nothing else is known yet."""
        for batch_id in batch_ids:
            self.batches.setdefault(batch_id, {}).update(more)

    def note_batch(self, batch: Batch) -> None:
        """Note the status of a batch."""
        counts = batch.request_counts
        told: dict[str, Any] = {"status": batch.status}
        if counts.total:
            told["requests"] = {"total": counts.total, "completed": counts.completed, "failed": counts.failed}
        self.note_ids([batch.id], **told)

    def note_input(self, path: Any, rows: int | None, size: int | None, models: Iterable[str]) -> None:
        """Note the checked input of a batch."""
        if path is not None:
            self.note_read({str(path): Amount(rows, size, 1)})
            self.note_storage(path)
        if rows is not None:
            self.requests = {"total": rows}
        self.note_models(models)

    def note_read(self, amounts: Mapping[str, Amount]) -> None:
        """Note how much was read, of as many paths as may be reported."""
        self.read = dict(islice(amounts.items(), MAX_PATHS))

    @_harmless
    def note_download(self, manifest: Mapping[str, Any], path: Any) -> None:
        """Note the results of a batch that have been landed."""
        files = [manifest[name]["bytes"] for name in ("output", "errors") if manifest[name]]
        requests = manifest["requests"]
        self.written[str(path)] = Amount(requests["total"] - requests["missing"], sum(files), len(files))
        self.requests = dict(requests)
        self._note_tokens(manifest)

    @_harmless
    def note_job(self, manifest: Mapping[str, Any], path: Any) -> None:
        """Note the answers of a job that have been landed."""
        parts = manifest["parts"]
        self.written[str(path)] = Amount(manifest["rows"]["total"], sum(part["bytes"] for part in parts), len(parts))
        for batch in manifest["batches"]:
            if batch["id"]:
                self.note_ids([batch["id"]], round=batch["round"])
        self.requests = dict(manifest["rows"])
        self.more = {
            "rounds": len(manifest["rounds"]),
            "reused": manifest["reused"],
            "duplicates": manifest["duplicates"],
            "cost": manifest["cost"],
        }
        self._note_tokens(manifest)

    def sent(self) -> dict[str, Any] | None:
        """What the process that resumes the task could not know about the input."""
        if not self.read and not self.models:
            return None
        return {
            "read": {path: list(amount) for path, amount in self.read.items()},
            "models": self.models,
            "accounts": self.accounts,
        }

    def note_sent(self, sent: Mapping[str, Any] | None) -> None:
        """Note what `sent` said in the process that deferred the task."""
        if sent is not None:
            self.note_read({path: Amount(*amount) for path, amount in sent["read"].items()})
            self.note_models(sent["models"])
            self.accounts |= sent["accounts"]

    def _note_tokens(self, manifest: Mapping[str, Any]) -> None:
        self.tokens = {model: dict(counts) for model, counts in manifest["tokens"].items()}
        self.note_models(self.tokens)
