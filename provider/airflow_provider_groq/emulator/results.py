"""The output and error file of a batch that has ended."""

import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from airflow_provider_groq.emulator.answers import Answers, Outcome
from airflow_provider_groq.emulator.failures import failure_of
from airflow_provider_groq.emulator.flaws import flawed_lines
from airflow_provider_groq.emulator.ids import DerivedIds
from airflow_provider_groq.emulator.json_lines import dump, parse
from airflow_provider_groq.emulator.validation import ANSWERED, BLOCK_BYTES, FAILED, Request, Scan

UNFINISHED = {"expired": failure_of("batch_expired"), "cancelled": failure_of("batch_cancelled")}
"""Why a request was not executed, by how the batch ended."""
WRITE_BYTES = 1 << 18


@dataclass(frozen=True)
class Job:
    """What to write for one batch.

    Args:
        batch_id: The batch.
        source: Its input file.
        scan: What the check of the input file found.
        answers: What answers its requests.
        status: How it ended.
        processed: How many requests were processed until then.
        started_at: When it began to work (Unix seconds).
    """

    batch_id: str
    source: Path
    scan: Scan
    answers: Answers
    status: str
    processed: int
    started_at: float

    @property
    def has_output(self) -> bool:
        """Whether there is anything for the output file."""
        return self.scan.count(ANSWERED, self.processed) > 0

    @property
    def has_errors(self) -> bool:
        """Whether there is anything for the error file."""
        unfinished = self.status in UNFINISHED and self.processed < self.scan.total
        return unfinished or self.scan.count(FAILED, self.processed) > 0


class Writing:
    """Writes both files when one of them is first read: an unread batch costs nothing.

    One batch at a time: threads that compute do not become faster side by side.
    """

    _one_at_a_time = threading.Lock()

    def __init__(self, job: Job, output: Path, errors: Path) -> None:
        self._job = job
        self._paths = output, errors
        self._done = False

    def ensure(self) -> None:
        """Return when the files are there."""
        with self._one_at_a_time:
            if not self._done:
                write(self._job, *self._paths)
                self._done = True


class Response(msgspec.Struct, gc=False):
    """What a request was answered with."""

    status_code: int
    request_id: str
    body: object


class Line(msgspec.Struct, gc=False):
    """One line of a result file."""

    id: str
    custom_id: str
    response: Response | None
    error: object

    def written(self, custom_id: str | None = None) -> bytes:
        """Return its bytes; with another `custom_id` if one is given."""
        return dump(self if custom_id is None else msgspec.structs.replace(self, custom_id=custom_id)) + b"\n"


def write(job: Job, output: Path, errors: Path) -> None:
    """Write both files, each request's line to one of them, in the order of processing.

    Memory does not grow with the number of requests: lines are read where the scan found them.
    """
    ids = DerivedIds(job.started_at, job.batch_id, ("batch_req_out", "req"))
    unfinished = UNFINISHED.get(job.status)
    started_at, ends = int(job.started_at), job.scan.ends
    with output.open("wb", WRITE_BYTES) as answered, errors.open("wb", WRITE_BYTES) as refused:
        for place, (index, request) in enumerate(_requests(job)):
            line_id, request_id = ids.pair(index)
            if place < job.processed:
                outcome = job.answers.outcome(request, ends[place], request_id, started_at)
                line = _line(line_id, request_id, request["custom_id"], outcome)
                file = refused if outcome.failed else answered
                file.write(line.written() if outcome.flaw is None else _flawed(line, outcome.flaw))
            elif unfinished is not None:  # in a batch forced to be completed, the rest is in neither file
                error = unfinished.body(request["body"]["model"], "")
                refused.write(_line(line_id, request_id, request["custom_id"], Outcome(0, error)).written())


def _requests(job: Job) -> Iterator[tuple[int, Request]]:
    """Yield the requests in the order of processing, each with the number of its line from 0."""
    offsets = job.scan.offsets
    with job.source.open("rb", buffering=0) as source:
        handle = source.fileno()
        base, block = -BLOCK_BYTES, b""
        for index in job.scan.order:
            start, end = offsets[index], offsets[index + 1]
            if not base <= start < base + BLOCK_BYTES:
                base = start - start % BLOCK_BYTES
                block = os.pread(handle, BLOCK_BYTES, base)
            whole = end - base <= BLOCK_BYTES
            request = parse(block[start - base : end - base] if whole else os.pread(handle, end - start, start))
            if not isinstance(request, dict):
                raise TypeError(f"line {index + 1} of {job.batch_id} changed after it was checked")
            yield index, request


def _line(line_id: str, request_id: str, custom_id: str, outcome: Outcome) -> Line:
    status, body, _ = outcome
    if status:
        # As Groq has it: a request that was answered with an error carries no `error` of its own.
        return Line(line_id, custom_id, Response(status, request_id, body), None)
    error = body["error"]
    return Line(line_id, custom_id, None, {name: error[name] for name in ("code", "message")})


def _flawed(line: Line, flaw: str) -> bytes:
    return flawed_lines(line.written(), line.written(f"{line.custom_id}-foreign"), flaw)
