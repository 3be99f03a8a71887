"""One try of a job."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.jobs.money.prices import Prices
from airflow_provider_groq.jobs.output.manifest import NAME as MANIFEST
from airflow_provider_groq.jobs.output.manifest import read_manifest
from airflow_provider_groq.jobs.requests.form import RequestForm
from airflow_provider_groq.jobs.requests.output_type import OutputType
from airflow_provider_groq.jobs.seals import Task
from airflow_provider_groq.jobs.work_folder import MARK, WorkFolder
from airflow_provider_groq.storage.paths import place_of, storage_errors, storage_path
from airflow_provider_groq.submission.kill import Guard
from airflow_provider_groq.submission.last_seen import LastSeen
from airflow_provider_groq.submission.state_store import StateStore
from airflow_provider_groq.submission.tries import Try, current_try

if TYPE_CHECKING:
    from airflow.sdk import Context, ObjectStoragePath

    from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator


@dataclass(frozen=True)
class JobRun:
    """One try of a job, with all that it works with.

    Attributes:
        operator: Its arguments, rendered.
        context: Of the running task.
        hook: Groq.
        store: Airflow's task state store.
        guard: What becomes of the batches at a kill.
        last_seen: What the task's page shows of the batches.
        this: Which try this is.
        task: The task instance, as seals and manifests have it.
        generation: Changes with each clear, and with no retry.
        output: The folder of the answers.
        work: The folder of the job until then.
        output_type: What each answer must be; None for text.
        prices: What tokens cost.
    """

    operator: GroqBatchInferenceOperator
    context: Context
    hook: GroqHook
    store: StateStore
    guard: Guard
    last_seen: LastSeen
    this: Try
    task: Task
    generation: int
    output: ObjectStoragePath
    work: WorkFolder
    output_type: OutputType | None
    prices: Prices

    @classmethod
    def of(cls, operator: GroqBatchInferenceOperator, context: Context, hook: GroqHook) -> JobRun:
        """The try that is running."""
        ti: Any = context["ti"]
        store = StateStore(context)
        this = current_try(context, reattach=True)
        output = storage_path("output_path", operator.output_path)
        parent = output if operator.work_path is None else storage_path("work_path", operator.work_path)
        return cls(
            operator=operator,
            context=context,
            hook=hook,
            store=store,
            guard=Guard(
                context,
                hook.get_conn().settings,
                superseded=store.superseded,
                cancel_on_kill=operator.cancel_on_kill,
                cancel_on_timeout=operator.cancel_on_timeout,
                reattach=True,  # a retry resumes them in any case
            ),
            last_seen=LastSeen(context),
            this=this,
            task=Task(ti.dag_id, ti.task_id, ti.run_id, ti.map_index, this.identity.key),
            generation=ti.max_tries,
            output=output,
            work=WorkFolder(parent, this.identity.key),
            output_type=None if operator.output_type is None else OutputType.of(operator.output_type),
            prices=operator.known_prices(),
        )

    @property
    def mark(self) -> WorkFolder | None:
        """Where a copy of the seal tells other jobs that the output is taken; None if the seal itself lies there."""
        beside = WorkFolder(self.output, self.task.identity, seal_name=MARK)
        return None if place_of(beside.path) == place_of(self.work.path) else beside

    @property
    def is_first_of_generation(self) -> bool:
        """Whether no other try came before this one since the task was last cleared."""
        ti: Any = self.context["ti"]
        return bool(ti.try_number <= ti.max_tries - self.operator.retries + 1)

    def owner(self) -> dict[str, Any]:
        """Whose the answers are, as the manifest says it."""
        return {**msgspec.structs.asdict(self.task), "generation": self.generation}

    def landed(self) -> dict[str, Any] | None:
        """The manifest in the output folder; None if there is none."""
        with self.in_output():
            path = self.output / MANIFEST
            return read_manifest(path) if path.exists() else None

    def owns(self, manifest: dict[str, Any] | None) -> bool:
        """Whether a manifest is of this very job."""
        return manifest is not None and manifest["job"] == self.owner()

    def form(self) -> RequestForm:
        """How rows become requests."""
        return self.operator.request_form()

    def fence(self) -> bool:
        """Ask, before something is done that counts, whether this try still does.

        Returns:
            Whether Airflow has confirmed it; below 3.3 it is never asked.

        Raises:
            TaskStoppedError: It does not.
        """
        self.guard.check()
        return self.store.record({})

    def in_work(self) -> AbstractContextManager[None]:
        """Say what is wrong with the work folder in an error of this package."""
        return storage_errors("work_path", self.work.path, write=True)

    def in_output(self) -> AbstractContextManager[None]:
        """Say the same of the output folder."""
        return storage_errors("output_path", self.output, write=True)


class Passed(BaseException):
    """Carries an error of the user's own code past what would take it for one of the storage."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error
