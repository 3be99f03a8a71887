"""What `GroqBatchSensor` does when its task runs."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.sdk import PokeReturnValue

from airflow_provider_groq import telemetry
from airflow_provider_groq.batches.events import BatchEvent, WaitEnd, shortened
from airflow_provider_groq.batches.outcome import has_reasons, problem, warning
from airflow_provider_groq.batches.polling import Poller, Step
from airflow_provider_groq.batches.rendered import check_ids
from airflow_provider_groq.compat import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    AirflowTaskTimeout,
)
from airflow_provider_groq.exceptions import GroqBatchError, GroqBatchFailedError, GroqBatchTimeoutError, GroqError
from airflow_provider_groq.hooks import polls
from airflow_provider_groq.hooks.errors import fail_for_good
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.jobs.progress import Progress
from airflow_provider_groq.links.batch import announce
from airflow_provider_groq.submission.last_seen import EVERY, LastSeen, show_ends
from airflow_provider_groq.triggers.deferral import defer

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_groq.sensors.batch import GroqBatchSensor


MAX_EXPLAINED = 5
"""Of so many batches the error files are read to say why requests failed."""


def poke_or_defer(sensor: GroqBatchSensor, context: Context) -> Any:
    """Poll once, and wait in the triggerer for what has not ended."""
    with _soft_failures(sensor):
        poked = sensor.poke(context)
        if not poked.is_done and sensor._polls is not None:  # noqa: SLF001 - made by the poke
            defer(
                sensor,
                context,
                batch_ids_of(sensor.batch_id),
                poll_interval=sensor.poke_interval,
                end_time=time.time() + sensor.timeout,
                last_seen=sensor._polls.last_seen,  # noqa: SLF001 - likewise
            )
        return poked.xcom_value


def resume(sensor: GroqBatchSensor, context: Context, event: dict[str, Any], *, execution_timeout_ends: bool) -> Any:
    """Resume after the trigger has fired."""
    with _soft_failures(sensor):
        with fail_for_good():
            ends = BatchEvent.read(event).ends
        _link(sensor)
        show_ends(context, ends)
        late = [end.message for end in ends if end.reason == "timeout"]
        if late and execution_timeout_ends:
            raise AirflowTaskTimeout(f"execution_timeout passed. {' '.join(late)}")
        return result(sensor, ends)


def batch_ids_of(given: Any) -> list[str]:
    """The ids that the sensor was given, each once.

    Raises:
        AirflowFailException: They are none.
    """
    with fail_for_good():
        return check_ids("batch_id", given)


class Polls:
    """The polls of one sensor in one process.

    Args:
        sensor: The sensor.
        context: The context of the running task.

    Attributes:
        last_seen: What the task's page shows of the batches.
    """

    def __init__(self, sensor: GroqBatchSensor, context: Context) -> None:
        self._sensor = sensor
        self._batch_ids = batch_ids_of(sensor.batch_id)
        ti: Any = context["ti"]
        # In reschedule mode each poke has a process of its own.
        earlier = ti.get_first_reschedule_date(context) if sensor.reschedule else None
        self._start: float = earlier.timestamp() if earlier else time.time()
        several = len(self._batch_ids) > 1
        self._progress = (
            Progress(self._batch_ids, poll_interval=sensor.poke_interval, now=self._start) if several else None
        )
        pollers = map(self._poller, self._batch_ids)
        # A process of its own for each poke knows nothing of when it was last written.
        often = earlier is not None and sensor.poke_interval < EVERY
        self.last_seen = LastSeen(context, self._batch_ids, pause=EVERY if often else 0.0)
        self._polls = polls.Polls(
            pollers, polls.BatchReader(single_retries=0), self._say, self.last_seen.saw, sensor.groq_conn_id
        )
        self._ends = self._polls.ends
        sensor.lineage.note_ids(self._batch_ids)
        _link(sensor)
        if sensor.do_xcom_push and isinstance(sensor.batch_id, str):
            announce(context, sensor.batch_id)

    def poke(self) -> PokeReturnValue:
        """Poll what has not ended yet; done when all have."""
        with fail_for_good(), GroqHook(self._sensor.groq_conn_id) as hook:
            ended = self._polls.poll(hook.get_conn(), everything=True)
        is_done = len(self._ends) == len(self._batch_ids)
        self.last_seen.write(now=is_done)
        self._tell(ended, last=is_done)
        if not is_done:
            return PokeReturnValue(is_done=False)
        if not self._sensor.deferrable:
            telemetry.wait_ended("sensor", self._sensor.groq_conn_id, self._batch_ids, since=self._start)
        return PokeReturnValue(
            is_done=True, xcom_value=result(self._sensor, [self._ends[id_] for id_ in self._batch_ids])
        )

    def _poller(self, batch_id: str) -> Poller:
        sensor, end_time = self._sensor, self._start + self._sensor.timeout
        if self._progress:
            return self._progress.poller(batch_id, end_time=end_time, rescheduled=sensor.reschedule)
        return Poller(
            batch_id,
            poll_interval=sensor.poke_interval,
            end_time=end_time,
            now=self._start,
            rescheduled=sensor.reschedule,
        )

    def _tell(self, ended: Iterable[WaitEnd], *, last: bool) -> None:
        if self._progress:
            for end in ended:
                self._progress.end(end)
            for news in self._progress.news(time.time(), last=last):
                self._sensor.log.log(news.level, news.line)

    def _say(self, step: Step) -> None:
        self._sensor.log.log(step.level, step.news)


def result(sensor: GroqBatchSensor, ends: Sequence[WaitEnd]) -> Any:
    """The batches, if all are good; else the errors."""
    sensor.lineage.note_ids(end.batch_id for end in ends)
    for batch in (end.batch for end in ends if end.batch):
        sensor.lineage.note_batch(batch)
    reasons = _reasons(sensor, ends)
    wrong = [
        error
        for end in ends
        if (
            error := problem(
                end, fail_on_partial_error=sensor.fail_on_partial_error, reasons=reasons.get(end.batch_id, "")
            )
        )
    ]
    raised = _error(wrong, ends) if wrong else None
    if not isinstance(raised, GroqError):  # else a retry polls the same batches, and tells of them
        for end in ends:
            if end.batch:
                telemetry.sensed(sensor.groq_conn_id, end.batch)
    if raised is not None:
        raise raised
    batches = [end.batch for end in ends if end.batch]
    for batch in batches:
        if said := warning(batch, reasons.get(batch.id, "")):
            sensor.log.warning(said)
    payloads = [shortened(batch).model_dump(mode="json") for batch in batches]
    return payloads[0] if isinstance(sensor.batch_id, str) else payloads


def _error(wrong: Sequence[GroqBatchError], ends: Sequence[WaitEnd]) -> Exception:
    """What the sensor raises for what is wrong with its batches."""
    message = " ".join(f"{type(error).__name__}: {error}" for error in wrong)
    if len(ends) > 1:
        message = f"{sum(end.reason == 'terminal' for end in ends)} of {len(ends)} batches have ended. {message}"
    if all(isinstance(error, GroqBatchTimeoutError) for error in wrong):
        return AirflowSensorTimeout(message)
    # A retry polls the same batches: it does not help where one of them failed, whatever the cause.
    later = [error for error in wrong if error.retryable and not isinstance(error, GroqBatchFailedError)]
    if len(later) == len(wrong):
        return type(later[0])(message, batch_id=later[0].batch_id)
    return AirflowFailException(message)


def _reasons(sensor: GroqBatchSensor, ends: Sequence[WaitEnd]) -> dict[str, str]:
    """Why requests failed, by batch."""
    with GroqHook(sensor.groq_conn_id) as hook:
        failed = [end.batch for end in ends if end.batch and has_reasons(end.batch)]
        return {batch.id: hook.failure_reasons(batch) for batch in failed[:MAX_EXPLAINED]}


def _link(sensor: GroqBatchSensor) -> None:
    sensor.linked_batch_id = sensor.batch_id if isinstance(sensor.batch_id, str) else None


@contextmanager
def _soft_failures(sensor: GroqBatchSensor) -> Iterator[None]:
    """Skip the task instead of failing it with ``soft_fail``, as Airflow does in poke mode."""
    try:
        yield
    except (AirflowFailException, AirflowSensorTimeout, AirflowTaskTimeout) as error:
        if sensor.soft_fail or sensor.never_fail:
            raise AirflowSkipException(str(error)) from error
        raise
