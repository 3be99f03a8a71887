"""How requests get from a Dag or a file to Groq: checked, and streamed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from airflow_provider_groq import telemetry
from airflow_provider_groq.batches import requests as batch_requests
from airflow_provider_groq.batches.identity import digest_of_file
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.jobs.temporary import filling, temporary_file
from airflow_provider_groq.storage.inline import InlineRequests
from airflow_provider_groq.storage.input_file import open_source

log = logging.getLogger(__name__)

PURPOSE = "requests are checked"


@dataclass(frozen=True)
class Input:
    """Requests that may be sent.

    Attributes:
        digest: What identifies them.
        stem: What their file at Groq is called after.
        bytes: Their size; None if they are at Groq already.
        upload: Uploads them under a name, and returns the file's id.
        first_lines: For each model that they name, the number of the first line; empty if they are at Groq already.
        lines: How many they are; None if they are at Groq already.
    """

    digest: str
    stem: str
    bytes: int | None
    upload: Callable[[str], str]
    first_lines: Mapping[str, int] = field(default_factory=dict)
    lines: int | None = None


@contextmanager
def open_input(hook: GroqHook, source: Any, *, file_id: str | None = None, endpoint: str, stem: str) -> Iterator[Input]:
    """Check requests while copying them; the copy lasts as long as the ``with`` block, and is what is sent.

    Args:
        hook: Where to.
        source: `InlineRequests`, or the path of a JSONL file, gzipped or not.
        file_id: A file that is at Groq already, in place of either, and is not checked.
        endpoint: The ``url`` of inline requests that have none.
        stem: What inline requests are called after.

    Raises:
        GroqInputError: A request is wrong, or the file cannot be read; nothing was sent.
        GroqStorageError: The storage of the file is unreachable, or there is no room for the copy.
    """
    if file_id:
        yield Input(digest_of_file(file_id), "", None, lambda _: file_id)
        return
    max_bytes = hook.get_conn().settings.max_file_bytes
    with temporary_file(PURPOSE) as copy:
        with telemetry.span(telemetry.CHECK, hook.groq_conn_id) as tell, filling(copy, PURPOSE) as sink:
            if isinstance(source, InlineRequests):
                lines = batch_requests.encode(source.rows(), endpoint=endpoint)
                summary = batch_requests.copy_checked(lines, sink, max_bytes=max_bytes)
            else:
                with open_source(source, max_bytes=max_bytes) as opened:
                    stem = opened.stem
                    lines = batch_requests.read_lines(opened.file, max_bytes=max_bytes)
                    summary = batch_requests.copy_checked(lines, sink, max_bytes=max_bytes)
            tell(requests=summary.lines, bytes=summary.bytes)

        def upload(name: str) -> str:
            uploaded = hook.upload_file(copy, filename=name)
            log.info("Uploaded %s as file %s.", summary, uploaded.id)
            return uploaded.id

        yield Input(summary.digest, stem, summary.bytes, upload, summary.first_lines, summary.lines)
