"""The clients that send calls: `GroqClient` waits for the answer, `AsyncGroqClient` awaits it.

They differ only in that. What is sent, how an answer is read, and what is retried is in
`calls`, `answers` and `retry`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, aclosing, closing, contextmanager, nullcontext
from typing import Any, BinaryIO, Self, TypeVar, cast

import httpx
import tenacity

from airflow_provider_groq.api import answers, bodies, environment, retry
from airflow_provider_groq.api.calls import Call
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.exceptions import GroqConnectionError, GroqError, GroqInputError

T = TypeVar("T")

CHUNK = 1 << 18
KEEPALIVE = 120.0
"""Seconds for which an idle connection is kept for coroutines: longer than the pauses between polls, each
of which would else begin with a TLS handshake."""

READ_IN_THREAD = 256_000
"""A larger answer is read in a thread: one of 500 batches takes some milliseconds, and one of 5,000 the fifth of a
second, in which the event loop would do nothing else. Groq's largest, 200 batches, has 100,000 bytes and takes 1 ms."""


class _Base:
    """What the two clients share: the settings and how a request is made of a call."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "base_url": self._base_url(),
            "headers": self.settings.all_headers,
            "timeout": httpx.Timeout(self.settings.timeout, connect=self.settings.connect_timeout),
            "follow_redirects": False,
            "proxy": environment.proxy(self.settings),
            "verify": environment.tls(self.settings),
            "trust_env": False,
        }

    def _base_url(self) -> httpx.URL:
        try:
            return httpx.URL(self.settings.api_url)
        except httpx.InvalidURL as error:
            raise GroqConnectionError(
                f"The base URL (host) {self.settings.base_url!r} of {self.settings.origin} is not a URL: {error}."
            ) from None

    def _retries(self, call: Call[Any], max_retries: int | None) -> dict[str, Any]:
        return retry.policy(call, self.settings.max_retries if max_retries is None else max_retries)


@contextmanager
def _errors_of(call: Call[Any], settings: Settings) -> Iterator[None]:
    """Raise what goes wrong while the call is under way as an error of ours.

    Without its cause: httpx and h11 quote what the server sent, which can be the key.
    """
    try:
        yield
    except GroqError as error:
        if lost := retry.lost_answer(call, error):
            raise lost from error
        raise
    except Exception as cause:
        if not answers.is_of_transport(cause):
            raise
        ours = answers.transport_error(call, cause, settings)
        raise retry.lost_answer(call, ours) or ours from None


def _content(call: Call[Any]) -> AbstractContextManager[BinaryIO | None]:
    return call.upload.open() if call.upload else nullcontext()


def _request(client: httpx.Client | httpx.AsyncClient, call: Call[Any], content: BinaryIO | None) -> httpx.Request:
    form: dict[str, Any] = {}
    if call.upload:
        form = {
            "data": {"purpose": "batch"},
            "files": {"file": (call.upload.filename, content, "application/jsonl")},
        }
    try:
        request = client.build_request(call.method, call.path, params=list(call.params), json=call.json, **form)
    except (httpx.InvalidURL, ValueError) as error:
        raise GroqInputError(f"{str(call)[:200]} cannot be sent: {error}.") from None
    # A file is asked for as it is; of an answer, gzip is all that can be unpacked within bounds.
    request.headers["Accept-Encoding"] = "identity" if call.raw else "gzip"
    return request


class GroqClient(_Base):
    """Sends calls to Groq and waits for their answers.

    Holds a pool of connections; close it, or use it as a context manager.

    Args:
        settings: Where Groq is, the key, and the tuning.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._http = httpx.Client(**self._options)

    def send(
        self, call: Call[T], *, max_retries: int | None = None, sleep: Callable[[float], None] = tenacity.nap.sleep
    ) -> T:
        """Send the call, again where that helps and does no harm, and return its answer.

        Args:
            call: What to send.
            max_retries: How often to send it again; by default as the settings say.
            sleep: Called before a retry, with the seconds to wait. What it raises ends the call.

        Raises:
            GroqError: As the tree in `exceptions` has it, after the last attempt.
        """
        answer: T = tenacity.Retrying(sleep=sleep, **self._retries(call, max_retries))(self._send_once, call)
        return answer

    def download(self, call: Call[bytes], sink: BinaryIO) -> int:
        """Stream the answer of the call into an open file, and return the number of bytes.

        When the connection breaks, the content is asked for again, and what the file has is passed over. What has
        begun to come is there, so a 404 after that is retried too.

        Raises:
            GroqError: As for `send`. The file then holds a part.
        """
        resume = bodies.Resume(sink)
        tenacity.Retrying(**self._retries(call, None))(self._download_once, call, resume)
        return resume.written

    def head(self, call: Call[bytes], *, max_bytes: int, seconds: float) -> tuple[bytes, bool]:
        """Read the beginning of a file, without retries.

        Args:
            call: Which file.
            max_bytes: How much of it to read.
            seconds: How long to read; what has come by then is returned.

        Returns:
            The bytes, and whether they are the whole file.

        Raises:
            GroqError: As for `send`.
        """
        until = time.monotonic() + seconds
        begun = bytearray()
        with _errors_of(call, self.settings):
            response = self._http.send(_request(self._http, call, None), stream=True)
            with closing(response):
                if not response.is_success or answers.is_page(response):
                    answers.read(call, response, _whole(call, response, self.settings), self.settings)
                unpacker = bodies.Unpacker(call, response)
                for chunk in response.iter_raw():
                    for piece in unpacker.pieces(chunk):
                        begun += piece
                        if len(begun) >= max_bytes:
                            return bytes(begun[:max_bytes]), False
                    if time.monotonic() > until:
                        return bytes(begun), False
                unpacker.end()
        return bytes(begun), True

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _send_once(self, call: Call[T]) -> T:
        with _errors_of(call, self.settings), _content(call) as content:
            response = self._http.send(_request(self._http, call, content), stream=True)
            with closing(response):
                return answers.read(call, response, _whole(call, response, self.settings), self.settings)

    def _download_once(self, call: Call[bytes], resume: bodies.Resume) -> None:
        with resume.again(), _errors_of(call, self.settings):
            response = self._http.send(_request(self._http, call, None), stream=True)
            with closing(response):
                if not response.is_success or answers.is_page(response):
                    answers.read(call, response, _whole(call, response, self.settings), self.settings)
                unpacker = bodies.Unpacker(call, response)
                for chunk in response.iter_raw(CHUNK):
                    resume.write(unpacker.pieces(chunk))
                unpacker.end()
                resume.end(call)


def _whole(call: Call[Any], response: httpx.Response, settings: Settings) -> bytes:
    body = bodies.Body(call, response, settings)
    for chunk in response.iter_raw():
        body.add(chunk)
        if body.full:
            break
    return body.whole()


class AsyncGroqClient(_Base):
    """Sends calls to Groq from a coroutine; otherwise like `GroqClient`.

    Making one reads certificates from disk: in an event loop, make it in a thread.

    Args:
        settings: Where Groq is, the key, and the tuning.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._http = httpx.AsyncClient(**self._options, limits=httpx.Limits(keepalive_expiry=KEEPALIVE))

    async def send(self, call: Call[T], *, max_retries: int | None = None) -> T:
        """Send the call and return its answer, as `GroqClient.send` does."""
        return await tenacity.AsyncRetrying(**self._retries(call, max_retries))(self._send_once, call)

    async def download(self, call: Call[bytes], sink: BinaryIO) -> int:
        """Stream the answer of the call into an open file, as `GroqClient.download` does.

        The file is written to in a thread.
        """
        resume = bodies.Resume(sink)
        await tenacity.AsyncRetrying(**self._retries(call, None))(self._download_once, call, resume)
        return resume.written

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _send_once(self, call: Call[T]) -> T:
        with _errors_of(call, self.settings), await asyncio.to_thread(_content, call) as content:
            if content is None:
                request = _request(self._http, call, None)
            else:  # measures the file
                request = await asyncio.to_thread(_request, self._http, call, content)
                request.stream = _InThread(request.stream)
            response = await self._http.send(request, stream=True)
            async with aclosing(response):
                body = await _whole_async(call, response, self.settings)
                if len(body) > READ_IN_THREAD:
                    return await asyncio.to_thread(answers.read, call, response, body, self.settings)
                return answers.read(call, response, body, self.settings)

    async def _download_once(self, call: Call[bytes], resume: bodies.Resume) -> None:
        with resume.again(), _errors_of(call, self.settings):
            response = await self._http.send(_request(self._http, call, None), stream=True)
            async with aclosing(response):
                if not response.is_success or answers.is_page(response):
                    answers.read(call, response, await _whole_async(call, response, self.settings), self.settings)
                unpacker = bodies.Unpacker(call, response)
                async for chunk in response.aiter_raw(CHUNK):
                    await asyncio.to_thread(resume.write, unpacker.pieces(chunk))
                unpacker.end()
                resume.end(call)


async def _whole_async(call: Call[Any], response: httpx.Response, settings: Settings) -> bytes:
    body = bodies.Body(call, response, settings)
    async with aclosing(cast("AsyncGenerator[bytes, None]", response.aiter_raw())) as chunks:
        async for chunk in chunks:
            body.add(chunk)
            if body.full:
                break
    return body.whole()


class _InThread(httpx.AsyncByteStream):
    """A multipart body whose file is read in a thread, so that the event loop is not held up."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        chunks: Iterator[bytes] = iter(self._stream)
        while (chunk := await asyncio.to_thread(next, chunks, None)) is not None:
            yield chunk
