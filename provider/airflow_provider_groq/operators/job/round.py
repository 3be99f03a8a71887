"""One round of a job, with all that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import msgspec

from airflow_provider_groq.jobs.results.kept import KeptFile
from airflow_provider_groq.jobs.seals import RoundSeal
from airflow_provider_groq.jobs.spools.spool import Spool
from airflow_provider_groq.jobs.work_folder import SpoolFolder
from airflow_provider_groq.operators.job.job_run import JobRun


@dataclass(frozen=True)
class Round:
    """A round that is sealed.

    Attributes:
        job: The job.
        folder: Of the job's requests, and of all that follows from them.
        seal: What is sent in the round.
    """

    job: JobRun
    folder: SpoolFolder
    seal: RoundSeal

    @property
    def number(self) -> int:
        """Which round, from 1."""
        return self.seal.number

    @cached_property
    def requests(self) -> Spool:
        """What is sent."""
        with self.job.in_work():
            return Spool.read(self.path)

    @property
    def path(self) -> Any:
        """The folder of its requests."""
        return self.folder.path / self.seal.requests if self.seal.requests else self.folder.path

    @property
    def rows(self) -> int:
        """How many rows are sent."""
        return sum(shard.rows for shard in self.seal.shards)

    def canary(self) -> Round:
        """The shards that are sent first, as a round of their own."""
        return replace(self, seal=msgspec.structs.replace(self.seal, shards=self.seal.shards[: self.seal.canary]))

    def kept_files(self) -> list[KeptFile]:
        """Where the answers of its shards are kept."""
        return [KeptFile(self.folder.answers(self.number, shard.number)) for shard in self.seal.shards]

    def is_answered(self) -> bool:
        """Whether an answer to each of its rows is kept."""
        with self.job.in_work():
            return all(kept.exists() for kept in self.kept_files())
