"""`GroqBatchSensor`: waits for batches made elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NoReturn

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue

from airflow_provider_groq.api import calls
from airflow_provider_groq.api.models import Batch
from airflow_provider_groq.batches.events import BatchEvent, WaitEnd, with_few_errors
from airflow_provider_groq.batches.outcome import problem, remark
from airflow_provider_groq.batches.polling import Poller
from airflow_provider_groq.batches.requests import check_seconds
from airflow_provider_groq.compat import AirflowFailException, AirflowSensorTimeout, AirflowSkipException, conf
from airflow_provider_groq.exceptions import GroqBatchTimeoutError, GroqError
from airflow_provider_groq.hooks.errors import fail_for_good
from airflow_provider_groq.hooks.groq import GroqHook
from airflow_provider_groq.links.batch import GroqBatchLink, announce


class GroqBatchSensor(BaseSensorOperator):
    """Waits until one batch, or each of several, has ended well.

    Args:
        batch_id: The batch, or a list of them.
        groq_conn_id: The connection.
        deferrable: Whether it waits in the triggerer, holding no worker.
        poll_interval: Seconds between two looks at a batch.
        fail_on_partial_error: Whether the task fails when only some of a batch's requests succeeded.
        kwargs: ``timeout`` (s), ``mode``, ``soft_fail`` and what every sensor takes. ``poke_interval``
            serves as ``poll_interval`` where that is not given.
    """

    template_fields: Sequence[str] = ("batch_id", "groq_conn_id")
    template_ext: Sequence[str] = ()
    operator_extra_links = (GroqBatchLink(),)
    ui_color = "#fbe3dc"

    def __init__(
        self,
        *,
        batch_id: str | Sequence[str],
        groq_conn_id: str = GroqHook.default_conn_name,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | None = None,
        fail_on_partial_error: bool = False,
        **kwargs: Any,
    ) -> None:
        if poll_interval is not None:
            kwargs["poke_interval"] = poll_interval
        super().__init__(**kwargs)
        check_seconds(poll_interval=self.poke_interval)
        self.batch_id = batch_id
        self.groq_conn_id = groq_conn_id
        self.deferrable = deferrable
        self.fail_on_partial_error = fail_on_partial_error
        self._pollers: dict[str, Poller] = {}
        self._ends: dict[str, WaitEnd] = {}
        self._first_look: float | None = None

    def execute(self, context: Context) -> Any:
        """Wait for the batches.

        Returns:
            The batch as a dict, or a list of them in the order asked for.

        Raises:
            AirflowFailException: A batch did not end well, or Groq refuses to say.
            AirflowSensorTimeout: The timeout passed first.
        """
        # One operator may be run more than once in a process, as dag.test() does.
        self._pollers, self._ends, self._first_look = {}, {}, None
        if not self.deferrable:
            return super().execute(context)
        try:
            return self._look_or_defer(context)
        except (AirflowFailException, AirflowSensorTimeout) as error:
            if self.soft_fail or self.never_fail:
                raise AirflowSkipException(str(error)) from error
            raise

    def poke(self, context: Context) -> PokeReturnValue:
        """Look at the batches that have not ended yet."""
        batch_ids = self._batch_ids()
        start = self._start(context)
        with fail_for_good(), GroqHook(self.groq_conn_id) as hook:
            self._look(hook, [id_ for id_ in batch_ids if id_ not in self._ends], start)
        if not all(id_ in self._ends for id_ in batch_ids):
            return PokeReturnValue(is_done=False)
        return PokeReturnValue(is_done=True, xcom_value=self._result([self._ends[id_] for id_ in batch_ids]))

    def execute_complete(self, context: Context, event: dict[str, Any]) -> Any:  # noqa: ARG002 - Airflow's form
        """Go on when the trigger has fired; called by Airflow."""
        with fail_for_good():
            ends = BatchEvent.read(event).ends
        return self._result(ends)

    def _look_or_defer(self, context: Context) -> Any:
        looked = self.poke(context)
        if not looked.is_done:
            self._defer()
        return looked.xcom_value

    def _defer(self) -> NoReturn:
        # Imported where it is used: Airflow's triggers cost a Dag's file a third of what all of this does.
        from airflow_provider_groq.triggers.batch import GroqBatchTrigger  # noqa: PLC0415

        self.defer(
            trigger=GroqBatchTrigger(
                batch_ids=self._batch_ids(),
                groq_conn_id=self.groq_conn_id,
                poll_interval=self.poke_interval,
                end_time=time.time() + self.timeout,
            ),
            method_name="execute_complete",
        )

    def _batch_ids(self) -> list[str]:
        ids = [self.batch_id] if isinstance(self.batch_id, str) else list(self.batch_id or ())
        if not ids or not all(isinstance(id_, str) and id_.strip() for id_ in ids):
            raise AirflowFailException(
                f"batch_id must be the id of a batch, or a list of ids, but is {self.batch_id!r}."
            )
        return list(dict.fromkeys(ids))

    def _start(self, context: Context) -> float:
        """Unix time of the first look; in reschedule mode each look has a process of its own."""
        if self._first_look is None:
            ti: Any = context["ti"]
            earlier = ti.get_first_reschedule_date(context) if self.reschedule else None
            self._first_look = earlier.timestamp() if earlier else time.time()
            if self.do_xcom_push and isinstance(self.batch_id, str):
                announce(context, self.batch_id)
        return self._first_look

    def _look(self, hook: GroqHook, batch_ids: list[str], start: float) -> None:
        """Look at each batch: at many in one request, and singly at what its answer lacks."""
        found: dict[str, Batch] = {}
        failed: GroqError | None = None
        if len(batch_ids) > 1:
            try:
                found = hook.get_batches(batch_ids)
            except GroqError as error:
                # One of them may be at fault if it does not pass: then each is asked for alone.
                failed = error if error.retryable else None
        for batch_id in batch_ids:
            poller = self._poller(batch_id, start)
            if failed:
                step = poller.on_error(failed, time.time())
            elif batch_id in found:
                step = poller.on_batch(found[batch_id], time.time())
            else:
                step = poller.look(partial(hook.get_conn().send, calls.get_batch(batch_id), max_retries=0))
            if step.news:
                self.log.log(step.level, step.news)
            if step.end:
                self._ends[batch_id] = step.end

    def _poller(self, batch_id: str, start: float) -> Poller:
        return self._pollers.setdefault(
            batch_id,
            Poller(
                batch_id,
                poll_interval=self.poke_interval,
                end_time=start + self.timeout,
                now=start,
                not_found_since=start if self.reschedule else None,
            ),
        )

    def _result(self, ends: Sequence[WaitEnd]) -> Any:
        """The batches, if all are good; else the errors."""
        wrong = [error for end in ends if (error := problem(end, fail_on_partial_error=self.fail_on_partial_error))]
        if wrong:
            message = " ".join(f"{type(error).__name__}: {error}" for error in wrong)
            timed_out = all(isinstance(error, GroqBatchTimeoutError) for error in wrong)
            raise (AirflowSensorTimeout if timed_out else AirflowFailException)(message)
        batches = [end.batch for end in ends if end.batch]
        for batch in batches:
            if said := remark(batch):
                self.log.warning(said)
        payloads = [with_few_errors(batch).model_dump(mode="json") for batch in batches]
        return payloads[0] if isinstance(self.batch_id, str) else payloads
