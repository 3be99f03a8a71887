"""The output and error file of a batch that has ended."""

from dataclasses import dataclass
from pathlib import Path
from typing import IO

from airflow_provider_groq.emulator.answers import Answers
from airflow_provider_groq.emulator.failures import failure_of
from airflow_provider_groq.emulator.ids import derived_id
from airflow_provider_groq.emulator.validation import Request, Scan, parse
from airflow_provider_groq.emulator.wire import dump

UNFINISHED = {"expired": failure_of("batch_expired"), "cancelled": failure_of("batch_cancelled")}
"""Why a request was not executed, by how the batch ended."""


@dataclass(frozen=True)
class Job:
    """What is to be written for one batch.

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


def write(job: Job, output: Path, errors: Path) -> None:
    """Write both files, each request's line to one of them, in the order of processing.

    Memory does not grow with the number of requests: lines are read where the scan found them.
    """
    with job.source.open("rb") as source, output.open("wb") as answered, errors.open("wb") as refused:
        for place, index in enumerate(job.scan.order):
            source.seek(job.scan.offsets[index])
            request = parse(source.readline())
            if not isinstance(request, dict):
                raise TypeError(f"line {index + 1} of {job.batch_id} changed after it was checked")
            if place < job.processed:
                _write_processed(job, index, request, answered, refused)
            elif job.status in UNFINISHED:  # in a batch forced to be completed, the rest is in neither file
                unfinished = UNFINISHED[job.status]
                refused.write(_line(job, index, request, None, unfinished.body(request["body"]["model"], "")["error"]))


def _write_processed(job: Job, index: int, request: Request, answered: IO[bytes], refused: IO[bytes]) -> None:
    request_id = derived_id("req", job.started_at, f"{job.batch_id}/{index}")
    outcome = job.answers.outcome(request, request_id, int(job.started_at))
    response = {"status_code": outcome.status, "request_id": request_id, "body": outcome.body}
    if not outcome.failed:
        answered.write(_line(job, index, request, response, None))
    elif outcome.status == 0:
        refused.write(_line(job, index, request, None, outcome.body["error"]))
    else:
        # As Groq has it: a request that was answered with an error carries no `error` of its own.
        refused.write(_line(job, index, request, response, None))


def _line(job: Job, index: int, request: Request, response: object, error: object) -> bytes:
    if isinstance(error, dict):  # of which a line shows no more
        error = {name: error[name] for name in ("code", "message")}
    line = {
        "id": derived_id("batch_req_out", job.started_at, f"{job.batch_id}#{index}"),
        "custom_id": request["custom_id"],
        "response": response,
        "error": error,
    }
    return dump(line) + b"\n"
