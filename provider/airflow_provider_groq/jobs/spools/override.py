"""A request as a later round sends it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import msgspec

from airflow_provider_groq.batches import json_lines
from airflow_provider_groq.jobs.records import Request, RowRecord
from airflow_provider_groq.jobs.requests.form import for_model


class _Body(msgspec.Struct, gc=False):
    model: str


class _Line(msgspec.Struct, gc=False):
    body: _Body


_model_of = msgspec.json.Decoder(_Line).decode


def overridden(record: RowRecord, line: bytes, override: Mapping[str, Any]) -> Request:
    """A request with other body parameters.

    Args:
        record: Of its row.
        line: Its line as it was sent first.
        override: The parameters by name; None leaves one out.

    Returns:
        The request. Its digest stays that of the row's own request: it answers the same question.
    """
    carried = None if bytes(record.input) == b"null" else bytes(record.input)
    if not override:
        return Request(record.custom_id, line, record.digest, _model(line), carried)
    request = _read(line)
    both = {**request["body"], **override}
    body = {name: value for name, value in both.items() if value is not None or name not in override}
    if "response_format" in body and "response_format" not in override:
        # Not every model can be held to a schema.
        body["response_format"] = for_model(body["response_format"], body["model"])
    request["body"] = body
    changed = json_lines.write(request)
    sent = hashlib.sha256(changed).hexdigest()
    return Request(record.custom_id, changed, record.digest, body["model"], carried, sent)


def _model(line: bytes) -> str:
    try:
        return _model_of(line).body.model
    except msgspec.DecodeError:
        return str(_read(line)["body"]["model"])


def _read(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except msgspec.DecodeError:  # a lone surrogate, which only the json module reads
        return json.loads(line)
