"""The bodies of answers: unpacked and gathered, never with more in memory than an answer may have."""

from __future__ import annotations

import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import httpx

from airflow_provider_groq.api.calls import Call
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.exceptions import GroqError, GroqNotFoundError, GroqResponseError, GroqTransportError

MAX_BYTES = 16 << 20
"""The largest answer that is read into memory; Groq's largest, 200 batches, is a hundredth of it."""

MAX_ERROR_BYTES = 1 << 20
"""As much of an answer with an error is read; its status says the rest."""

MAX_VALUES = 1_000_000
"""JSON of more values is not parsed: the smallest, two bytes, takes fifty times as many in memory, and more."""

PIECE_BYTES = 1 << 18
"""As much is unpacked at a time: compressed zeros grow a thousandfold."""

COMPRESSIONS = frozenset({"gzip", "x-gzip", "deflate", "compress", "x-compress", "br", "zstd", "dcb", "dcz"})
"""Whatever else a server names as the encoding of its content, such as ``utf-8``, changes nothing."""

GZIP = 16 + zlib.MAX_WBITS


def is_too_wide(text: bytes) -> bool:
    """Whether JSON has more values than are parsed: each needs a comma or a bracket."""
    return text.count(b",") + text.count(b"[") + text.count(b"{") > MAX_VALUES


class Unpacker:
    """Gives an answer's bytes as they were before they were compressed, a piece at a time.

    Only gzip is known, which is all that is asked for.
    """

    def __init__(self, call: Call[Any], response: httpx.Response) -> None:
        self._call = call
        named = response.headers.get("content-encoding", "").lower()
        used = [coding for coding in (word.strip() for word in named.split(",")) if coding in COMPRESSIONS]
        if used not in ([], ["gzip"], ["x-gzip"]):
            raise GroqResponseError(
                f"{call} returned a body compressed as {', '.join(used[:5])}, which was not requested."
            )
        self._inflate = zlib.decompressobj(GZIP) if used else None
        self._begun = False

    def pieces(self, data: bytes) -> Iterator[bytes]:
        """What the next bytes unpack to."""
        if self._inflate is None:
            yield data
            return
        full = False
        while data or full:
            if self._inflate.eof:
                if not data:
                    return
                self._inflate = zlib.decompressobj(GZIP)
            try:
                piece = self._inflate.decompress(data, PIECE_BYTES)
            except zlib.error as error:
                raise self._broken(str(error)) from None
            self._begun = True
            if piece:
                yield piece
            full = len(piece) == PIECE_BYTES
            data = self._inflate.unconsumed_tail or self._inflate.unused_data

    def end(self) -> None:
        """The body ends here."""
        if self._begun and self._inflate and not self._inflate.eof:
            raise self._broken("it is cut short")

    def _broken(self, reason: str) -> GroqResponseError:
        return GroqResponseError(f"{self._call} returned a body that cannot be decompressed: {reason}.")


class Body:
    """Gathers an answer's body, up to `MAX_BYTES`, and for no longer than twice the timeout of its parts.

    Attributes:
        full: Whether it has enough of an answer whose status is an error.
    """

    def __init__(self, call: Call[Any], response: httpx.Response, settings: Settings) -> None:
        self.full = False
        self._call = call
        self._is_value = response.is_success
        self._limit = MAX_BYTES if self._is_value else MAX_ERROR_BYTES
        self._seconds = 2 * settings.timeout
        self._until = time.monotonic() + self._seconds
        self._unpacker = Unpacker(call, response)
        self._body = bytearray()

    def add(self, chunk: bytes) -> None:
        """Take one more chunk, as it came."""
        for piece in self._unpacker.pieces(chunk):
            self._body += piece
            if len(self._body) > self._limit:
                self._stop(
                    GroqResponseError(f"{self._call} returned more than {self._limit:,} bytes; reading stopped.")
                )
                return
        if time.monotonic() > self._until:
            self._stop(
                GroqTransportError(
                    f"{self._call} had not completed its response after {self._seconds:g} s; reading stopped."
                )
            )

    def whole(self) -> bytes:
        """All of it."""
        if not self.full:
            self._unpacker.end()
        return bytes(self._body)

    def _stop(self, error: GroqError) -> None:
        if self._is_value:
            raise error
        self.full = True


class Resume:
    """Writes to an open file what it does not have yet, when the same content comes again from its beginning."""

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._position = 0
        self.written = 0

    @contextmanager
    def again(self) -> Iterator[None]:
        """While the block runs, the content comes from its beginning.

        Raises:
            GroqResponseError: It is not found, though a part of it has come. Not the error of what was never found:
                who asks for that again begins anew, behind this part.
        """
        self._position = 0
        try:
            yield
        except GroqNotFoundError as error:
            if not self.written:
                raise
            raise GroqResponseError(f"{error} Before that, it returned {self.written:,} bytes of it.") from error

    def write(self, pieces: Iterable[bytes]) -> None:
        """Take the next pieces of the content."""
        for piece in pieces:
            new = piece[max(0, self.written - self._position) :]
            self._position += len(piece)
            if new:
                self._sink.write(new)
                self.written += len(new)

    def end(self, call: Call[Any]) -> None:
        """The content ends here."""
        if self._position < self.written:
            raise GroqResponseError(
                f"{call} returned {self._position:,} bytes; before, it had {self.written:,} or more."
            )
