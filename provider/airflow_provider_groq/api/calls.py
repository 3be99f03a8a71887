"""One pure function for each of Groq's endpoints, each giving a `Call` that a client can send."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Any, BinaryIO, Generic, TypeVar
from urllib.parse import quote

from airflow_provider_groq.api.decoding import read_one, read_page
from airflow_provider_groq.api.models import MAX_ID_CHARS, Batch, DeletedFile, File, LanguageModel, Page
from airflow_provider_groq.api.polled import Polled, read_polled
from airflow_provider_groq.exceptions import GroqInputError

T = TypeVar("T")

MAX_IDS = 200
"""How many batches one request may ask for."""

MAX_QUERY_CHARS = 7_800
"""How long their ids may be in its address: 200 of Groq's have 7,200 characters, and common servers take 8,192 with
the path."""

SHOWN_CHARS = 60


@dataclass(frozen=True, slots=True)
class Upload:
    """A file to send.

    Attributes:
        filename: The name that Groq shows for it.
        open: Gives the content, open at its beginning, once for each time that it is sent.
    """

    filename: str
    open: Callable[[], AbstractContextManager[BinaryIO]]


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """A request to Groq, and the form of its answer.

    Attributes:
        method: The HTTP method.
        path: The path below ``/openai/v1``.
        answer: What reads the answer's body.
        params: The query.
        json: The body, where there is one.
        upload: The file to send, where there is one.
        raw: Whether the answer is a file's bytes.
        repeatable: Whether it does no harm to send the call again when its answer was lost.
    """

    method: str
    path: str
    answer: Callable[[bytes], T]
    params: tuple[tuple[str, str], ...] = ()
    json: Mapping[str, Any] | None = None
    upload: Upload | None = None
    raw: bool = False
    repeatable: bool = True

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def names_one(self) -> bool:
        """Whether it is about one batch or file."""
        return self.path.count("/") > 1 or self.json is not None


def upload_file(upload: Upload) -> Call[File]:
    """Store a JSONL file of requests."""
    return Call("POST", "/files", partial(read_one, File), upload=upload)


def get_file(file_id: str) -> Call[File]:
    """Ask what is known of a file."""
    return Call("GET", f"/files/{_segment(file_id, 'file_id')}", partial(read_one, File))


def list_files() -> Call[Page[File]]:
    """List the files of the key's account."""
    return Call("GET", "/files", _files)


def delete_file(file_id: str) -> Call[DeletedFile]:
    """Delete a file."""
    return Call("DELETE", f"/files/{_segment(file_id, 'file_id')}", partial(read_one, DeletedFile))


def file_content(file_id: str) -> Call[bytes]:
    """Ask for a file's bytes; to be streamed with a client's ``download``."""
    return Call("GET", f"/files/{_segment(file_id, 'file_id')}/content", bytes, raw=True)


def create_batch(
    input_file_id: str,
    *,
    endpoint: str,
    completion_window: str,
    metadata: Mapping[str, str] | None = None,
) -> Call[Batch]:
    """Begin to work on an uploaded file. The one call that costs money, so never sent twice unasked."""
    body = {
        "input_file_id": _checked(input_file_id, "input_file_id"),
        "endpoint": endpoint,
        "completion_window": completion_window,
        "metadata": dict(metadata) if metadata else None,
    }
    return Call("POST", "/batches", partial(read_one, Batch), json=body, repeatable=False)


def get_batch(batch_id: str) -> Call[Batch]:
    """Ask for one batch."""
    return Call("GET", f"/batches/{_segment(batch_id, 'batch_id')}", partial(read_one, Batch))


def get_batches(batch_ids: Iterable[str]) -> list[Call[Polled]]:
    """Ask for many batches, as many in each call as `grouped` says."""
    return [poll_batches(group) for group in grouped(dict.fromkeys(checked_ids(batch_ids)))]


def checked_ids(batch_ids: Iterable[str]) -> list[str]:
    """The ids of several batches.

    Raises:
        GroqInputError: They are no list, or one of them is no id.
    """
    if isinstance(batch_ids, (str, bytes)) or not isinstance(batch_ids, Iterable):
        raise GroqInputError(f"batch_ids must be a list of ids, but is {batch_ids!r}.")
    return [_checked(batch_id, "batch_id") for batch_id in batch_ids]


def grouped(batch_ids: Iterable[str]) -> Iterator[list[str]]:
    """The ids in groups that one request may ask for: up to `MAX_IDS`, and fewer of long ones, as the address is full.

    An id that is too long even by itself has a group of its own.
    """
    group: list[str] = []
    chars = 0
    for batch_id in batch_ids:
        more = len("id=&") + len(quote(batch_id, safe="", errors="replace"))
        if group and (len(group) == MAX_IDS or chars + more > MAX_QUERY_CHARS):
            yield group
            group, chars = [], 0
        group.append(batch_id)
        chars += more
    if group:
        yield group


def poll_batches(batch_ids: Sequence[str]) -> Call[Polled]:
    """Ask for one of the groups of `grouped`, whatever its ids look like."""
    params = tuple(("id", batch_id) for batch_id in batch_ids)
    return Call("GET", "/batches", partial(read_polled, batch_ids), params=params)


def list_batches(cursor: str | None = None, *, after: str | None = None) -> Call[Page[Batch]]:
    """Ask for one page of the account's batches, newest first.

    Args:
        cursor: Groq's ``paging.next_cursor`` of the page before.
        after: The last batch id of the page before, for gateways that page as OpenAI does.
    """
    params = [("cursor", cursor), ("after", after)]
    return Call("GET", "/batches", _batches, params=tuple((k, v) for k, v in params if v))


def following_page(page: Page[Batch], new: Sequence[Batch]) -> Call[Page[Batch]] | None:
    """Ask for the page after this one, as its server pages; None after the last.

    Args:
        page: A page of the listing.
        new: Its batches that no earlier page had: a page without any is the last, whatever it says. A server that
            ignores the cursor would send the same page for ever.
    """
    if not new or not (page.next_cursor or page.has_more):
        return None
    return list_batches(page.next_cursor, after=None if page.next_cursor else new[-1].id)


def cancel_batch(batch_id: str) -> Call[Batch]:
    """Ask for a batch to be cancelled; it may stay ``cancelling`` for up to 10 minutes."""
    return Call("POST", f"/batches/{_segment(batch_id, 'batch_id')}/cancel", partial(read_one, Batch))


def list_models() -> Call[Page[LanguageModel]]:
    """List the models; free of charge, so good for a connection test."""
    return Call("GET", "/models", _models)


def _batches(body: bytes) -> Page[Batch]:
    return read_page(Batch, "batches", body)


def _files(body: bytes) -> Page[File]:
    return read_page(File, "files", body)


def _models(body: bytes) -> Page[LanguageModel]:
    return read_page(LanguageModel, "models", body)


def _segment(value: str, name: str) -> str:
    """An id as one path segment, so that no id can name another endpoint."""
    return quote(_checked(value, name), safe="")


def _checked(value: str, name: str) -> str:
    if not isinstance(value, str) or not value.strip() or value in {".", ".."} or not value.isprintable():
        raise GroqInputError(f"{name} must be an id from Groq, but is {value!r}.")
    if len(value) > MAX_ID_CHARS:
        raise GroqInputError(
            f"{name} must be an id from Groq, but has {len(value):,} characters: {value[:SHOWN_CHARS]!r}…"
        )
    return value
