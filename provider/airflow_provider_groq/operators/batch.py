"""`GroqCreateBatchOperator`, `GroqCancelBatchOperator`, `GroqDownloadBatchResultsOperator`.

The classes and their arguments, which a Dag file needs. What they do is in `creation`, `cancelling` and
`downloading`, which are imported when the task runs: parsing a Dag file needs none of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_groq.batches.options import CANCEL_SECONDS, check_flags, seconds
from airflow_provider_groq.compat import DEFERRABLE
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.hooks import DEFAULT_CONN_ID
from airflow_provider_groq.lineage.methods import LineageMethods
from airflow_provider_groq.links.batch import COLOR, GroqBatchLink
from airflow_provider_groq.operators import outlets
from airflow_provider_groq.operators.base import BatchOperator
from airflow_provider_groq.storage.inline import InlineRequests

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

    from airflow_provider_groq.batches.events import WaitEnd


class GroqCreateBatchOperator(BatchOperator):
    """Creates a batch, or resumes the one that an earlier try created, and by default waits for it.

    Give exactly one of the first three arguments. Requests are checked line by line before anything is
    sent. The batch id is in XCom (key ``batch_id``) as soon as it exists.

    Args:
        input_file_id: A file that is at Groq already.
        input_path: A JSONL file: a local path, or the URI of an object storage.
        requests: Request objects, or their source, such as another task's output. Never rendered
            by Jinja. ``method`` and ``url`` may be left out.
        endpoint: The endpoint of the batch; also ``/v1/audio/transcriptions``, ``/v1/audio/translations``.
        completion_window: How long Groq may take: from ``24h`` to ``7d``, in whole hours or days.
        metadata: Text that Groq stores with the batch, at most 14 keys.
        groq_conn_id: The connection.
        wait_for_completion: Whether the task ends with the batch, or as soon as the batch is created.
        deferrable: Whether it waits in the triggerer, holding no worker; by default ``[operators] default_deferrable``
            of Airflow's configuration.
        poll_interval: The longest pause between two polls, in seconds or as a ``timedelta``.
        timeout: How long to wait, in seconds or as a ``timedelta``; by default the completion window plus one hour.
        reattach: Whether to resume the batch that an earlier try created from the same input.
        cancel_on_kill: Whether the batch is cancelled when a user marks the task.
        cancel_on_timeout: Whether it is cancelled when the wait times out.
        fail_on_partial_error: Whether the task fails when only some of the requests succeeded.
        delete_files: Whether the input file is deleted from Groq when the batch has ended. If it ended badly, the file
            that ``input_file_id`` names stays, because another try needs it.
        kwargs: The arguments of every operator.

    Raises:
        GroqInputError: An argument is invalid.
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
    lineage_reads = ("input_path",)
    lineage_writes = ("linked_batch_id",)

    def __init__(
        self,
        *,
        input_file_id: str | None = None,
        input_path: str | ObjectStoragePath | None = None,
        requests: Any = None,
        endpoint: str = "/v1/chat/completions",
        completion_window: str = "24h",
        metadata: Mapping[str, str] | None = None,
        groq_conn_id: str = DEFAULT_CONN_ID,
        wait_for_completion: bool = True,
        deferrable: bool = DEFERRABLE,
        poll_interval: float | timedelta = 60.0,
        timeout: float | timedelta | None = None,
        reattach: bool = True,
        cancel_on_kill: bool = True,
        cancel_on_timeout: bool = True,
        fail_on_partial_error: bool = False,
        delete_files: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            groq_conn_id=groq_conn_id,
            wait_for_completion=wait_for_completion,
            deferrable=deferrable,
            poll_interval=poll_interval,
            **kwargs,
        )
        check_flags(
            reattach=reattach,
            cancel_on_kill=cancel_on_kill,
            cancel_on_timeout=cancel_on_timeout,
            fail_on_partial_error=fail_on_partial_error,
            delete_files=delete_files,
        )
        if delete_files and not wait_for_completion:
            raise GroqInputError(
                "delete_files=True needs wait_for_completion=True, because Groq reads the file until the batch ends."
            )
        self.input_file_id = input_file_id
        self.input_path = input_path
        self.requests = None if requests is None else InlineRequests(requests)
        self.endpoint = endpoint
        self.completion_window = completion_window
        self.metadata = metadata
        self.timeout = None if timeout is None else seconds("timeout", timeout)
        self.reattach = reattach
        self.cancel_on_kill = cancel_on_kill
        self.cancel_on_timeout = cancel_on_timeout
        self.fail_on_partial_error = fail_on_partial_error
        self.delete_files = delete_files
        self.check_inputs()

    def execute(self, context: Context) -> str:
        """Create the batch, or resume it, and wait for it.

        Returns:
            The batch id.

        Raises:
            AirflowFailException: For what no retry can fix: invalid input, a refused key, a batch that
                expired or was cancelled, or failed because of its input.
            AirflowTaskTimeout: ``execution_timeout`` passed.
            GroqError: For what a retry may fix.
        """
        from airflow_provider_groq.operators import creation  # noqa: PLC0415 - when the task runs, see above

        self.begin_lineage()
        return creation.execute(self, context)

    def finish(self, context: Context, end: WaitEnd) -> str:
        """End the task as its batch has ended."""
        from airflow_provider_groq.operators import creation  # noqa: PLC0415 - when the task runs, see above

        return creation.finish(self, context, end)

    def check_inputs(self, *, hint: str = "") -> None:
        """Check that there is one input, when the Dag is parsed and when the arguments are rendered.

        Args:
            hint: How it can be that there is none.

        Raises:
            GroqInputError: There is none, or more than one.
        """
        given = [name for name in ("input_file_id", "input_path", "requests") if getattr(self, name) not in (None, "")]
        if len(given) != 1:
            raise GroqInputError(
                "Exactly one of input_file_id, input_path and requests must be given, "
                f"but {' and '.join(given) if given else 'none'} {'were' if len(given) > 1 else 'was'}."
                f"{'' if given else hint}"
            )


class GroqCancelBatchOperator(BatchOperator):
    """Cancels a batch. If the batch has already ended, this is logged and is not an error.

    Args:
        batch_id: The batch.
        groq_conn_id: The connection.
        wait_for_completion: Whether the task waits until the batch has ended: Groq takes up to 10 minutes.
        deferrable: Whether it waits in the triggerer, holding no worker; by default ``[operators] default_deferrable``
            of Airflow's configuration.
        poll_interval: The longest pause between two polls, in seconds or as a ``timedelta``.
        timeout: How long to wait, in seconds or as a ``timedelta``.
        kwargs: The arguments of every operator.

    Raises:
        GroqInputError: An argument is invalid.
    """

    template_fields: Sequence[str] = ("batch_id", "groq_conn_id")

    def __init__(
        self,
        *,
        batch_id: str,
        groq_conn_id: str = DEFAULT_CONN_ID,
        wait_for_completion: bool = False,
        deferrable: bool = DEFERRABLE,
        poll_interval: float | timedelta = 60.0,
        timeout: float | timedelta = CANCEL_SECONDS,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            groq_conn_id=groq_conn_id,
            wait_for_completion=wait_for_completion,
            deferrable=deferrable,
            poll_interval=poll_interval,
            **kwargs,
        )
        self.batch_id = batch_id
        self.timeout = seconds("timeout", timeout)

    def execute(self, context: Context) -> str:
        """Cancel the batch.

        Returns:
            The batch id.

        Raises:
            AirflowFailException: Groq refuses the key or knows no such batch.
            AirflowTaskTimeout: ``execution_timeout`` passed.
            GroqError: For what a retry may fix.
        """
        from airflow_provider_groq.operators import cancelling  # noqa: PLC0415 - when the task runs, see above

        self.begin_lineage()
        return cancelling.execute(self, context)

    def finish(self, context: Context, end: WaitEnd) -> str:  # noqa: ARG002 - as in the base
        """End the task."""
        from airflow_provider_groq.operators import cancelling  # noqa: PLC0415 - when the task runs, see above

        return cancelling.finish(self, end)


class GroqDownloadBatchResultsOperator(LineageMethods, BaseOperator):
    """Lands the answers of a batch that has ended, as Groq sent them, completely or not at all.

    Writes ``output.jsonl`` (requests that succeeded) and ``errors.jsonl`` (those that did not), in
    any order. An earlier file that this batch does not have is removed.

    Args:
        batch_id: The batch.
        output_path: The folder: a local path, or the URI of an object storage.
        groq_conn_id: The connection.
        delete_files: Whether the batch's input, output and error file are deleted from Groq after the landing. A record
            in the folder then lets a later try return what was landed.
        asset_partition: The partition of the outlets' assets that is landed, such as ``"{{ ds }}"``. Airflow 3.3+.
        kwargs: The arguments of every operator. The events of the assets in ``outlets`` carry the manifest.

    Raises:
        GroqInputError: An argument is invalid.
    """

    template_fields: Sequence[str] = ("batch_id", "output_path", "groq_conn_id", "asset_partition")
    template_ext: Sequence[str] = ()
    operator_extra_links = (GroqBatchLink(),)
    ui_color = COLOR
    linked_batch_id: str | None = None
    asset_partition_column: str | None = None
    lineage_reads = ("batch_id",)
    lineage_writes = ("output_path",)

    def __init__(
        self,
        *,
        batch_id: str,
        output_path: str | ObjectStoragePath,
        groq_conn_id: str = DEFAULT_CONN_ID,
        delete_files: bool = False,
        asset_partition: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_flags(delete_files=delete_files)
        self.batch_id = batch_id
        self.output_path = output_path
        self.groq_conn_id = groq_conn_id
        self.delete_files = delete_files
        self.asset_partition = asset_partition
        outlets.check_arguments(self)

    def execute(self, context: Context) -> dict[str, Any]:
        """Land the files.

        Returns:
            A manifest with ``batch_id``, ``status``, ``output`` and ``errors`` (path and bytes, or None),
            ``requests`` (the number ``total``, ``succeeded``, ``failed``, ``expired``, ``cancelled`` and
            ``missing``), ``lines`` (those ``repeated`` and ``unreadable``), and ``tokens`` by model.

        Raises:
            AirflowFailException: The batch failed and has no files, is unknown, or its files are gone.
            GroqError: For what a retry may fix, such as a batch that has not ended yet.
        """
        from airflow_provider_groq.operators import downloading  # noqa: PLC0415 - when the task runs, see above

        self.begin_lineage()
        return downloading.execute(self, context)
