"""``prompt_template``: a prompt with columns of the row in it, as ``str.format`` has them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from string import Formatter
from typing import Any

from airflow_provider_groq.batches.options import shown
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.requests.problems import RowProblem

JINJA = re.compile(
    r"""
    (?<!\{)\{\{-?\s*[A-Za-z_]\w*\s*(?:[.\[(|~+*/<>=!-][^{}]*)?\}\}(?!\})   # {{ ds }}, {{ params.x }}, {{ ds | upper }}
    | \{%[^{}]*%\}                                                         # {% if x %}
    | \{\#[^{}]*\#\}                                                       # {# a comment #}
    """,
    re.VERBOSE,
)
"""What Jinja would render. ``{{"a": 1}}`` is none of it, but an escaped brace of ``str.format``."""

CONVERSIONS = frozenset({None, "r", "s", "a"})


class Template:
    """A prompt with fields for the columns of a row.

    Args:
        text: A format string. A field names a column, and may take an item of it (``{address[city]}``) and say how it
            is written (``{price:.2f}``).

    Attributes:
        columns: The columns that it names.

    Raises:
        GroqInputError: It is not such a text, names no column, or looks like Jinja.
    """

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise GroqInputError(f"prompt_template must be text, but is {shown(text)}.")
        if found := JINJA.search(text):
            raise GroqInputError(
                f"prompt_template has {shown(found[0])}, which looks like Jinja, but prompts are never rendered by "
                "Jinja. Name a column of the rows as {column}; what is the same for all rows can be a column too."
            )
        self._text = text
        self.columns = tuple(dict.fromkeys(_columns_in(text)))
        if not self.columns:
            raise GroqInputError(
                f"prompt_template {shown(text)} names no column, so all rows would have the same prompt. Name the "
                "columns in single braces, such as {text}."
            )

    def render(self, row: Mapping[str, Any]) -> str:
        """The prompt of a row.

        Raises:
            RowProblem: The row lacks one of the columns, or its value cannot be written as the field says.
        """
        for name in self.columns:
            if row.get(name) is None:
                raise _missing(name, row)
        try:
            prompt = self._text.format_map(row)
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise RowProblem(
                f"prompt_template cannot be filled from it: {type(error).__name__}: {error}; the columns it names are "
                f"{', '.join(f'{name} = {shown(row[name])}' for name in self.columns)}"
            ) from None
        if not prompt or prompt.isspace():
            raise RowProblem("renders prompt_template to an empty prompt")
        return prompt


def _missing(name: str, row: Mapping[str, Any]) -> RowProblem:
    if name in row:
        return RowProblem(
            f"column {name!r}, which prompt_template names, is None: use a text, such as '', or remove the row"
        )
    has = ", ".join(map(repr, row)) or "none"
    return RowProblem(f"has no column {name!r}, which prompt_template names; its columns are {has}")


def _columns_in(text: str) -> Iterator[str]:
    """The columns that the fields of a format string name, those within the form of another field too."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError as error:
        raise GroqInputError(
            f"prompt_template {shown(text)} is not a valid format string: {error}. Double a literal brace: "
            "{{ or }}."
        ) from None
    for _, field, form, conversion in parts:
        if field is not None:
            yield _column_of(field, conversion)
        if form:
            yield from _columns_in(form)


def _column_of(field: str, conversion: str | None) -> str:
    """The column that a field names.

    Items of a column are safe to take, as they are data. Attributes are not: by ``{a.__class__}`` and the like, text
    from elsewhere that ends up in a template reads whatever the process holds.
    """
    whole = "{" + field + "}"
    name = re.split(r"[.\[]", field, maxsplit=1)[0]
    rest = field[len(name) :]
    if not name or name.isdecimal():
        raise GroqInputError(
            f"prompt_template has the field {whole}, which names no column. Fields are filled by name: {{text}}. "
            "Double a literal brace: {{ or }}."
        )
    if not re.fullmatch(r"(\[[^\[\]]+\])*", rest):
        raise GroqInputError(
            f"prompt_template has the field {whole}, but attributes of values are not allowed, because they can "
            "reach beyond the row's data. Name a column, or an item of one as {column[key]}."
        )
    if conversion not in CONVERSIONS:
        raise GroqInputError(f"prompt_template has the field {whole} with !{conversion}, but only !s, !r and !a exist.")
    return name
