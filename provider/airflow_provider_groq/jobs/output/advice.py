"""What to do about rows that failed, by their outcome."""

from __future__ import annotations

from airflow_provider_groq.jobs.results.outcomes import is_transient

BY_CODE = {
    "model_not_found": "Name a model that your key may use.",
    "json_validate_failed": "Make output_type simpler, raise max_completion_tokens, or escalate to a larger model.",
    "invalid_output": "Make output_type wider or the prompt clearer, or escalate to a larger model.",
    "context_length_exceeded": "Shorten the prompts, or use a model with a larger context.",
    "not_sent": "Change what stopped the job: what its canary showed, max_cost or timeout. Then clear the task.",
}
"""By the code of the error."""

BY_STATUS = {
    400: "Fix what the message names: in the rows, request_params or system_prompt.",
    401: "Correct the connection's key.",
    403: "Get access to this model for your key or plan.",
    404: "Fix what the message names: a model or an address.",
    413: "Shorten the prompts of these rows.",
    422: "Fix what the message names: in the rows, request_params or system_prompt.",
}
"""By the HTTP status."""

BY_ROW_STATUS = {
    "expired": "Clear the task to send these rows, with a longer completion_window.",
    "cancelled": "Clear the task to send these rows.",
    "missing": "Clear the task to send these rows.",
}
"""By what became of the row."""

TRANSIENT = "Clear the task later to send these rows."
OTHERWISE = "See the errors of these rows in the answers."


def advice(row_status: str, status: int | None, code: str | None) -> str:
    """What to do about one kind of error.

    Args:
        row_status: What became of the rows.
        status: The HTTP status of their requests.
        code: The code of their error.
    """
    found = BY_CODE.get(code or "") or BY_ROW_STATUS.get(row_status)
    if found is None and is_transient(status, code):
        return TRANSIENT
    return found or BY_STATUS.get(status or 0, OTHERWISE)
