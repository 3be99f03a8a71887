"""The failures of single requests that a test can ask for: by status code or by Groq's error code."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from airflow_provider_groq.emulator.errors import error_body
from airflow_provider_groq.emulator.flaws import FLAWS, cut

SCRIPTED = "scripted_failure"
MIN_STATUS, MAX_STATUS = 400, 599


@dataclass(frozen=True)
class Failure:
    """How one request fails.

    Args:
        status: The status code of its response; 0 for a request that got none, where Groq fills in `error`.
        code: Groq's error code.
        message: Groq's message; `{model}` stands for the request's model.
        kind: Groq's `type` of error.
    """

    status: int
    code: str
    message: str
    kind: str = "invalid_request_error"

    def body(self, model: str, generated: str) -> dict[str, Any]:
        """Return the error body for a request.

        Args:
            model: The request's model.
            generated: What the model would have answered.
        """
        body = error_body(self.message.format(model=model), self.code, kind=self.kind)
        if self.code == "json_validate_failed":
            body["error"]["failed_generation"] = cut(generated)
        return body


FAILURES = [
    Failure(
        400,
        "json_validate_failed",
        "Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details.",
    ),
    Failure(404, "model_not_found", "The model `{model}` does not exist or you do not have access to it."),
    Failure(
        429,
        "rate_limit_exceeded",
        "Rate limit reached for model `{model}` in organization `org_emulator` service tier `batch` on tokens per "
        "minute (TPM): Limit 250000, Used 249000, Requested 1500. Please try again in 120ms.",
        kind="tokens",
    ),
    Failure(
        498, "capacity_exceeded", "Model `{model}` is over capacity. Please try again later.", kind="capacity_exceeded"
    ),
    Failure(500, "internal_server_error", "Internal Server Error", kind="internal_server_error"),
    Failure(503, "service_unavailable", "Service Unavailable", kind="internal_server_error"),
    Failure(0, "batch_expired", "This request could not be executed before the completion window expired."),
    Failure(0, "batch_cancelled", "This request was not executed because the batch was cancelled."),
]
BY_CODE = {failure.code: failure for failure in FAILURES}
# A bare 400 is the caller's fault, which `json_validate_failed` is not.
BY_STATUS = {failure.status: failure for failure in FAILURES if failure.status not in (0, 400)}


def failure_of(wanted: int | str) -> Failure:
    """Return the failure that a status code or an error code asks for."""
    if isinstance(wanted, str):
        return BY_CODE[wanted]
    known = BY_STATUS.get(wanted)
    if known is not None:
        return known
    server = wanted >= HTTPStatus.INTERNAL_SERVER_ERROR
    kind = "internal_server_error" if server else "invalid_request_error"
    return Failure(wanted, SCRIPTED, f"The emulator was told to fail this request ({wanted}).", kind)


def problem_of_failure(wanted: object) -> str | None:
    """Say what a status code, an error code or a flaw should have been, or None if it is right."""
    if isinstance(wanted, str) and (wanted in BY_CODE or wanted in FLAWS):
        return None
    if type(wanted) is int and (wanted == 0 or MIN_STATUS <= wanted <= MAX_STATUS):
        return None
    codes = ", ".join([*BY_CODE, *FLAWS])
    return f"a status code from {MIN_STATUS} to {MAX_STATUS}, 0 for no response, or one of {codes}"
