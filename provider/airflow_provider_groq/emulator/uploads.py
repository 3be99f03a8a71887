"""The form of an upload: its file goes to disk part by part as it comes in."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import Request

from airflow_provider_groq.emulator.wire import ApiError

FORM_OVERHEAD_BYTES = 1 << 16
"""What a multipart form may add to the file in it."""


async def receive(request: Request, path: Path, max_bytes: int) -> str:
    """Write the file of an upload to a path; return its name.

    Nothing is left at the path where this raises.

    Args:
        request: The request, with a form as its body.
        path: Where the file goes.
        max_bytes: The largest file.

    Raises:
        ApiError: The form lacks something, is none, or the file is too large.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise ApiError(400, "file is required, in a body of multipart/form-data", param="file")
    with _new_file(path) as file:
        form = _Form(file)
        await form.read(request, form.parser(boundary), max_bytes)
        return form.checked()


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file, which is removed again if there is an error."""
    try:
        with path.open("wb", buffering=0) as file:
            yield file
    except BaseException:
        path.unlink()
        raise


class _Form:
    """What the parser has found so far."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._header = bytearray()
        self._value = bytearray()
        self._disposition = b""
        self._part = b""
        self._complete = False
        self._purpose = bytearray()
        self._filename: str | None = None
        self._size = 0

    async def read(self, request: Request, parser: MultipartParser, max_bytes: int) -> None:
        received = 0
        try:
            async for chunk in request.stream():
                received += len(chunk)
                parser.write(chunk)
                if self._size > max_bytes or received > max_bytes + FORM_OVERHEAD_BYTES:
                    raise ApiError(413, "Request Entity Too Large", "request_too_large")
        except FormParserError as error:
            raise ApiError(400, f"The form cannot be read: {error}") from error

    def checked(self) -> str:
        """Return the file's name if all is there."""
        if not self._complete or self._filename is None:
            raise ApiError(400, "file is required", param="file")
        if self._purpose != b"batch":
            raise ApiError(400, "purpose must be 'batch'", param="purpose")
        return self._filename

    def parser(self, boundary: bytes) -> MultipartParser:
        """Return what calls the methods below with what it finds."""
        return MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._header.extend(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._add,
                "on_end": self._end,
            },
        )

    def _begin(self) -> None:
        self._disposition = b""

    def _end_header(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = bytes(self._value)
        self._header.clear()
        self._value.clear()

    def _end_headers(self) -> None:
        _, options = parse_options_header(self._disposition)
        filename = options.get(b"filename")
        self._part = options.get(b"name", b"")
        if self._part == b"file":
            # Without a name it is no file but a text.
            self._part = b"" if filename is None else self._part
            self._filename = None if filename is None else filename.decode(errors="replace")

    def _add(self, data: bytes, start: int, end: int) -> None:
        if self._part == b"file":
            self._size += end - start
            self._file.write(memoryview(data)[start:end])
        elif self._part == b"purpose":
            self._purpose += data[start:end]

    def _end(self) -> None:
        self._complete = True
