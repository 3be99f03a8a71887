"""`GroqHook`: Groq's Files and Batch API with the key of an Airflow connection."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from os import PathLike
from typing import Any, BinaryIO, Self

import tenacity

from airflow_provider_groq import telemetry
from airflow_provider_groq.api import calls
from airflow_provider_groq.api.client import AsyncGroqClient, GroqClient
from airflow_provider_groq.api.downloads import opened
from airflow_provider_groq.api.models import Batch, DeletedFile, File, LanguageModel, Page
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.api.uploads import upload
from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.batches.options import check_options, moment, seconds
from airflow_provider_groq.compat import BaseHook, amask_secret, connection_and_extra, mask_secret
from airflow_provider_groq.exceptions import GroqError
from airflow_provider_groq.hooks import DEFAULT_CONN_ID
from airflow_provider_groq.hooks.connection import settings_of
from airflow_provider_groq.hooks.polls import Waits, known_batches
from airflow_provider_groq.hooks.reasons import failure_reasons
from airflow_provider_groq.hooks.testing import tested


class GroqHook(BaseHook):
    """Calls Groq's Files and Batch API.

    Every method retries transient errors where this is safe, and then raises `GroqError` (see
    `airflow_provider_groq.exceptions`).

    Args:
        groq_conn_id: The connection of type ``groq``: API key in ``password``, base URL in ``host``,
            the rest in ``extra`` (``timeout``, ``max_retries``, ``max_file_bytes``, ``allow_http``, ``ca_bundle``,
            ``headers``, ``check_models``).

    Close it, or use it as a context manager.
    """

    conn_name_attr = "groq_conn_id"
    default_conn_name = DEFAULT_CONN_ID
    conn_type = "groq"
    hook_name = "Groq"

    def __init__(self, groq_conn_id: str = default_conn_name, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.groq_conn_id = groq_conn_id
        self._client: GroqClient | None = None

    @classmethod
    def get_ui_field_behaviour(cls) -> dict[str, Any]:
        """The connection form below Airflow 3.2, which reads it from the provider metadata."""
        return {
            "hidden_fields": ["schema", "login"],
            "relabeling": {"password": "API Key", "host": "Base URL"},
            "placeholders": {"host": "https://api.groq.com", "port": "0: the Test button fails without a number"},
        }

    def settings(self) -> Settings:
        """The connection, read and checked.

        Raises:
            GroqConnectionError: It cannot be used.
        """
        return self._settings(f"connection {self.groq_conn_id!r}")

    def _settings(self, origin: str) -> Settings:
        connection = self.get_connection(self.groq_conn_id)
        settings = settings_of(origin, connection, connection.extra_dejson)
        if settings.headers:  # the password is masked by Airflow
            mask_secret([*settings.secrets])
        return settings

    def get_conn(self) -> GroqClient:
        """The client, created at the first call and kept until `close`."""
        if self._client is None:
            self._client = GroqClient(self.settings())
        return self._client

    async def get_async_conn(self) -> AsyncGroqClient:
        """A new client for coroutines, for the caller to close; nothing in it blocks the event loop."""
        connection, extra = await connection_and_extra(self, self.groq_conn_id)
        settings = settings_of(f"connection {self.groq_conn_id!r}", connection, extra)
        if settings.headers:
            await amask_secret(settings.secrets)
        return await asyncio.to_thread(AsyncGroqClient, settings)

    def close(self) -> None:
        """Close the client's connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def create_batch(
        self,
        input_file_id: str,
        *,
        endpoint: str = "/v1/chat/completions",
        completion_window: str = "24h",
        metadata: Mapping[str, str] | None = None,
        sleep: Callable[[float], None] = tenacity.nap.sleep,
    ) -> Batch:
        """Create a batch from an uploaded file.

        Args:
            input_file_id: The file, as `upload_file` returned it.
            endpoint: One of Groq's batch endpoints, such as ``/v1/chat/completions``.
            completion_window: From ``24h`` to ``7d``.
            metadata: Text to store with the batch.
            sleep: Called with the seconds to wait, before a retry, when Groq has refused the
                call for now. What it raises ends the call.

        Raises:
            GroqInputError: An argument is invalid; nothing was sent.
            GroqLostAnswerError: The batch may exist.
        """
        check_options(endpoint=endpoint, completion_window=completion_window, metadata=metadata)
        call = calls.create_batch(
            input_file_id, endpoint=endpoint, completion_window=completion_window, metadata=metadata
        )
        with telemetry.span(telemetry.CREATE, self.groq_conn_id, input_file_id=input_file_id) as tell:
            batch = self.get_conn().send(call, sleep=sleep)
            tell(batch_id=batch.id)
        telemetry.submitted(self.groq_conn_id)
        return batch

    def get_batch(self, batch_id: str) -> Batch:
        """Get one batch."""
        return self.get_conn().send(calls.get_batch(batch_id))

    def get_batches(self, batch_ids: Iterable[str]) -> dict[str, Batch]:
        """Get many batches, 200 per request, or one by one if the server does not support that.

        Returns:
            Those that Groq knows, by id, in the order asked for.
        """
        return known_batches(self.get_conn(), batch_ids)

    def list_batches(self) -> Iterator[Batch]:
        """Iterate over the account's batches, newest first; pages are requested as needed."""
        for page in self.batch_pages():
            yield from page.data

    def batch_pages(self) -> Iterator[Page[Batch]]:
        """Iterate over the pages of the listing, each batch once, with the unreadable items.

        A page without new batches is returned only if it has unreadable items or announces another page.
        """
        seen: set[str] = set()
        call: calls.Call[Page[Batch]] | None = calls.list_batches()
        while call:
            page = self.get_conn().send(call)
            more = bool((page.data or page.left_out) and (page.next_cursor or page.has_more))
            new = tuple(batch for batch in page.data if batch.id not in seen)
            if new or page.left_out or more:
                yield page.model_copy(update={"data": new})
            seen.update(batch.id for batch in new)
            call = calls.following_page(page, new)

    def cancel_batch(self, batch_id: str) -> Batch:
        """Cancel a batch; it may stay ``cancelling`` for up to 10 minutes."""
        return self.get_conn().send(calls.cancel_batch(batch_id))

    def upload_file(self, source: str | PathLike[str] | BinaryIO, *, filename: str | None = None) -> File:
        """Upload a JSONL file of requests as a stream.

        Args:
            source: A local path, in which ``~`` is the home folder, or a file open for reading bytes, which is sent
                from its beginning.
            filename: The name that Groq shows; by default that of the path.

        Raises:
            GroqInputError: The file is missing, empty or too large, or changed while it was sent; none was stored.
        """
        client = self.get_conn()
        with telemetry.span(telemetry.UPLOAD, self.groq_conn_id) as tell:
            file = client.send(
                calls.upload_file(upload(source, filename=filename, max_bytes=client.settings.max_file_bytes))
            )
            tell(file_id=file.id, bytes=file.bytes)
        return file

    def get_file(self, file_id: str) -> File:
        """Get the metadata of a file."""
        return self.get_conn().send(calls.get_file(file_id))

    def list_files(self) -> list[File]:
        """List the account's files."""
        return list(self.get_conn().send(calls.list_files()).data)

    def download_file(self, file_id: str, target: str | PathLike[str] | BinaryIO) -> int:
        """Stream a file's content to a path or into an open file.

        Args:
            file_id: The file.
            target: A local path, in which ``~`` is the home folder, or a file open for writing bytes. At a path, the
                file appears once it is complete, and replaces an earlier one.

        Returns:
            The number of bytes.

        Raises:
            GroqInputError: The target cannot be written, or is open for text; nothing was sent.
            GroqNotFoundError: There is no such file; nothing was written.
            GroqError: The download failed. An open file holds a part: cut that off before you download to it again.
        """
        call = calls.file_content(file_id)
        with telemetry.span(telemetry.DOWNLOAD, self.groq_conn_id, file_id=file_id) as tell, opened(target) as sink:
            size = self.get_conn().download(call, sink)
            tell(bytes=size)
        return size

    def failure_reasons(self, batch: Batch) -> str:
        """Summarize why requests of a batch failed, from the beginning of its error file.

        Reads at most `reasons.MAX_BYTES`, for at most about `reasons.SECONDS`, and never raises a `GroqError`.

        Returns:
            Such as "3 of 3: 404 model_not_found (The model `x` does not exist), such as question-1"; "" if no
            request failed, or the file cannot be read.
        """
        return failure_reasons(self.get_conn().settings, batch)

    def delete_file(self, file_id: str) -> DeletedFile:
        """Delete a file."""
        return self.get_conn().send(calls.delete_file(file_id))

    def list_models(self) -> list[LanguageModel]:
        """List the models that the key may use."""
        return list(self.get_conn().send(calls.list_models()).data)

    def wait_for_batch(
        self,
        batch_id: str,
        *,
        end_time: float | timedelta,
        poll_interval: float | timedelta = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> WaitEnd:
        """Wait until a batch ends; transient errors do not end the wait.

        Args:
            batch_id: The batch.
            end_time: When to give up: as Unix time, or as a ``timedelta`` from now.
            poll_interval: The longest pause between two polls, in seconds or as a ``timedelta``; the first ones are
                shorter.
            sleep: Called for each pause with its seconds. What it raises ends the wait.

        Returns:
            How it ended; see `airflow_provider_groq.batches.outcome.problem`.

        Raises:
            GroqInputError: The id or a time has an invalid form; nothing was sent.
        """
        (end,) = self.wait_for_batches([batch_id], end_time=end_time, poll_interval=poll_interval, sleep=sleep)
        return end

    def wait_for_batches(
        self,
        batch_ids: Iterable[str],
        *,
        end_time: float | timedelta,
        poll_interval: float | timedelta = 60.0,
        sleep: Callable[[float], None] = time.sleep,
        total_rows: int | None = None,
        say: Callable[[int, str], object] | None = None,
        on_end: Callable[[WaitEnd], object] = lambda _: None,
        on_poll: Callable[[Batch], object] = lambda _: None,
    ) -> list[WaitEnd]:
        """Wait until all of some batches end, asking for 200 in a request; otherwise as `wait_for_batch`.

        Args:
            batch_ids: The batches.
            end_time: As in `wait_for_batch`, for all of them.
            poll_interval: Likewise.
            sleep: Likewise.
            total_rows: How many requests they have, for the progress line of several batches;
                by default as Groq counts them.
            say: Called with the level and the text of each line, in place of the log.
            on_end: Called with each end as soon as it is known. What it raises ends the wait.
            on_poll: Called with each batch after each poll, likewise.

        Returns:
            How each ended, in the order of the ids.
        """
        now = time.time()
        until = moment("end_time", end_time, now=now)
        interval = seconds("poll_interval", poll_interval)
        ids = calls.checked_ids(batch_ids)
        waits = Waits(
            ids,
            self.groq_conn_id,
            end_time=until,
            poll_interval=interval,
            total_rows=total_rows,
            say=say or self.log.log,
            on_poll=on_poll,
        )
        ends = waits.run(self.get_conn(), sleep, on_end)
        telemetry.wait_ended("worker", self.groq_conn_id, ids, since=now)
        return ends

    def test_connection(self) -> tuple[bool, str]:
        """List models and batches, which costs nothing, and return whether the connection works, with a message."""
        try:
            # Airflow's form tests a copy of the connection, by an id that nobody has seen.
            return tested(self._settings("this connection"))
        except GroqError as error:
            return False, str(error)
