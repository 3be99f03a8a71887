"""`GroqCreateBatchOperator`, `GroqCancelBatchOperator`, `GroqDownloadBatchResultsOperator`."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow.sdk import BaseOperator, Context

from airflow_provider_groq.api.models import Batch, BatchStatus
from airflow_provider_groq.batches import requests as batch_requests
from airflow_provider_groq.batches.events import WaitEnd
from airflow_provider_groq.batches.identity import Claim, check_metadata
from airflow_provider_groq.batches.outcome import batch_problem, describe, duration, problem, remark
from airflow_provider_groq.exceptions import (
    GroqAPIError,
    GroqBatchFailedError,
    GroqBatchNotEndedError,
    GroqBatchTimeoutError,
    GroqInputError,
)
from airflow_provider_groq.hooks.errors import fail_for_good, patiently
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.operators.base import BatchOperator, settle_timeout
from airflow_provider_groq.operators.inline import InlineRequests
from airflow_provider_groq.operators.inputs import delete_input, open_input
from airflow_provider_groq.operators.killing import Guard
from airflow_provider_groq.operators.landing import land
from airflow_provider_groq.operators.notes import Notes
from airflow_provider_groq.operators.submission import Submission
from airflow_provider_groq.operators.tries import current_try

if TYPE_CHECKING:
    from airflow.sdk import ObjectStoragePath

SPARE_SECONDS = 3600.0
"""Added to the completion window for the default deadline: Groq ends a batch at its window's end, about."""

CANCEL_SECONDS = 900.0
"""Default deadline of a cancelling, which Groq says may take 10 minutes."""


class GroqCreateBatchOperator(BatchOperator):
    """Creates a batch, or takes up the one that an earlier try has made, and waits for it unless told not to.

    Takes its requests from exactly one of the first three arguments. They are checked line by
    line before anything is sent. The batch id is in XCom (key ``batch_id``) as soon as it exists.

    Args:
        input_file_id: A file that is at Groq already.
        input_path: A JSONL file: a local path, or the URI of an object storage.
        requests: Request objects, or what gives them, such as another task's output. Never rendered
            by Jinja. ``method`` and ``url`` may be left out.
        endpoint: The endpoint of the batch, such as ``/v1/chat/completions``.
        completion_window: How long Groq may take: from ``24h`` to ``7d``.
        metadata: Text that Groq keeps with the batch.
        timeout: Seconds to wait; by default the completion window and an hour.
        reattach: Whether a batch that an earlier try has made of the same input is taken up.
        cancel_on_kill: Whether the batch is cancelled when a user marks the task.
        cancel_on_timeout: Whether it is cancelled when the wait times out.
        fail_on_partial_error: Whether the task fails when only some of the requests succeeded.
        delete_files: Whether the input file is deleted from Groq when the batch has ended.
        kwargs: ``groq_conn_id``, ``wait_for_completion``, ``deferrable``, ``poll_interval``, and
            what every operator takes.
    """

    template_fields: Sequence[str] = (
        "input_file_id",
        "input_path",
        "requests",
        "endpoint",
        "completion_window",
        "metadata",
        "groq_conn_id",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"metadata": "json"}

    def __init__(
        self,
        *,
        input_file_id: str | None = None,
        input_path: str | ObjectStoragePath | None = None,
        requests: Any = None,
        endpoint: str = "/v1/chat/completions",
        completion_window: str = "24h",
        metadata: Mapping[str, str] | None = None,
        timeout: float | None = None,
        reattach: bool = True,
        cancel_on_kill: bool = True,
        cancel_on_timeout: bool = True,
        fail_on_partial_error: bool = False,
        delete_files: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if delete_files and not self.wait_for_completion:
            raise GroqInputError("delete_files=True needs wait_for_completion=True: Groq reads the file until the end.")
        if timeout is not None:
            batch_requests.check_seconds(timeout=timeout)
        self.input_file_id = input_file_id
        self.input_path = input_path
        self.requests = None if requests is None else InlineRequests(requests)
        self.endpoint = endpoint
        self.completion_window = completion_window
        self.metadata = metadata
        self.timeout = timeout
        self.reattach = reattach
        self.cancel_on_kill = cancel_on_kill
        self.cancel_on_timeout = cancel_on_timeout
        self.fail_on_partial_error = fail_on_partial_error
        self.delete_files = delete_files
        self._check_inputs()

    def execute(self, context: Context) -> str:
        """Create the batch, or take it up, and wait for it.

        Returns:
            The batch id.

        Raises:
            AirflowFailException: For what no retry can mend: wrong input, a refused key, a batch that
                failed, expired, or was cancelled.
            GroqError: For what a retry may mend.
        """
        with fail_for_good(), GroqHook(self.groq_conn_id) as hook:
            self._check_inputs()
            batch_requests.check_options(
                endpoint=self.endpoint, completion_window=self.completion_window, metadata=self.metadata
            )
            check_metadata(self.metadata)
            notes = Notes(context)
            guard = Guard(
                context,
                hook.get_conn().settings,
                superseded=notes.superseded,
                cancel_on_kill=self.cancel_on_kill,
                cancel_on_timeout=self.cancel_on_timeout,
                reattach=self.reattach,
            )
            with self._guarded_by(guard):
                batch = self._batch(context, hook, notes, guard)
                if not self.wait_for_completion:
                    return batch.id
                return cast("str", self._wait(context, hook, batch, guard=guard, end_time=self._end_time()))

    def _check_inputs(self) -> None:
        given = [name for name in ("input_file_id", "input_path", "requests") if getattr(self, name) not in (None, "")]
        if len(given) != 1:
            raise GroqInputError(
                "Exactly one of input_file_id, input_path and requests must be given, "
                f"but {' and '.join(given) if given else 'none'} {'were' if len(given) > 1 else 'was'}."
            )

    def _batch(self, context: Context, hook: GroqHook, notes: Notes, guard: Guard) -> Batch:
        """The batch to wait for."""
        this = current_try(context, reattach=self.reattach)
        given = self.input_path if self.requests is None else self.requests
        with open_input(hook, given, file_id=self.input_file_id, endpoint=self.endpoint, stem=self.task_id) as source:
            claim = Claim(this.identity, source.digest)
            submission = Submission(hook, claim, notes=notes, guard=guard, first_try=this.first, since=this.since)
            batch = submission.find() if self.reattach else None
            if batch is not None:
                age = duration(max(0.0, time.time() - batch.created_at))
                self.log.info("An earlier try has made this task's batch, %s ago. %s", age, describe(batch))
                self._say(context, batch, "Took up", guard)
                return batch
            batch = submission.create(
                source,
                endpoint=self.endpoint,
                completion_window=self.completion_window,
                metadata=claim.metadata(self.metadata),
            )
        self._say(context, batch, "Created", guard)
        return batch

    def _end_time(self) -> float:
        if self.timeout is not None:
            return time.time() + self.timeout
        return time.time() + batch_requests.window_hours(self.completion_window) * 3600 + SPARE_SECONDS

    def _finish(self, context: Context, end: WaitEnd) -> str:
        fate = ""
        if end.reason == "timeout":
            # Without reattachment no other try would want the batch.
            superseded = Notes(context).superseded if self.reattach else lambda: False
            end, fate = settle_timeout(self.groq_conn_id, end, cancel=self.cancel_on_timeout, superseded=superseded)
        if self.delete_files and end.batch:
            with GroqHook(self.groq_conn_id) as hook:
                delete_input(hook, end.batch)
        wrong = problem(end, fail_on_partial_error=self.fail_on_partial_error)
        if isinstance(wrong, GroqBatchTimeoutError):
            raise GroqBatchTimeoutError(f"{wrong} {fate}", batch_id=end.batch_id)
        if wrong is not None:
            raise wrong
        if end.batch and (said := remark(end.batch)):
            self.log.warning(said)
        return end.batch_id


class GroqCancelBatchOperator(BatchOperator):
    """Cancels a batch. One that has ended already is logged, and no error.

    Args:
        batch_id: The batch.
        wait_for_completion: Whether the task waits until the batch has ended: Groq takes up to 10 minutes.
        timeout: Seconds to wait.
        kwargs: ``groq_conn_id``, ``deferrable``, ``poll_interval``, and what every operator takes.
    """

    template_fields: Sequence[str] = ("batch_id", "groq_conn_id")

    def __init__(
        self,
        *,
        batch_id: str,
        wait_for_completion: bool = False,
        timeout: float = CANCEL_SECONDS,
        **kwargs: Any,
    ) -> None:
        super().__init__(wait_for_completion=wait_for_completion, **kwargs)
        batch_requests.check_seconds(timeout=timeout)
        self.batch_id = batch_id
        self.timeout = timeout

    def execute(self, context: Context) -> str:
        """Cancel the batch.

        Returns:
            The batch id.

        Raises:
            AirflowFailException: Groq refuses the key or knows no such batch.
            GroqError: For what a retry may mend.
        """
        with fail_for_good(), GroqHook(self.groq_conn_id) as hook:
            guard = Guard(context, hook.get_conn().settings)
            with self._guarded_by(guard):
                batch = self._cancel(hook)
                cancelling = batch.status == BatchStatus.CANCELLING
                self._say(context, batch, "Cancelling" if cancelling else "Looked at", guard)
                self.log.info(describe(batch))
                if batch.terminal or not self.wait_for_completion:
                    return batch.id
                end_time = time.time() + self.timeout
                return cast("str", self._wait(context, hook, batch, guard=guard, end_time=end_time))

    def _cancel(self, hook: GroqHook) -> Batch:
        batch = patiently(hook.get_batch, self.batch_id)
        if batch.terminal or batch.status == BatchStatus.CANCELLING:
            self.log.info("Batch %s is %s already; there is nothing to cancel.", batch.id, batch.status)
            return batch
        try:
            return hook.cancel_batch(batch.id)
        except GroqAPIError:
            # It may have ended, or been cancelled, between the look and the cancelling.
            batch = hook.get_batch(batch.id)
            if not batch.terminal and batch.status != BatchStatus.CANCELLING:
                raise
            return batch

    def _finish(self, context: Context, end: WaitEnd) -> str:  # noqa: ARG002 - as in the base
        if end.reason != "terminal" and (wrong := problem(end)):
            raise wrong
        return end.batch_id


class GroqDownloadBatchResultsOperator(BaseOperator):
    """Lands the answers of a batch that has ended, as Groq sent them, whole or not at all.

    Writes ``output.jsonl`` (requests that succeeded) and ``errors.jsonl`` (those that did not), in
    any order; a file that the batch does not have is removed where it stands from before.

    Args:
        batch_id: The batch.
        output_path: The folder: a local path, or the URI of an object storage.
        groq_conn_id: The connection.
        kwargs: What every operator takes.
    """

    template_fields: Sequence[str] = ("batch_id", "output_path", "groq_conn_id")
    template_ext: Sequence[str] = ()
    ui_color = BatchOperator.ui_color

    def __init__(
        self,
        *,
        batch_id: str,
        output_path: str | ObjectStoragePath,
        groq_conn_id: str = GroqHook.default_conn_name,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.batch_id = batch_id
        self.output_path = output_path
        self.groq_conn_id = groq_conn_id

    def execute(self, context: Context) -> dict[str, Any]:  # noqa: ARG002 - Airflow's form
        """Land the files.

        Returns:
            A manifest with ``batch_id``, ``status``, ``output`` and ``errors`` (path and bytes, or None),
            ``requests`` (the number ``total``, ``succeeded``, ``failed``, ``expired``, ``cancelled`` and
            ``missing``), ``lines`` (those ``repeated`` and ``unreadable``), and ``tokens`` by model.

        Raises:
            AirflowFailException: The batch was rejected, is not known, or its files are gone.
            GroqError: For what a retry may mend, such as a batch that has not ended yet.
        """
        with fail_for_good(), GroqHook(self.groq_conn_id) as hook:
            batch = patiently(hook.get_batch, self.batch_id)
            if not batch.terminal:
                raise GroqBatchNotEndedError(
                    f"{describe(batch)} Its results are there only when it has ended: wait for it first, "
                    "for example with GroqBatchSensor.",
                    batch_id=batch.id,
                )
            wrong = batch_problem(batch)
            if isinstance(wrong, GroqBatchFailedError):
                raise wrong
            manifest = land(hook, batch, self.output_path)
            rows = ", ".join(f"{count:,} {name}" for name, count in manifest["requests"].items() if count)
            self.log.info("Landed the results of batch %s under %s: %s.", batch.id, self.output_path, rows)
            return manifest
