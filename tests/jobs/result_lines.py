"""Lines of result files as Groq writes them, and the rows that they answer."""

import io
import json
import re
import tempfile
from contextlib import ExitStack

import msgspec

from airflow_provider_groq.jobs.records import Answer, RowRecord
from airflow_provider_groq.jobs.results.harvest import harvest
from airflow_provider_groq.jobs.results.kept import Run
from airflow_provider_groq.jobs.results.summary import Summarizer

MODEL = "openai/gpt-oss-20b"
USAGE = {
    "queue_time": 0.5,
    "prompt_tokens": 50,
    "completion_tokens": 40,
    "total_tokens": 90,
    "completion_tokens_details": {"reasoning_tokens": 30},
}


def line(custom_id, status=200, body=..., error=None):
    """One line; without a status it has no response."""
    response = None if status is None else {"status_code": status, "request_id": "req_1", "body": body}
    return (
        json.dumps({"id": "batch_req_out_1", "custom_id": custom_id, "response": response, "error": error}).encode()
        + b"\n"
    )


def said(custom_id, content="Yes.", *, finish_reason="stop", usage=USAGE, model=MODEL, **message):
    """The line of a chat completion."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content, **message},
        "logprobs": None,
        "finish_reason": finish_reason,
    }
    return line(custom_id, 200, {"id": "chatcmpl-1", "model": model, "choices": [choice], "usage": usage})


def refused(custom_id, status=400, code=None, message="No."):
    """The line of a request that Groq refused."""
    return line(custom_id, status, {"error": {"message": message, "code": code, "type": "invalid_request_error"}})


def unfinished(custom_id, code="batch_expired"):
    """The line of a request that got no response."""
    return line(custom_id, None, error={"code": code, "message": "The window closed."})


def records(ids, start=0):
    return [
        RowRecord(index, custom_id, f"{index:032x}", msgspec.Raw(b'{"n":%d}' % index))
        for index, custom_id in enumerate(ids, start)
    ]


def harvested(rows, *files, batch_id="batch_1", status_without_line="missing", **arguments):
    """What a harvest of files of these lines counts, its answers as JSON, and its bytes."""
    sink = io.BytesIO()
    with ExitStack() as stack:
        opened = [stack.enter_context(tempfile.TemporaryFile()) for _ in files]
        for file, lines in zip(opened, files, strict=True):
            file.write(b"".join(lines))
            file.flush()
        rows = records(rows) if rows and isinstance(rows[0], str) else rows
        arguments = {"round": 1} | arguments
        found = harvest(rows, opened, sink, batch_id=batch_id, status_without_line=status_without_line, **arguments)
    written = sink.getvalue()
    return found, [json.loads(text) for text in written.split(b"\n")[:-1]], written


def alone(lines, number=1):
    """The answers of a round as runs of one each, of which none is known to be whole."""
    for one in lines:
        index = re.search(rb'"index": *(\d+)', one)
        yield Run(number, int(index[1]) if index else 0, 1, one, whole=False)


def summary_of(lines):
    """The summary of answers."""
    summarizer = Summarizer()
    for one in lines:
        summarizer.add(msgspec.json.decode(one, type=Answer))
    return summarizer.summary(sum(map(len, lines)))
