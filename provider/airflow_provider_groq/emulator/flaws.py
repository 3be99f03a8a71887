"""What can be wrong with the answer to a request that Groq counts as completed."""

import json

from airflow_provider_groq.emulator.json_lines import as_text

LENGTH = "length"
INVALID_JSON = "invalid_json"
SCHEMA_MISMATCH = "schema_mismatch"
LINE_MISSING = "line_missing"
LINE_LOST = "line_lost"
LINE_REPEATED = "line_repeated"
LINE_FOREIGN = "line_foreign"
LINE_TORN = "line_torn"

OF_LINES = frozenset({LINE_MISSING, LINE_LOST, LINE_REPEATED, LINE_FOREIGN, LINE_TORN})
"""Those of a line in a result file; the others are the model's."""
FLAWS = (LENGTH, INVALID_JSON, SCHEMA_MISMATCH, *sorted(OF_LINES))


def flawed(content: str, flaw: str | None) -> str:
    """Return what a model says in place of `content` when its answer has this flaw."""
    if flaw == LENGTH:
        return cut(content)
    if flaw == INVALID_JSON:
        return f"Here is the JSON: {cut(content)}"
    if flaw == SCHEMA_MISMATCH:
        return as_text(_misfit(_value(content)))
    return content


def flawed_lines(line: bytes, foreign: bytes, flaw: str | None) -> bytes:
    """Return what a result file has in place of `line` when it has this flaw.

    Args:
        line: The line as it should be.
        foreign: The same line with a `custom_id` that no request has.
        flaw: What is wrong with it.
    """
    if flaw in {LINE_MISSING, LINE_LOST}:
        return b""
    if flaw == LINE_REPEATED:
        return line + line
    if flaw == LINE_FOREIGN:
        return line + foreign
    return line[: len(line) // 2] + b"\n" if flaw == LINE_TORN else line


def cut(text: str) -> str:
    """Return the first half of a text, as where a model stops too early."""
    return text[: len(text) // 2]


def _value(content: str) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return content


def _misfit(value: object) -> object:
    """Return JSON that does not fit the schema that `value` fits: all its values are of another kind."""
    if isinstance(value, dict) and value:
        return {name: [entry] if isinstance(entry, dict) else {"unexpected": entry} for name, entry in value.items()}
    return [value] if isinstance(value, dict) else {"unexpected": value}
