"""JSON lines: read fast where that is safe, and written so that each stays one line.

The json module decides what is JSON. msgspec makes only the fields that are asked for, and so is many times as
fast, but is less strict about what it skips; `Reader` is not.
"""

from __future__ import annotations

import io
import json
import sys
from typing import Any, Generic, TypeVar

import msgspec

T = TypeVar("T")

DEEP = 500
"""The json module gives up where values are nested a thousand deep, less the depth of the calls that led there."""

LONG = 2 * DEEP
"""A shorter line is not so deep."""

ENDS_OF_LINES = (("\x85", r"\u0085"), ("\u2028", r"\u2028"), ("\u2029", r"\u2029"))
"""What ends a line of text, though not of JSON: some servers split a file there."""


class Reader(Generic[T]):
    """Reads those fields of JSON lines that matter.

    Args:
        form: The fields and their types, as a ``msgspec.Struct``.
    """

    def __init__(self, form: type[T]) -> None:
        decoder = msgspec.json.Decoder(form)
        self._decode, self._decode_lines = decoder.decode, decoder.decode_lines
        self._digits = sys.get_int_max_str_digits() or sys.maxsize

    def read(self, line: bytes) -> T | None:
        """The fields of a line; None if the json module must decide.

        It takes each line that is read here, and gives the same for these fields.
        """
        try:
            if not line.isascii():
                line.decode()
            if len(line) > LONG and (_may_be_deep(line) or self._may_have_a_long_number(line)):
                return None
        except UnicodeDecodeError:
            return None
        return self.read_again(line)

    def read_block(self, block: bytes) -> list[T] | None:
        """The fields of each line of a block; None where one of them is not read, or is blank."""
        try:
            if not block.isascii():
                block.decode()
            deep = _may_be_deep(block) and any(map(_may_be_deep, io.BytesIO(block)))
            if deep or self._may_have_a_long_number(block):
                return None
            read = self._decode_lines(block)
        except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError):
            return None
        return read if len(read) == count_lines(block) else None  # msgspec takes blank lines, and values of several

    def read_again(self, line: bytes) -> T | None:
        """The same for a line that a reader of other fields has read: what no reader takes is not looked for again."""
        try:
            return self._decode(line)
        except (msgspec.MsgspecError, RecursionError):
            return None

    def _may_have_a_long_number(self, line: bytes) -> bool:
        """Whether there may be one of more digits than Python reads: they would fill one of these parts."""
        if len(line) <= self._digits:
            return False
        part = self._digits // 2
        return any(line[start : start + part].isdigit() for start in range(0, len(line), part))


def count_lines(block: bytes) -> int:
    """How many lines there are; to leave their ends out is many times as fast as to count them."""
    ends = len(block) - len(block.replace(b"\n", b""))
    return ends if not block or block.endswith(b"\n") else ends + 1


def _may_be_deep(line: bytes) -> bool:
    """Whether so many values begin; by ``replace``, which finds a rare byte faster than ``count``."""
    return len(line) - len(line.replace(b"[", b"").replace(b"{", b"")) > DEEP


_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_escaped = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode


def write(value: Any) -> bytes:
    """A value as one line of JSON, with its end.

    Raises:
        TypeError: JSON has no form for it.
        ValueError: Likewise: a number that is none, or a value that holds itself.
        RecursionError: It is nested too deeply.
    """
    text = _compact(value)
    if not text.isascii():
        text = _escaped_ends(text)
    try:
        return text.encode() + b"\n"
    except UnicodeEncodeError:  # a lone surrogate can stand in JSON only as an escape
        return _escaped(value).encode() + b"\n"


def escape_ends(text: bytes) -> bytes:
    """JSON in UTF-8, with escapes for what ends a line of text. It stands only within strings, so both say the same."""
    # Each begins with one of these two bytes. To search a text for a character is many times as fast as to search
    # bytes for three.
    if text.isascii() or not (0xC2 in text or 0xE2 in text):  # noqa: PLR2004
        return text
    return _escaped_ends(text.decode()).encode()


def _escaped_ends(text: str) -> str:
    for end, escape in ENDS_OF_LINES:
        text = text.replace(end, escape)
    return text


def loads(line: bytes) -> Any:
    """The value of a line, as the json module reads it, but for ``NaN`` and ``Infinity``, which are no JSON.

    Raises:
        ValueError: It is not JSON; the message shows its beginning.
    """
    try:
        return json.loads(line.decode(), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        text = line[:80].decode("utf-8", "replace").strip()
        raise ValueError(f"is not JSON ({error}): {text!r}") from None


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")
