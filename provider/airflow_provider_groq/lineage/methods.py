"""The methods of operators that Airflow's OpenLineage provider calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from airflow.providers.openlineage.extractors import OperatorLineage

    from airflow_provider_groq.lineage.record import Record


class LineageMethods:
    """Mixin of operators and sensors that report to OpenLineage what they read and write.

    OpenLineage is imported only when its provider calls.

    Attributes:
        lineage_reads: The arguments that name what the task reads: paths, or ``batch_id``.
        lineage_writes: The attributes that name what it writes: paths, or ``linked_batch_id``.
        lineage_patterns: Whether a path that it reads may be a pattern.
    """

    lineage_reads: ClassVar[tuple[str, ...]] = ()
    lineage_writes: tuple[str, ...] = ()
    lineage_patterns: ClassVar[bool] = False
    _lineage: Record | None = None

    @property
    def lineage(self) -> Record:
        """What the task has read, sent and landed so far. The process that resumes a task starts a new record."""
        if self._lineage is None:
            from airflow_provider_groq.lineage.record import Record  # noqa: PLC0415 - when the task runs

            self._lineage = Record()
        return self._lineage

    def begin_lineage(self) -> None:
        """Forget what an earlier run of the same object has noted: ``dag.test()`` may run it again in one process."""
        self._lineage = None

    def get_openlineage_facets_on_start(self) -> OperatorLineage[Any, Any]:
        """What the arguments name; called by OpenLineage's provider at the start, and again when the task resumes."""
        from airflow_provider_groq.lineage import facets  # noqa: PLC0415 - needs OpenLineage

        return facets.lineage_of(self, self._lineage)

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> OperatorLineage[Any, Any]:  # noqa: ARG002 - its form
        """What the task has read, sent and landed; called by OpenLineage's provider."""
        from airflow_provider_groq.lineage import facets  # noqa: PLC0415 - needs OpenLineage

        return facets.lineage_of(self, self._lineage)

    def get_openlineage_facets_on_failure(self, task_instance: Any) -> OperatorLineage[Any, Any]:
        """The same for a failed task, which may have landed answers before."""
        return self.get_openlineage_facets_on_complete(task_instance)
