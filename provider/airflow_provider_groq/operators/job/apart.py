"""The rows of a job that need not be sent, set apart: those that are answered already, and duplicates of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import BinaryIO, NamedTuple

from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.apart.assignment import Elsewhere
from airflow_provider_groq.jobs.apart.duplicates import Duplicate
from airflow_provider_groq.jobs.apart.duplicates import write as duplicate_line
from airflow_provider_groq.jobs.apart.known import KnownAnswers, Source, answer_for
from airflow_provider_groq.jobs.apart.known_files import KnownFiles, keeping_known
from airflow_provider_groq.jobs.files import LineWriter, replacing
from airflow_provider_groq.jobs.records import Request, RowRecord
from airflow_provider_groq.jobs.spools.override import overridden
from airflow_provider_groq.jobs.spools.spool import Spool
from airflow_provider_groq.jobs.work_folder import SpoolFolder
from airflow_provider_groq.operators.job.job_run import JobRun
from airflow_provider_groq.operators.job.kept import DUPLICATES
from airflow_provider_groq.operators.job.reuse import ARGUMENT
from airflow_provider_groq.operators.job.spooling import new_folder, spooled
from airflow_provider_groq.storage.paths import storage_errors


class First(NamedTuple):
    """What a job's first round is made of.

    Attributes:
        requests: What is sent.
        reused: How many rows are answered already.
        duplicates: How many rows ask what another one asks that is sent.
    """

    requests: Spool
    reused: int = 0
    duplicates: int = 0


def unanswered(job: JobRun, folder: SpoolFolder, base: Spool, before: Sequence[Source], *, dedupe: bool) -> First:
    """Set the rows apart that need not be sent, and give the requests of the others.

    They are kept beside the requests of the others, in a folder that no other try has: the seal of the round names
    what this try found.

    Args:
        job: The job.
        folder: Of the job's requests.
        base: The job's requests.
        before: Where there are answers already.
        dedupe: Whether rows that ask the same are sent once, and get the same answer.

    Returns:
        What to send: the requests of the job itself if all of them are.
    """
    if not before and not dedupe:
        return First(base)
    with KnownAnswers() as answers:
        for source in before:
            _add(answers, source)
        found = answers.elsewhere(base.all_records(), dedupe=dedupe)
        first = next(found, None)
        if first is None:  # the requests need not be written once more
            if before:
                job.operator.log.info("None of %s rows has an answer yet.", f"{base.index.rows:,}")
            return First(base)
        path = folder.new_round(1)
        with new_folder(path), keeping_known(path) as known, replacing(path / DUPLICATES) as duplicates:
            apart = _Apart(answers, known, duplicates, dedupe=dedupe)
            requests = spooled(job, path, apart.others(base.all(), chain([first], found)))
            apart.duplicates.flush()
    _tell(job, base, apart)
    reused, duplicated = apart.reused.total(), apart.duplicates.count
    return First(requests, reused, duplicated)


class _Apart:
    """Sets rows apart.

    Args:
        answers: Those that are there already.
        known: Takes the answers of the rows that have one.
        duplicates: Takes the duplicates.
        dedupe: Whether rows that ask the same share answers.

    Attributes:
        reused: How many rows have an answer, by the output that it is of.
        duplicates: Takes the duplicates, and counts them.
    """

    def __init__(self, answers: KnownAnswers, known: KnownFiles, duplicates: BinaryIO, *, dedupe: bool) -> None:
        self._answers = answers
        self._dedupe = dedupe
        self._known = known
        self.duplicates = LineWriter(duplicates)
        self.reused: Counter[str | None] = Counter()

    def others(
        self, rows: Iterable[tuple[RowRecord, bytes]], elsewhere: Iterator[Elsewhere]
    ) -> Iterator[tuple[int, Request]]:
        """Give the requests of the other rows.

        Args:
            rows: All rows, with their requests.
            elsewhere: Those that need not be sent.
        """
        following = next(elsewhere, None)
        for record, line in rows:
            if following is None or following.number != record.index:
                yield record.index, overridden(record, line, {})
                continue
            if following.answer is not None:
                found = self._answers.read(following.answer, record.digest)
                self.reused[found.origin] += 1
                self._known.add(answer_for(record, found, dedupe=self._dedupe), following.answer.size)
            elif following.original is not None:
                duplicate = Duplicate(record.index, following.original, record.custom_id, record.input)
                self.duplicates.add(duplicate_line(duplicate))
            following = next(elsewhere, None)


def _add(answers: KnownAnswers, source: Source) -> None:
    with storage_errors("output_path" if source.origin is None else ARGUMENT, source.path):
        try:
            answers.add(source)
        except FileNotFoundError as error:
            raise GroqStorageError(
                f"{source.path} is gone: another job has replaced that output. Retry the task."
            ) from error


def _tell(job: JobRun, base: Spool, apart: _Apart) -> None:
    if apart.reused:
        found = [
            f"{count:,} {'before the task was cleared' if origin is None else f'in {origin}'}"
            for origin, count in apart.reused.items()
        ]
        job.operator.log.info(
            "%s of %s rows already have an answer and are not sent: %s.",
            f"{apart.reused.total():,}",
            f"{base.index.rows:,}",
            ", ".join(found),
        )
    if apart.duplicates.count:
        job.operator.log.info(
            "%s rows have the same request as another row, and are not sent (dedupe).", f"{apart.duplicates.count:,}"
        )
