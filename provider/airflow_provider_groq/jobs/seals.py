"""What a job has decided before it pays: written once, obeyed by each later try.

A seal names the requests of the job or of one of its rounds, so that a try after a crash sends the same ones,
whatever its rows would be now. Requests with a seal may be paid for; requests without one never are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.amounts import Amount
from airflow_provider_groq.jobs.files import Path, read_whole, write_whole
from airflow_provider_groq.jobs.spools.shards import Shard

VERSION = 1


class Task(msgspec.Struct, frozen=True):
    """The task instance that a job is of.

    Attributes:
        dag_id: The Dag.
        task_id: The task.
        run_id: The Dag run.
        map_index: Which of the task's mapped instances; -1 if it is not mapped.
        identity: The same for each try of this task instance, and for no other.
    """

    dag_id: str
    task_id: str
    run_id: str
    map_index: int
    identity: str

    def replaces(self, other: Task) -> bool:
        """Whether this task may replace the output of the other: that of another run of the same task."""
        return (self.dag_id, self.task_id, self.map_index) == (other.dag_id, other.task_id, other.map_index)


def task_of(manifest: Mapping[str, Any]) -> Task:
    """The task instance whose answers a manifest is of."""
    return msgspec.convert(manifest["job"], Task)


class JobSeal(msgspec.Struct, frozen=True, kw_only=True):
    """The seal of a job.

    Attributes:
        version: Of this form.
        task: Whose job it is.
        spool: The folder of its requests, within the work folder.
        digest: Of those requests and what is carried with them.
        rows: How many.
        generation: Changes with each clear of the task, and with no retry.
        sealed_at: When, as Unix time.
        deadline: When to give up, as Unix time; None if each round has a deadline of its own.
        previous: The spools of generations before, which had other rows: what was answered there is used.
        dedupe: Whether rows that ask the same are sent once.
        read: How much was read, by the path that the task names; only the first of many paths.
        accounts: The account of each Azure container that was read.
    """

    version: int = VERSION
    task: Task
    spool: str
    digest: str
    rows: int
    generation: int
    sealed_at: float
    deadline: float | None = None
    previous: list[str] = []
    dedupe: bool = False
    read: dict[str, Amount] = {}
    accounts: dict[str, str] = {}


class Stop(msgspec.Struct, frozen=True):
    """Why a job sends no more.

    Attributes:
        reason: ``canary``, ``cost`` or ``deadline``.
        message: What went wrong.
        generation: That of the job; after a clear, the job continues.
    """

    reason: Literal["canary", "cost", "deadline"]
    message: str
    generation: int


class RoundSeal(msgspec.Struct, frozen=True, kw_only=True):
    """The seal of a round: what is sent in it.

    Attributes:
        version: Of this form.
        number: Which round, from 1.
        generation: That of the job when the round was made.
        requests: The folder of its requests, within that of the job's; "" if they are the job's own.
        shards: The batches to make of them.
        canary: How many of these are sent first, alone; whether the others follow depends on them.
        follows: The batches whose results it follows from.
        sealed_at: When, as Unix time.
        deadline: When to give up, as Unix time.
        seconds: How long its shards have once its canary has ended; None if the deadline is that of the whole job.
    """

    version: int = VERSION
    number: int
    generation: int
    requests: str = ""
    shards: list[Shard]
    canary: int = 0
    follows: list[str] = []
    sealed_at: float
    deadline: float
    seconds: float | None = None


class RoundRecord(msgspec.Struct, kw_only=True):
    """What is known of a round's batches.

    Attributes:
        entries: What was written down about each attempt at a shard: by the attempt, then by the shard's digest.
        attempts: Which attempt at a shard is the present one; 1 for those that are not named.
        canary_passed_at: When the canary had ended well enough for the other shards to be sent, as Unix time.
        stopped_at: When the round was given up and cancelled, as Unix time.
        stop: Why the job sends no more after this round.
    """

    entries: dict[str, dict[str, dict[str, str]]] = {}
    attempts: dict[int, int] = {}
    canary_passed_at: float | None = None
    stopped_at: float | None = None
    stop: Stop | None = None


def read(path: Path, form: type[Any], what: str) -> Any:
    """Read a seal; None if there is none.

    Raises:
        GroqInputError: It is cut off, or of another version.
    """
    try:
        found = read_whole(path, form, what)
    except FileNotFoundError:
        return None
    if found.version != VERSION:
        raise GroqInputError(
            f"{path} is {what} of version {found.version}, but this airflow-provider-groq reads version {VERSION}. "
            "Nothing was sent. Run the task with the version that started the job, or delete its folder to start over."
        )
    return found


def write(path: Path, value: msgspec.Struct) -> None:
    """Write a seal or a record, whole."""
    write_whole(path, msgspec.json.encode(value))
