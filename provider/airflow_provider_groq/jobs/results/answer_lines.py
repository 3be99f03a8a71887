"""The lines of answers: how one is written, and what is read of it again and again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

import msgspec

from airflow_provider_groq.batches.json_lines import ENDS_OF_LINES
from airflow_provider_groq.exceptions import GroqStorageError
from airflow_provider_groq.jobs.money.usage import Counts
from airflow_provider_groq.jobs.records import NOTHING, Answer, Error, Status
from airflow_provider_groq.jobs.results.summary import Summarizer, Summary

BLOCK_BYTES = 1 << 16
"""How much is gathered before it is written; more leaves the processor's cache, and takes three times as long."""

ESCAPES = tuple((end.encode(), escape.encode()) for end, escape in ENDS_OF_LINES)

_encoder = msgspec.json.Encoder()


class Head(msgspec.Struct, gc=False):
    """What an answer says of its row without the text: the fields are those of `Answer`."""

    custom_id: str
    index: int
    status: Status
    request_digest: str
    error: Error | None = None
    model: str | None = None
    finish_reason: str | None = None
    usage: msgspec.Raw = NOTHING
    batch_id: str | None = None


_heads = msgspec.json.Decoder(Head)


def read_head(line: bytes) -> Head:
    """What an answer's line says of its row.

    Raises:
        GroqStorageError: The line is cut off, or is not an answer.
    """
    try:
        head = _heads.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _cut_off(line, str(error)) from None
    if not line.endswith(b"\n"):
        raise _cut_off(line, "it has no end")
    return head


def head_of(answer: Answer) -> Head:
    """What an answer says of its row without the text."""
    return Head(
        answer.custom_id,
        answer.index,
        answer.status,
        answer.request_digest,
        answer.error,
        answer.model,
        answer.finish_reason,
        answer.usage,
        answer.batch_id,
    )


def _cut_off(line: bytes, why: str) -> GroqStorageError:
    return GroqStorageError(
        f"A line of answers cannot be read: {why}. It has {len(line):,} bytes and begins with "
        f"{line[:100].decode('utf-8', 'replace')!r}. The file was cut off or changed after it was written."
    )


def encode(answer: Answer) -> bytes:
    """An answer as a line, with its end."""
    line = _encoder.encode(answer)
    return (line if line.isascii() else _one_line(line)) + b"\n"


def _one_line(data: bytes) -> bytes:
    """JSON without what ends a line of text, though not of JSON; it can stand only in texts."""
    for end, escape in ESCAPES:
        data = data.replace(end, escape)
    return data


class Writer:
    """Writes answers to an open file, a block at a time.

    Args:
        sink: The file.

    Attributes:
        size: How many bytes have been written.
    """

    def __init__(self, sink: BinaryIO) -> None:
        self._sink = sink
        self._block = bytearray()
        self.size = 0
        self._summarizer = Summarizer()

    def add(self, answer: Answer) -> None:
        """Take the next answer."""
        self._summarizer.add(answer)
        _encoder.encode_into(answer, self._block, -1)
        self._block += b"\n"
        if len(self._block) >= BLOCK_BYTES:
            self._flush()

    def add_all(self, answers: Sequence[Answer], counts: Sequence[Counts | None]) -> None:
        """Take the next answers, which are written at once.

        Args:
            answers: The answers.
            counts: What each says that it used.
        """
        self._flush()
        self._summarizer.add_all(answers, counts)
        self._write(_encoder.encode_lines(answers))

    def end(self) -> Summary:
        """Write what is left, and give the summary of all."""
        self._flush()
        return self._summarizer.summary(self.size)

    def _flush(self) -> None:
        if self._block:
            self._write(bytes(self._block))
            self._block.clear()

    def _write(self, lines: bytes) -> None:
        block = lines if lines.isascii() else _one_line(lines)
        self.size += len(block)
        self._sink.write(block)
