"""JSON in and out: by msgspec where it can, and by Python's own module for what msgspec refuses (lone surrogates)."""

import json
from typing import NoReturn

import msgspec


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


_FAST = msgspec.json.Decoder()
_EXACT = json.JSONDecoder(parse_constant=_refuse_constant)
_ENCODER = msgspec.json.Encoder()
_WRITER = json.JSONEncoder(ensure_ascii=False)
_SORTING_ENCODER = msgspec.json.Encoder(order="deterministic")


def parse(line: bytes) -> object:
    """Return the JSON value of one line.

    Raises:
        ValueError: The line is not JSON in UTF-8.
    """
    try:
        return _FAST.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        try:
            return _EXACT.decode(line.decode())
        except RecursionError as error:
            raise ValueError("nested too deeply") from error


def dump(value: object) -> bytes:
    """Return compact JSON in UTF-8, with escapes only where UTF-8 cannot say it (lone surrogates)."""
    try:
        return _ENCODER.encode(value)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()


def canonical(value: object) -> bytes:
    """Return the same JSON for equal values, in whichever order their names are."""
    try:
        return _SORTING_ENCODER.encode(value)
    except UnicodeEncodeError:
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def as_text(value: object) -> str:
    """Return JSON as a model writes it, in a text."""
    return _WRITER.encode(value)
