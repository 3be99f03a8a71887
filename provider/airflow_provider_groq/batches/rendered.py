"""Ids and paths as Jinja renders them: text, also where a task returned a list or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from airflow_provider_groq.batches.options import shown
from airflow_provider_groq.exceptions import GroqInputError

NOTHING = frozenset({"None", "null"})
"""What Jinja makes of nothing."""

SKIPPED = "Was the upstream task skipped, or did it return nothing?"

NATIVE = (
    "Pass the task's output itself (create.output, not '{{ … }}'), or set render_template_as_native_obj=True on "
    "the Dag."
)


def check_id(argument: str, value: Any) -> str:
    """An id of Groq's, as it is.

    Args:
        argument: What the operator calls it, for the error.
        value: What it was given.

    Raises:
        GroqInputError: It is nothing, a list, or the text that Jinja makes of either.
    """
    wanted = "must be an id from Groq"
    if not isinstance(value, (str, type(None))) and isinstance(value, Iterable):
        raise GroqInputError(f"{argument} {wanted}, but is {shown(value)}. For several, map the task with .expand().")
    return _text(argument, value, wanted)


def check_ids(argument: str, value: Any) -> list[str]:
    """The ids of one batch or of several, each once.

    Raises:
        GroqInputError: There are none, or one of them is none.
    """
    if isinstance(value, (str, bytes, Mapping)) or not isinstance(value, Iterable):
        return [check_id(argument, value)]
    ids = [check_id(f"{argument}[{index}]", id_) for index, id_ in enumerate(value)]
    if not ids:
        raise GroqInputError(f"{argument} is an empty list: there is nothing to wait for. {SKIPPED}")
    return list(dict.fromkeys(ids))


def check_path(argument: str, value: Any) -> str:
    """A path or URI as text, as it is.

    Raises:
        GroqInputError: It is nothing, a list, or the text that Jinja makes of either.
    """
    return _text(argument, value, "must be a path or a URI")


def _text(argument: str, value: Any, wanted: str) -> str:
    if value is None or (isinstance(value, str) and (not value.strip() or value.strip() in NOTHING)):
        raise GroqInputError(f"{argument} {wanted}, but is {value!r}. {SKIPPED}")
    if not isinstance(value, str):
        raise GroqInputError(f"{argument} {wanted}, but is {shown(value)}.")
    if re.fullmatch(r"\s*(\[.*\]|\{.*\}|\(.*\)|<.*>)\s*", value, re.DOTALL):
        raise GroqInputError(
            f"{argument} {wanted}, but is {shown(value)}, a value that Jinja turned into text. {NATIVE}"
        )
    return value
