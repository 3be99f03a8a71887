"""`GroqBatchInferenceOperator`: rows in, answers out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_groq.batches.options import MAX_LINES, check_flags, default_timeout, seconds, shown
from airflow_provider_groq.compat import DEFERRABLE, conf
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.hooks import DEFAULT_CONN_ID
from airflow_provider_groq.jobs.money.prices import Prices
from airflow_provider_groq.jobs.requests.form import AUDIO, CHAT, RequestForm, check_params
from airflow_provider_groq.operators import outlets
from airflow_provider_groq.operators.base import BatchOperator
from airflow_provider_groq.storage.inline import InlineRequests, is_unrendered

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

CANARY_ROWS = 100
"""How many rows go first where there is a ``max_cost`` and no ``canary``."""

UNKNOWN_MODEL = "unknown"
"""Takes the place of a model that only the task's run names."""


class GroqBatchInferenceOperator(BatchOperator):
    """Turns rows into requests, sends them in batches, waits, and lands an answer for each row.

    Rows that failed for a transient cause are resent, in up to ``max_rounds`` rounds. A retry resumes
    the job. A clear resends rows without a good answer. Give exactly one of ``rows`` and ``input_path``.

    Args:
        rows: A list, another task's output, or a callable that returns an iterable, which is read once, as a stream.
        input_path: A file of rows (JSON Lines, or CSV with a header; also gzipped), a list of files, or a pattern such
            as ``s3://bucket/in/*.jsonl``.
        output_path: The folder for the answers: a local path, or the URI of an object storage.
        work_path: Parent of the job's work folder; by default ``output_path``. All workers need access to it; jobs may
            share it.
        model: The model of rows that name none; without it, each row must name one.
        endpoint: The endpoint of rows that name none; also ``/v1/audio/transcriptions``, ``/v1/audio/translations``.
        system_prompt: The system prompt of rows that have none. Never rendered by Jinja.
        prompt_template: Builds the prompt from a row's columns, such as ``"Sentiment of: {text}"``. Never rendered by
            Jinja.
        columns: The names of the columns of rows that are tuples.
        id_column: The column with each row's id; ``custom_id`` by default.
        request_params: Body parameters of each request, such as ``{"temperature": 0}``. (``params`` is Airflow's.)
        reuse: An output folder of this operator, or several: rows whose request succeeded there get that
            answer and are not sent. An empty value reuses nothing.
        dedupe: Whether equal requests are sent once. Each row still gets an answer.
        output_type: What each answer must be: anything that a pydantic ``TypeAdapter`` takes, or a JSON schema.
        completion_window: How long Groq may take for a batch: from ``24h`` to ``7d``.
        metadata: Text that Groq stores with each batch, at most 13 keys.
        shard_size: Maximum rows per batch, up to 50,000; by default 1,000, and more in jobs of over 200,000 rows.
        max_rounds: How often a row is sent at most, since the last clear.
        escalate: Body parameters for the second, third, … round, such as ``[{"model": "openai/gpt-oss-120b"}]``; the
            last applies to later rounds.
        max_failed_ratio: The share of rows that may fail before the task does: 0.0 means that every row must succeed,
            1.0 that one is enough.
        prices: The price of a million tokens, by model: ``{"openai/gpt-oss-20b": {"input": 0.0375, "output": 0.15}}``;
            by default what ``[groq] prices`` says in Airflow's configuration.
        canary: How many rows are sent first, alone. The others follow if no more than ``max_failed_ratio`` of these
            failed, answers that are cut off counted as failed.
        max_cost: The highest projected cost to accept. Needs prices; without ``canary`` it uses a canary of 100 rows.
        groq_conn_id: The connection.
        deferrable: Whether the task waits in the triggerer, holding no worker; by default ``[operators]
            default_deferrable`` of Airflow's configuration.
        poll_interval: The longest pause between two polls, in seconds or as a ``timedelta``.
        timeout: How long the whole job may take, in seconds or as a ``timedelta``; by default each round has its
            completion window plus one hour.
        reattach: Whether a clear keeps earlier answers. A retry always does.
        cancel_on_kill: Whether the batches are cancelled when a user marks the task.
        cancel_on_timeout: Whether they are cancelled at the job's deadline.
        delete_files: Whether the job's files are deleted from Groq when the answers have been landed.
        asset_partition: The partition of the outlets' assets that is landed, such as ``"{{ ds }}"``. Airflow 3.3+.
        asset_partition_column: Instead: the carried column that names the partition of each row.
        dry_run: Whether the rows are only read and checked, and the task returns what it would send, with size and
            cost.
        kwargs: The arguments of every operator. The events of the assets in ``outlets`` carry the manifest.

    Raises:
        GroqInputError: An argument is invalid.
    """

    template_fields: Sequence[str] = (
        "rows",
        "input_path",
        "output_path",
        "work_path",
        "model",
        "endpoint",
        "reuse",
        "completion_window",
        "metadata",
        "groq_conn_id",
        "asset_partition",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"metadata": "json"}
    lineage_reads = ("input_path", "reuse")
    lineage_writes: tuple[str, ...] = ("output_path",)
    lineage_patterns = True

    def __init__(
        self,
        *,
        rows: Any = None,
        input_path: str | ObjectStoragePath | Sequence[str | ObjectStoragePath] | None = None,
        output_path: str | ObjectStoragePath,
        work_path: str | ObjectStoragePath | None = None,
        model: str | None = None,
        endpoint: str = "/v1/chat/completions",
        system_prompt: str | None = None,
        prompt_template: str | None = None,
        columns: Sequence[str] | None = None,
        id_column: str | None = None,
        request_params: Mapping[str, Any] | None = None,
        reuse: str | ObjectStoragePath | Sequence[str | ObjectStoragePath] | None = None,
        dedupe: bool = False,
        output_type: Any = None,
        completion_window: str = "24h",
        metadata: Mapping[str, str] | None = None,
        shard_size: int | None = None,
        max_rounds: int = 2,
        escalate: Sequence[Mapping[str, Any]] | None = None,
        max_failed_ratio: float = 0.1,
        prices: Mapping[str, Mapping[str, float]] | None = None,
        canary: int | None = None,
        max_cost: float | None = None,
        groq_conn_id: str = DEFAULT_CONN_ID,
        deferrable: bool = DEFERRABLE,
        poll_interval: float | timedelta = 60.0,
        timeout: float | timedelta | None = None,
        reattach: bool = True,
        cancel_on_kill: bool = True,
        cancel_on_timeout: bool = True,
        delete_files: bool = True,
        asset_partition: str | None = None,
        asset_partition_column: str | None = None,
        dry_run: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            groq_conn_id=groq_conn_id,
            wait_for_completion=True,
            deferrable=deferrable,
            poll_interval=poll_interval,
            **kwargs,
        )
        check_flags(
            dedupe=dedupe,
            reattach=reattach,
            cancel_on_kill=cancel_on_kill,
            cancel_on_timeout=cancel_on_timeout,
            delete_files=delete_files,
            dry_run=dry_run,
        )
        self.rows = None if rows is None else InlineRequests(rows, argument="rows")
        self.input_path = input_path
        self.output_path = output_path
        self.work_path = work_path
        self.model = model
        self.endpoint = endpoint
        self.system_prompt = system_prompt
        self.prompt_template = prompt_template
        self.columns = columns
        self.id_column = id_column
        self.request_params = request_params
        self.reuse = reuse
        self.dedupe = dedupe
        self.output_type = output_type
        self.completion_window = completion_window
        self.metadata = metadata
        self.shard_size = shard_size
        self.max_rounds = max_rounds
        self.escalate = escalate
        self.max_failed_ratio = max_failed_ratio
        self.prices = prices
        self.canary = canary
        self.max_cost = max_cost
        self.timeout = None if timeout is None else seconds("timeout", timeout)
        self.reattach = reattach
        self.cancel_on_kill = cancel_on_kill
        self.cancel_on_timeout = cancel_on_timeout
        self.delete_files = delete_files
        self.asset_partition = asset_partition
        self.asset_partition_column = asset_partition_column
        self.is_dry_run = dry_run  # every operator has a method dry_run
        if dry_run:
            self.lineage_writes = ()
        self.check_arguments()

    def execute(self, context: Context) -> dict[str, Any]:
        """Run the job.

        Returns:
            The manifest, without its long lists: rows by status, errors, tokens, and where the answers are. For a dry
            run: how many rows it would send, and their size, tokens and cost.

        Raises:
            AirflowFailException: For what no retry can fix: an invalid row, a refused key, too many failed rows.
            AirflowTaskTimeout: ``execution_timeout`` passed.
            GroqError: For what a retry may fix.
        """
        from airflow_provider_groq.operators.job import run  # noqa: PLC0415 - when the task runs

        self.begin_lineage()
        return run.execute(self, context)

    def execute_complete(
        self,
        context: Context,
        event: dict[str, Any],
        *,
        execution_timeout_ends: bool = False,
        sent: dict[str, Any] | None = None,  # noqa: ARG002 - as in the base; of a job it stands in the seal
        **_later: Any,
    ) -> dict[str, Any]:
        """Resume after the trigger has fired; called by Airflow."""
        from airflow_provider_groq.operators.job import run  # noqa: PLC0415 - when the task runs

        return run.resume(self, context, event, execution_timeout_ends=execution_timeout_ends)

    def check_arguments(self) -> None:
        """Check what can be checked before the rows are there.

        Raises:
            GroqInputError: An argument is invalid.
        """
        given = [name for name in ("rows", "input_path") if getattr(self, name) is not None]
        if len(given) != 1:
            raise GroqInputError(
                f"Exactly one of rows and input_path must be given, but {'both' if given else 'none'}."
            )
        _check_number("max_rounds", self.max_rounds, 1, 10)
        for name in ("shard_size", "canary"):
            if getattr(self, name) is not None:
                _check_number(name, getattr(self, name), 1, MAX_LINES)
        ratio = self.max_failed_ratio
        if isinstance(ratio, bool) or not isinstance(ratio, (int, float)) or not 0 <= ratio <= 1:
            raise GroqInputError(f"max_failed_ratio is {shown(ratio)}, but must be a number from 0.0 to 1.0.")
        if self.is_dry_run and self.outlets:
            raise GroqInputError(
                "A dry run lands nothing, so it cannot have outlets: move them to the task that sends."
            )
        _check_escalate(self.escalate)
        outlets.check_arguments(self)
        self.request_form(rendered=False)
        self._check_cost()

    def _check_cost(self) -> None:
        most = self.max_cost
        if self.prices is None and most is None:
            return
        prices = self.known_prices()
        if most is None:
            return
        if isinstance(most, bool) or not isinstance(most, (int, float)) or not 0 < most < math.inf:
            raise GroqInputError(f"max_cost is {shown(most)}, but must be a number above 0.")
        models = [self.model, *(override["model"] for override in self.escalate or () if "model" in override)]
        for model in prices.lacking(model for model in models if model is not None and not is_unrendered(model)):
            raise GroqInputError(
                f"max_cost needs the price of model {model!r}. Add it to prices, or to [groq] prices in Airflow's "
                "configuration."
            )

    @property
    def canary_rows(self) -> int:
        """How many rows are sent first, alone; 0 for none."""
        return self.canary or (0 if self.max_cost is None else CANARY_ROWS)

    def known_prices(self) -> Prices:
        """What tokens cost, as far as it is known.

        Raises:
            GroqInputError: The prices have a wrong form.
        """
        if self.prices is not None:
            return Prices.of(self.prices)
        return Prices.of(conf.get("groq", "prices", fallback=None), where="[groq] prices in Airflow's configuration")

    def request_form(self, *, rendered: bool = True) -> RequestForm:
        """How rows become requests.

        Args:
            rendered: Whether templates have been rendered, and outputs of other tasks fetched. Until then, something
                valid takes their place.

        Raises:
            GroqInputError: An argument is invalid.
        """
        model: str | None = self.model
        endpoint: str = self.endpoint
        if not rendered:
            model = UNKNOWN_MODEL if is_unrendered(model) else model
            endpoint = CHAT if is_unrendered(endpoint) else endpoint
        if self.max_cost is not None and endpoint in AUDIO:
            raise GroqInputError(f"max_cost cannot be enforced for {endpoint}: its answers have no token counts.")
        response_format = output_schema = None
        if self.output_type is not None:
            from airflow_provider_groq.jobs.requests.output_type import OutputType  # noqa: PLC0415 - only where there is one

            kind = OutputType.of(self.output_type)
            response_format, output_schema = kind.response_format(model), kind.schema
        return RequestForm(
            model=model,
            endpoint=endpoint,
            system_prompt=self.system_prompt,
            prompt_template=self.prompt_template,
            columns=self.columns,
            id_column=self.id_column,
            params=self.request_params,
            response_format=response_format,
            output_schema=output_schema,
        )

    def override(self, number: int) -> dict[str, Any]:
        """The body parameters that a round sends its rows with.

        Args:
            number: Which round since the rows were first sent, from 1. Beyond the end of ``escalate``, its last holds.
        """
        if number == 1 or not self.escalate:
            return {}
        return dict(self.escalate[min(number - 2, len(self.escalate) - 1)])

    def round_seconds(self) -> float:
        """How long a round may take where the job has no ``timeout``."""
        return default_timeout(self.completion_window)


def _check_escalate(escalate: Any) -> None:
    """Check all rounds: what is wrong with a later one is else found when the first is paid."""
    if escalate is None:
        return
    if isinstance(escalate, (str, bytes)) or not isinstance(escalate, Sequence):
        raise GroqInputError(f"escalate must be a list of dicts of body parameters, but is {shown(escalate)}.")
    for number, override in enumerate(escalate):
        check_params(f"escalate[{number}]", override)
        model = override.get("model", "")
        if "model" in override and not (isinstance(model, str) and model.strip()):
            raise GroqInputError(f"escalate[{number}] sets model to {shown(model)}, but it must be non-empty text.")


def _check_number(argument: str, value: Any, least: int, most: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise GroqInputError(f"{argument} is {shown(value)}, but must be a whole number from {least:,} to {most:,}.")
