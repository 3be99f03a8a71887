"""`execution_timeout` holds while a task is deferred, which Airflow itself does not see to."""

import asyncio
import json
from datetime import timedelta

import pytest
from airflows import TaskDeferred

from airflow_provider_groq.compat import AirflowSkipException, AirflowTaskTimeout


async def payload(trigger):
    return (await anext(trigger.run())).payload


def run(operator, context):
    """Execute as Airflow does, deferral and all; the operator is another one when the task goes on."""
    with pytest.raises(TaskDeferred) as raised:
        operator.execute(context)
    deferred = raised.value
    return getattr(operator, deferred.method_name)(
        context, asyncio.run(payload(deferred.trigger)), **(deferred.kwargs or {})
    )


def cancelled(groq_emulator):
    return groq_emulator.batches()[0]["status"] in {"cancelling", "cancelled"}


@pytest.mark.parametrize("cancel_on_timeout", [True, False])
def test_the_last_try_cancels_if_timeouts_do(create, context, groq_emulator, cancel_on_timeout):
    groq_emulator.set(seconds=1000)
    operator = create(deferrable=True, execution_timeout=timedelta(seconds=1), cancel_on_timeout=cancel_on_timeout)
    with pytest.raises(AirflowTaskTimeout, match="execution_timeout passed. Batch .* had not ended at the deadline"):
        run(operator, context)
    assert cancelled(groq_emulator) == cancel_on_timeout


@pytest.mark.parametrize(("cancel_on_timeout", "status"), [(True, "cancelling"), (False, "validating")])
def test_the_tasks_page_says_no_longer_that_the_triggerer_waits(
    create, context, groq_emulator, store, cancel_on_timeout, status
):
    groq_emulator.set(seconds=1000)
    with pytest.raises(AirflowTaskTimeout):
        run(
            create(deferrable=True, execution_timeout=timedelta(seconds=1), cancel_on_timeout=cancel_on_timeout),
            context,
        )
    shown = store.rows["groq_status"]
    assert shown["status"] in {status, "in_progress"}
    assert "waiting" not in shown


def test_a_try_that_has_retries_left_leaves_the_batch_to_them(create, context, ti, groq_emulator):
    groq_emulator.set(seconds=1000)
    ti.max_tries = 1
    with pytest.raises(AirflowTaskTimeout, match="It keeps running at Groq"):
        run(create(deferrable=True, execution_timeout=timedelta(seconds=1)), context)
    assert not cancelled(groq_emulator)


def test_without_reattachment_no_retry_would_want_the_batch(create, context, ti, groq_emulator):
    groq_emulator.set(seconds=1000)
    ti.max_tries = 1
    with pytest.raises(AirflowTaskTimeout):
        run(create(deferrable=True, execution_timeout=timedelta(seconds=1), reattach=False), context)
    assert cancelled(groq_emulator)


def test_a_batch_that_ends_in_time_is_no_timeout(create, context, groq_emulator):
    groq_emulator.set(seconds=0.5)
    assert run(create(deferrable=True, execution_timeout=timedelta(seconds=30)), context)


def test_an_earlier_timeout_of_the_wait_stays_final(create, context, groq_emulator):
    from airflow_provider_groq.compat import AirflowFailException

    groq_emulator.set(seconds=1000)
    with pytest.raises(AirflowFailException, match="GroqBatchTimeoutError"):
        run(create(deferrable=True, timeout=0.5, execution_timeout=timedelta(seconds=30)), context)


@pytest.mark.parametrize(
    ("soft_fail", "expected"), [(False, AirflowTaskTimeout), (True, AirflowSkipException)], ids=["hard", "soft"]
)
def test_in_the_sensor_too(groq_emulator, make_batch, context, ti, quick, soft_fail, expected):
    from airflow_provider_groq.sensors.batch import GroqBatchSensor

    groq_emulator.set(seconds=1000)
    ids = [make_batch(), make_batch()]
    sensor = GroqBatchSensor(
        task_id="wait", batch_id=ids, deferrable=True, execution_timeout=timedelta(seconds=1), soft_fail=soft_fail
    )
    with pytest.raises(expected, match="execution_timeout passed. Batch "):
        run(sensor, context)


def test_in_the_cancel_operator_too(groq_emulator, make_batch, context, ti, quick):
    from airflow_provider_groq.operators.batch import GroqCancelBatchOperator

    groq_emulator.set(cancelling_seconds=1000)
    operator = GroqCancelBatchOperator(
        task_id="create",
        batch_id=make_batch(),
        wait_for_completion=True,
        deferrable=True,
        execution_timeout=timedelta(seconds=1),
    )
    with pytest.raises(AirflowTaskTimeout, match="execution_timeout passed"):
        run(operator, context)


def test_the_deferral_says_until_when_and_how_often_it_polls(create, context, groq_emulator, capfd):
    groq_emulator.set(seconds=1000)
    with pytest.raises(TaskDeferred):
        create(deferrable=True, timeout=600, poll_interval=30).execute(context)
    assert "UTC at the latest; the triggerer polls every 30 s." in "".join(capfd.readouterr())


@pytest.mark.parametrize("kwargs", [{}, {"sent": None}, {"of_a_newer_version": 7}])
def test_what_an_older_or_newer_version_has_deferred_is_resumed(create, context, groq_emulator, kwargs):
    groq_emulator.set(seconds=0.3)
    operator = create(deferrable=True)
    with pytest.raises(TaskDeferred) as raised:
        operator.execute(context)
    payload_ = json.loads(json.dumps(asyncio.run(payload(raised.value.trigger))))
    payload_["of_a_newer_version"] = payload_["ends"][0]["of_a_newer_version"] = 7
    assert operator.execute_complete(context, payload_, **kwargs) == groq_emulator.batches()[0]["id"]
