"""Rows become requests, one after the other: checked, numbered, each with a digest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from airflow_provider_groq.batches.options import is_utf8, shown
from airflow_provider_groq.exceptions import GroqError, GroqInputError
from airflow_provider_groq.jobs.records import Request
from airflow_provider_groq.jobs.requests.body import REQUEST, BodyMaker
from airflow_provider_groq.jobs.requests.form import ASKS, BESIDE, CHAT, RequestForm
from airflow_provider_groq.jobs.requests.problems import RowProblem, row_error
from airflow_provider_groq.jobs.requests.unique_ids import UniqueIds
from airflow_provider_groq.jobs.requests.values import encode, encode_columns, plain

__all__ = ["RequestForm", "requests"]

OTHERS = frozenset({*ASKS, *BESIDE}) - {"prompt"}

DIGEST_CHARS = 32

GIVE = "Return a list of rows from the function, or yield them: texts, dicts, or tuples with columns."


def requests(rows: Iterable[Any], form: RequestForm, *, max_bytes: int) -> Iterator[Request]:
    """Make the request of each row, as a stream.

    Args:
        rows: What the user gives. If it has a ``place``, that is the file and line that the last row was read from.
        form: What holds for rows that say nothing else.
        max_bytes: The largest file that a batch takes.

    Returns:
        The requests, in the order of the rows. Two rows with the same ``custom_id`` may be found only after more
        rows, so nothing may be sent before the last.

    Raises:
        GroqInputError: They are no rows, there are none, or one is wrong; names the row.
        GroqStorageError: There is no room for finding equal ids.
        Exception: What reading the rows raises, with a note of how far it came.
    """
    _check_rows(rows)
    return _requests(rows, form, max_bytes)


def _requests(rows: Iterable[Any], form: RequestForm, max_bytes: int) -> Iterator[Request]:
    read = RowReader(form).request
    index = 0
    with UniqueIds() as ids:
        try:
            for row in rows:
                request = read(index, row)
                if len(request.line) > max_bytes:
                    raise _too_large(len(request.line), max_bytes)  # noqa: TRY301 - a function would be called for each row
                ids.add(request.custom_id, index)
                yield request
                index += 1
        except RowProblem as problem:
            raise row_error(index, problem, place=getattr(rows, "place", None)) from None
        except Exception as error:
            if not isinstance(error, GroqError):
                error.add_note(f"Raised while reading row {index:,} (counted from 0). Nothing was sent.")
            raise
        ids.check()
    if not index:
        raise GroqInputError(
            "There are no rows. If this is expected, raise AirflowSkipException where the rows come from."
        )


def _too_large(size: int, max_bytes: int) -> RowProblem:
    return RowProblem(
        f"becomes a request of {size:,} bytes, but a batch's file may have at most {max_bytes:,} (max_file_bytes in "
        "the connection's extra)"
    )


def _check_rows(rows: Any) -> None:
    """Check that there are rows, not one row or something else."""
    if rows is None:
        raise GroqInputError(f"There are no rows: the function returned None. {GIVE}")
    if isinstance(rows, (str, bytes, bytearray)):
        raise GroqInputError(f"The rows are a text, {shown(rows)}. {GIVE}")
    if isinstance(rows, Mapping):
        raise GroqInputError(f"The rows are one mapping, {shown(rows)}. {GIVE} For a single row, return [row].")
    if hasattr(rows, "columns") and hasattr(rows, "shape"):
        raise GroqInputError(
            "The rows are a data frame, which iterates over columns, not rows. Return frame.to_dict('records') "
            "(pandas), or frame.iter_rows(named=True) (polars)."
        )
    if not isinstance(rows, Iterable):
        raise GroqInputError(f"The rows are {shown(rows)}, which is not iterable. {GIVE}")


class RowReader:
    """Makes requests of rows.

    Args:
        form: What holds for rows that say nothing else.
    """

    def __init__(self, form: RequestForm) -> None:
        self._form = form
        self._bodies = BodyMaker(form)
        self._template = form.template
        self._model = form.model or ""
        self._has_short_way = form.endpoint == CHAT and form.model is not None
        self._id_column = form.id_column or "custom_id"
        self._before_prompt, self._after_prompt = self._bodies.around_prompt() if form.model else (b"", b"")
        self._salted = hashlib.sha256(form.digest_salt)

    def request(self, index: int, row: Any) -> Request:
        """The request of a row.

        Raises:
            RowProblem: It is wrong.
        """
        if self._template is not None:
            columns = row.copy() if row.__class__ is dict else self._columns(row, "text")
            prompt = self._template.render(columns)
            return self._prompt_request(self._custom_id(index, columns), prompt, columns)
        columns = row.copy() if row.__class__ is dict else self._columns(row, "prompt")
        if len(columns) >= len(REQUEST) and columns.keys() >= REQUEST:
            return self._whole_request(index, columns)
        custom_id = self._custom_id(index, columns)
        asked = columns.get("prompt")
        if (
            asked.__class__ is str
            and columns.keys().isdisjoint(OTHERS)
            and self._has_short_way
            and asked
            and not asked.isspace()
        ):
            del columns["prompt"]
            return self._prompt_request(custom_id, asked, columns)
        said = {key: columns.pop(key) for key in (*ASKS, *BESIDE) if key in columns}
        endpoint, body = self._bodies.body(said)
        return self._request(custom_id, self._bodies.rest(endpoint, body), body["model"], columns)

    def _prompt_request(self, custom_id: str, prompt: str, columns: dict[str, Any]) -> Request:
        """The commonest: all but the prompt is the same for each row, and was encoded before."""
        rest = b"".join((self._before_prompt, encode(prompt), self._after_prompt))
        return self._request(custom_id, rest, self._model, columns)

    def _whole_request(self, index: int, columns: dict[str, Any]) -> Request:
        request = {key: plain(columns.pop(key), key) for key in ("method", "url", "body")}
        custom_id = self._custom_id(index, columns) if self._id_column == "custom_id" else columns.pop("custom_id")
        self._bodies.check_whole({"custom_id": custom_id, **request})
        rest = self._bodies.rest(request["url"], request["body"])
        return self._request(custom_id, rest, request["body"]["model"], columns)

    def _request(self, custom_id: str, rest: bytes, model: str, columns: dict[str, Any]) -> Request:
        """A request of its parts.

        Args:
            custom_id: Its id.
            rest: Its line, from behind the id on; this is what has a digest.
            model: The model that it names.
            columns: What is carried to the answer.
        """
        line = b"".join((b'{"custom_id":', encode(custom_id), rest))
        digest = self._salted.copy()
        digest.update(rest)
        carried = encode_columns(columns) if columns else None
        return Request(custom_id, line, digest.hexdigest()[:DIGEST_CHARS], model, carried)

    def _columns(self, row: Any, text_column: str) -> dict[str, Any]:
        """The columns of a row, in a copy."""
        if isinstance(row, str):
            return {text_column: row}
        if isinstance(row, Mapping):
            return dict(row)
        if hasattr(row, "keys") and hasattr(row, "__getitem__"):  # sqlite3.Row
            return {name: row[name] for name in row.keys()}  # noqa: SIM118 - it gives its values
        names = self._form.columns or getattr(row, "_fields", None)
        if isinstance(row, (bytes, bytearray)) or not (hasattr(row, "__len__") and hasattr(row, "__getitem__")):
            raise RowProblem(f"is {shown(row)}, but a row must be a text, a mapping of columns, or a tuple of values")
        if not names:
            raise RowProblem(f"is {shown(row)}, but its values have no names: set columns=[...]")
        if len(names) != len(row):
            raise RowProblem(f"is {shown(row)}, which has {len(row)} values for the {len(names)} columns {list(names)}")
        return dict(zip(names, row, strict=True))

    def _custom_id(self, index: int, columns: dict[str, Any]) -> str:
        """The id of a row, as text, taken out of its columns."""
        name = self._id_column
        if name not in columns:
            if self._form.id_column:
                raise RowProblem(f"has no column {name!r}, which id_column names; its columns are {list(columns)}")
            return f"row-{index}"
        value = columns.pop(name)
        if value.__class__ is not str:
            value = _text_of(name, value)
        if not value or value.isspace():
            raise RowProblem(f"{name} is {value!r}, but must not be empty")
        if not value.isascii() and not is_utf8(value):
            raise RowProblem(f"{name} is {shown(value)}, which is not valid Unicode")
        return value


def _text_of(name: str, value: Any) -> str:
    """The text of an id that is none: a number, or what else is written as text."""
    written = plain(value, name)
    if isinstance(written, (bool, list, dict)) or written is None:
        raise RowProblem(f"{name} is {shown(value)}, but must be a text or a number")
    try:
        return str(written)
    except ValueError as error:  # an integer of more digits than Python writes
        raise RowProblem(f"{name} cannot be written as text: {error}") from None
