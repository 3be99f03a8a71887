"""`GroqBatchAdapter`: common-ai's batch operators on Groq."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from airflow.sdk import get_current_context

from airflow_provider_groq import telemetry
from airflow_provider_groq.api.client import GroqClient
from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.api.settings import BASE_URL, MAX_FILE_BYTES, Settings
from airflow_provider_groq.batches import polling
from airflow_provider_groq.batches.options import MAX_LINES, check_options
from airflow_provider_groq.batches.outcome import batch_problem, describe, results_pending
from airflow_provider_groq.common_ai import contract
from airflow_provider_groq.common_ai.claims import Batches
from airflow_provider_groq.common_ai.requests import Form
from airflow_provider_groq.common_ai.results import results
from airflow_provider_groq.exceptions import GroqBatchNotEndedError, GroqInputError
from airflow_provider_groq.hooks.errors import retry_not_found
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.jobs.records import InvalidOutput
from airflow_provider_groq.jobs.requests.form import CHAT
from airflow_provider_groq.jobs.requests.output_type import OutputType
from airflow_provider_groq.jobs.temporary import filling, temporary_file

PURPOSE = "requests are kept"

NO_CONN_ID = "common-ai"
"""What stands in metrics where it is not known which connection common-ai uses."""

STATES: Mapping[str, contract.BatchStatus] = {
    BatchStatus.COMPLETED: "completed",
    BatchStatus.FAILED: "failed",
    BatchStatus.EXPIRED: "expired",
    BatchStatus.CANCELLED: "cancelled",
}
"""common-ai's words for how a batch ended. All other statuses are on the way there."""


class _Hook(GroqHook):
    """Groq with the key that common-ai hands over: it reads the connection itself, and does not say which one.

    The connection's id is for metrics only.
    """

    def __init__(self, settings: Settings, client: GroqClient | None) -> None:
        super().__init__(_conn_id())
        self._handed_over = settings
        self._client = client

    def settings(self) -> Settings:
        return self._handed_over


class GroqBatchAdapter(contract.BatchAdapter):
    """Runs ``@task.llm_batch`` and ``LLMBatchOperator`` on Groq, for ``model_id="groq:…"``.

    common-ai creates it from a connection's password and host, and passes nothing else.

    Args:
        api_key: Groq's key.
        base_url: The server, with ``https://``; by default Groq's.
        client: A client to use instead of creating one.

    Raises:
        GroqConnectionError: The key or the server cannot be used.
    """

    name: ClassVar[str] = "groq"
    conn_types: ClassVar[frozenset[str]] = frozenset({"groq", "pydanticai"})
    max_requests: ClassVar[int] = MAX_LINES
    max_payload_bytes: ClassVar[int] = MAX_FILE_BYTES
    allows_per_request_model: ClassVar[bool] = True

    def __init__(
        self, *, api_key: str | None = None, base_url: str | None = None, client: GroqClient | None = None
    ) -> None:
        settings = client.settings if client else _settings(api_key, base_url)
        # Closed by the base class.
        self._client: _Hook = _Hook(settings, client)
        self._output: tuple[Any, OutputType] | None = None
        self._seen: set[str] = set()
        self._failed: set[str] = set()
        self._pending_since: dict[str, float] = {}

    def validate_requests(
        self,
        requests: list[contract.BatchRequest],
        *,
        model: str,
        output_spec: contract.OutputSpec,
        idempotency_key: str,
        system_prompt: str = "",
        max_tokens: int = 1024,
        request_params: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Check the requests as they would be sent, without asking Groq for anything.

        Raises:
            LLMBatchInputError: One is invalid, or they are too many or too large; the message says which.
        """
        self.check_custom_id_length(idempotency_key, len(requests))
        form = self._form(model, output_spec, system_prompt, max_tokens, request_params)
        for _line in self._lines(form, requests, idempotency_key):
            pass

    def submit(
        self,
        requests: list[contract.BatchRequest],
        *,
        model: str,
        idempotency_key: str,
        input_fingerprint: str,
        output_spec: contract.OutputSpec,
        system_prompt: str = "",
        max_tokens: int = 1024,
        request_params: Mapping[str, Any] | None = None,
        completion_window: str = "24h",
        **_: Any,
    ) -> contract.SubmitResult:
        """Upload the requests and create a batch.

        Raises:
            LLMBatchInputError: As for `validate_requests`; nothing was sent.
            GroqStorageError: There is no room for the requests on this machine; nothing was sent.
            GroqLostAnswerError: The batch may exist or not; the next try finds it.
            GroqError: It could not be created.
        """
        form = self._form(model, output_spec, system_prompt, max_tokens, request_params)
        try:
            check_options(endpoint=CHAT, completion_window=completion_window, metadata=None)
        except GroqInputError as error:
            raise contract.LLMBatchInputError(str(error)) from error
        with temporary_file(PURPOSE) as file:
            with filling(file, PURPOSE) as sink:
                sink.writelines(self._lines(form, requests, idempotency_key))
            batch = Batches(self._client, idempotency_key, input_fingerprint).create(
                file, completion_window=completion_window
            )
        return contract.SubmitResult(batch.id, batch.input_file_id)

    def get_batch(self, batch_id: str) -> contract.BatchState:
        """The status of a batch. One that has ended counts as in progress until its result files are available.

        Raises:
            GroqNotFoundError: Groq does not find it, even after the grace time for new batches.
            GroqError: The request failed.
        """
        batch = self._looked_at(batch_id)
        state = self._state(batch)
        if state == "failed" and batch_id not in self._failed:  # nobody will ask for its results
            self._failed.add(batch_id)
            telemetry.ended(self._client.groq_conn_id, batch)
        return contract.BatchState(state, _counts(batch), _message(batch))

    def cancel_batch(self, batch_id: str) -> None:
        """Request the cancellation of a batch; it may take up to 10 minutes to end."""
        self._client.cancel_batch(batch_id)

    def iter_results(self, batch_id: str) -> Iterator[contract.RawResultItem]:
        """Yield the results of a batch, in the order of its requests, once all of them are downloaded.

        Raises:
            GroqResponseError: The result files lack answers that the batch promises.
            GroqError: They could not be downloaded.
        """
        batch = self._looked_at(batch_id)
        if not batch.terminal:
            raise GroqBatchNotEndedError(
                f"{describe(batch)} Its results exist only after it has ended.", batch_id=batch.id
            )
        return results(self._client, batch)

    def build_output_directive(self, spec: contract.OutputSpec) -> dict[str, Any]:
        """Build the part of a request that sets the form of its answer; ``strict`` is added later, by model.

        Raises:
            LLMBatchOutputTypeError: The output type has no strict schema; the message names the place.
        """
        if not spec.is_structured:
            return {}
        form = self._output_type(spec).response_format("")
        return {"response_format": form}

    def extract_output(self, raw: contract.RawResultItem, spec: contract.OutputSpec) -> contract.ExtractedOutput:
        """Return a model's answer in the form that common-ai validates."""
        text = raw.raw
        if text is None:
            return contract.ExtractedOutput("absent")
        if not spec.is_structured:
            return contract.ExtractedOutput("text", text=text)
        try:
            value = self._output_type(spec).read(text)
        except InvalidOutput:
            return contract.ExtractedOutput("absent", text=text)
        return contract.ExtractedOutput("json_value", value={"response": value} if spec.wrapped else value)

    def find_orphaned_batch(self, idempotency_key: str, input_fingerprint: str, not_before: str) -> str | None:
        """Find the batch of a task that ended before it could record it.

        Returns:
            The newest batch that has both marks and was created since then, without failed and cancelled ones.

        Raises:
            GroqLookupError: It is unknown whether there is one.
        """
        found = Batches(self._client, idempotency_key, input_fingerprint).find(not_before)
        if found is None:
            return None
        telemetry.resumed(self._client.groq_conn_id, 1)
        return found.id

    def _form(
        self,
        model: str,
        spec: contract.OutputSpec,
        system_prompt: str,
        max_tokens: int,
        params: Mapping[str, Any] | None,
    ) -> Form:
        return Form(
            model,
            system_prompt,
            max_tokens,
            params,
            self.build_output_directive(spec).get("response_format"),
            lambda said, index: self.resolve_request_model(said, default_bare_model=model, request_index=index),
        )

    def _lines(self, form: Form, requests: Sequence[contract.BatchRequest], key: str) -> Iterator[bytes]:
        """The lines of the input file, as long as they fit into a batch."""
        if len(requests) > self.max_requests:
            raise contract.LLMBatchLimitExceededError(
                f"Groq takes at most {self.max_requests:,} requests in a batch, but there are {len(requests):,}. "
                "Nothing was sent. Split them with .expand(), so that each mapped task has at most "
                f"{self.max_requests:,}, or use @task.groq_batch, which creates as many batches as needed."
            )
        size = 0
        for index, line in enumerate(form.lines(requests, key)):
            size += len(line)
            if size > self.max_payload_bytes:
                raise contract.LLMBatchLimitExceededError(
                    f"Groq takes at most {self.max_payload_bytes:,} bytes in a batch, which is reached in request "
                    f"{index:,} of {len(requests):,} (output_type repeats its schema in each). Nothing was sent. Split "
                    "them with .expand(), so that each mapped task has fewer, or use @task.groq_batch."
                )
            yield line

    def _output_type(self, spec: contract.OutputSpec) -> OutputType:
        """The output type, made once: results ask for it one by one."""
        if self._output is None or self._output[0] is not spec.output_type:
            try:
                self._output = (spec.output_type, OutputType.of(spec.output_type))
            except GroqInputError as error:
                raise contract.LLMBatchOutputTypeError(str(error)) from error
        return self._output[1]

    def _looked_at(self, batch_id: str) -> Batch:
        """The batch; while none was seen, it is asked for again for a while if it is not found."""
        if batch_id in self._seen:
            return self._client.get_batch(batch_id)
        batch = retry_not_found(self._client.get_batch, batch_id)
        self._seen.add(batch_id)
        return batch

    def _state(self, batch: Batch) -> contract.BatchStatus:
        state = STATES.get(batch.status, "in_progress")
        if state == "failed" and (batch.output_file_id or batch.error_file_id):
            return "completed"  # Of a failed one common-ai lands nothing, though what has an answer is paid.
        if not results_pending(batch):
            return state
        since = self._pending_since.setdefault(batch.id, time.monotonic())
        return "in_progress" if time.monotonic() - since < polling.RESULTS_GRACE else state


def _conn_id() -> str:
    """The connection that the running task names; in a triggerer there is no such task."""
    try:
        task: Any = get_current_context()["task"]
        return str(task.llm_conn_id)
    except (RuntimeError, KeyError, AttributeError):
        return NO_CONN_ID


def _settings(api_key: str | None, base_url: str | None) -> Settings:
    return Settings(
        api_key=(api_key or "").strip(),
        base_url=(base_url or "").strip() or BASE_URL,
        origin="the connection that llm_conn_id names",
    )


def _counts(batch: Batch) -> dict[str, int] | None:
    """How many requests ended how; None where the server does not count them."""
    counts = batch.request_counts
    if not counts.total:
        return None
    rest = max(0, counts.total - counts.done)
    return {
        "succeeded": counts.completed,
        "errored": counts.failed,
        "expired": rest if batch.status == BatchStatus.EXPIRED else 0,
        "cancelled": rest if batch.status == BatchStatus.CANCELLED else 0,
    }


def _message(batch: Batch) -> str | None:
    """Why a batch failed."""
    return str(batch_problem(batch)) if batch.status == BatchStatus.FAILED else None
