"""Whose a batch is: the task that made it, and the input that it was made of.

Both travel in the batch's metadata and in the input file's name, so that a task that was interrupted finds
on Groq what it has made. Nothing in them changes from one try of a task to the next.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.batches.options import MAX_METADATA, MAX_VALUE_CHARS
from airflow_provider_groq.batches.outcome import nothing_succeeded, results_pending
from airflow_provider_groq.exceptions import GroqInputError

TASK_KEY, INPUT_KEY = "airflow_task", "airflow_input"
"""The metadata by which a batch is found again."""

ROUND_KEY = "airflow_round"
"""Likewise, for a batch that is one of many of its task."""

READABLE_KEYS = ("airflow_dag_id", "airflow_task_id", "airflow_run_id", "airflow_map_index")
"""The metadata that tells a person whose the batch is; left out as far as there is no room for it."""

HEX_CHARS = 32
"""128 bits of a hash: as much as never meets another by chance."""

STEM_CHARS = 100

FILES_KEPT = 30 * 86_400.0
"""Seconds for which Groq keeps files: an older batch has no results to land."""

NOT_WANTED = frozenset({BatchStatus.FAILED, BatchStatus.CANCELLING, BatchStatus.CANCELLED})


@dataclass(frozen=True, slots=True)
class Identity:
    """A task instance of Airflow, identified by what all of its tries share.

    Attributes:
        dag_id: The Dag.
        task_id: The task.
        run_id: The Dag run.
        map_index: Which of the task's mapped instances; -1 if it is not mapped.
        only: Set to something unique, this is an identity that no other try shares.
    """

    dag_id: str
    task_id: str
    run_id: str
    map_index: int = -1
    only: str = ""

    @property
    def key(self) -> str:
        """The same for each try of this task instance, and for no other."""
        return _hash(json.dumps([self.dag_id, self.task_id, self.run_id, self.map_index, self.only]))

    def readable(self) -> dict[str, str]:
        """For people."""
        values = (self.dag_id, self.task_id, self.run_id, str(self.map_index))
        named = zip(READABLE_KEYS, values, strict=True)
        return {key: value[:MAX_VALUE_CHARS] for key, value in named}


@dataclass(frozen=True, slots=True)
class Claim:
    """What a task has a right to exactly one batch of: itself and one input.

    Attributes:
        identity: The task.
        input_digest: What identifies its input, as `digest_of_file` or a `Summary` has it.
        attempt: Of a task that makes many batches: which round and attempt the batch is of, such as ``2.1``.
    """

    identity: Identity
    input_digest: str
    attempt: str = ""

    @property
    def input_key(self) -> str:
        """The input's digest, as it is written down."""
        return self.input_digest[:HEX_CHARS]

    @property
    def mark(self) -> dict[str, str]:
        """The metadata that every batch of this claim has, and no other."""
        mark = {TASK_KEY: self.identity.key, INPUT_KEY: self.input_key}
        return mark | {ROUND_KEY: self.attempt} if self.attempt else mark

    def metadata(self, given: Mapping[str, str] | None) -> dict[str, str]:
        """What a batch of this claim carries, beside what the user gives it."""
        both = {**(given or {}), **self.mark}
        room = MAX_METADATA - len(both)
        return both | dict(list(self.identity.readable().items())[: max(0, room)])

    def file_name(self, stem: str) -> str:
        """The name of an input file of this claim."""
        return f"{stem[:STEM_CHARS]}{self.file_suffix}"

    @property
    def file_suffix(self) -> str:
        """What the name of each input file of this claim ends with, and no other."""
        attempt = f".{self.attempt}" if self.attempt else ""
        return f".{self.identity.key}.{self.input_key}{attempt}.jsonl"

    def marks(self, batch: Batch) -> bool:
        """Whether the batch says that it is of this claim."""
        return mark_of(batch) == self.mark

    def marks_task(self, batch: Batch) -> bool:
        """Whether the batch says that it is of this task, be it of another input."""
        return batch.metadata.get(TASK_KEY) == self.identity.key


def mark_of(batch: Batch) -> dict[str, str]:
    """What the batch carries of `Claim.mark`."""
    return {key: batch.metadata[key] for key in (TASK_KEY, INPUT_KEY, ROUND_KEY) if key in batch.metadata}


def named_owner(batch: Batch) -> Identity | None:
    """The task instance that the batch names for people, which may be gone or of another Airflow.

    Returns:
        None if it names none: there was no room in its metadata, or it was made elsewhere.
    """
    dag_id, task_id, run_id, map_index = (batch.metadata.get(key, "") for key in READABLE_KEYS)
    if not (dag_id and task_id and run_id):
        return None
    return Identity(dag_id, task_id, run_id, int(map_index) if re.fullmatch(r"[0-9]{1,9}", map_index) else -1)


def check_metadata(given: Mapping[str, str] | None, *, rounds: bool = False) -> None:
    """Check that the user's metadata leaves room for ours.

    Args:
        given: The user's metadata.
        rounds: Whether the task makes many batches, whose claims have an attempt.

    Raises:
        GroqInputError: It does not, or has one of our keys.
    """
    ours = (TASK_KEY, INPUT_KEY, ROUND_KEY, *READABLE_KEYS)
    for key in given or ():
        if key in ours:
            raise GroqInputError(f"metadata[{key!r}] is reserved for this package: use another name.")
    needed, of_which = (3, "three") if rounds else (2, "two")
    most = MAX_METADATA - needed
    if given and len(given) > most:
        raise GroqInputError(
            f"metadata has {len(given)} keys, but at most {most} are allowed: {MAX_METADATA} less the {of_which} that "
            "let a retry find the batch."
        )


def digest_of_file(file_id: str) -> str:
    """The digest of an input that is known by its id at Groq alone."""
    return _hash(f"file {file_id}")


def may_be_taken_up(batch: Batch, now: float) -> bool:
    """Whether the batch is worth waiting for, or its results worth having.

    It is not if it failed or was cancelled, if it ended with no answer at all (which costs nothing) and none
    to come, or if it is so old that its files are gone. One of which the server does not say how old it is
    counts as young: to make another would be paid for.
    """
    nothing = batch.terminal and nothing_succeeded(batch) and not results_pending(batch)
    return batch.status not in NOT_WANTED and not nothing and made_since(batch, now - FILES_KEPT)


def made_since(batch: Batch, since: float) -> bool:
    """Whether the batch was made after `since` (Unix time), or may have been: the server does not say when it was."""
    return batch.created_at is None or batch.created_at >= since


def oldest(batches: Iterable[Batch]) -> Batch | None:
    """The oldest batch, before those of unknown age; the same one in every process."""
    return min(batches, key=lambda batch: (batch.created_at is None, batch.created_at, batch.id), default=None)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:HEX_CHARS]
