"""Groq's calls, each as the hook makes it."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

LINE = (
    b'{"custom_id": "r1", "method": "POST", "url": "/v1/chat/completions", '
    b'"body": {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Hi"}]}}\n'
)


@dataclass(frozen=True)
class Endpoint:
    """One of Groq's calls.

    Attributes:
        name: What it is for.
        method: Its HTTP method.
        path: Its path, with ``{file}`` and ``{batch}``.
        use: Makes the call with a hook and the ids of a file and a batch.
    """

    name: str
    method: str
    path: str
    use: Callable[[Any, Mapping[str, str]], Any]

    @property
    def call(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def creates(self) -> bool:
        """Whether it costs money."""
        return self.call == "POST /batches"


def download(hook, ids):
    sink = io.BytesIO()
    assert hook.download_file(ids["file"], sink) == len(sink.getvalue())
    return sink.getvalue()


ENDPOINTS = [
    Endpoint("store a file", "POST", "/files", lambda hook, _: hook.upload_file(io.BytesIO(LINE))),
    Endpoint("describe a file", "GET", "/files/{file}", lambda hook, ids: hook.get_file(ids["file"])),
    Endpoint("list the files", "GET", "/files", lambda hook, _: hook.list_files()),
    Endpoint("download a file", "GET", "/files/{file}/content", download),
    Endpoint("delete a file", "DELETE", "/files/{file}", lambda hook, ids: hook.delete_file(ids["file"])),
    Endpoint("create a batch", "POST", "/batches", lambda hook, ids: hook.create_batch(ids["file"])),
    Endpoint("get a batch", "GET", "/batches/{batch}", lambda hook, ids: hook.get_batch(ids["batch"])),
    Endpoint("get many", "GET", "/batches?id={batch}", lambda hook, ids: hook.get_batches([ids["batch"]])),
    Endpoint("list the batches", "GET", "/batches", lambda hook, _: list(hook.list_batches())),
    Endpoint("cancel a batch", "POST", "/batches/{batch}/cancel", lambda hook, ids: hook.cancel_batch(ids["batch"])),
    Endpoint("list the models", "GET", "/models", lambda hook, _: hook.list_models()),
]
