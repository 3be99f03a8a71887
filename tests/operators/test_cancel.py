"""The cancel operator against the emulator."""

import pytest
from airflows import TaskDeferred

from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.operators.batch import GroqCancelBatchOperator


@pytest.fixture
def cancel(groq_emulator, quick):
    def make(batch_id, **options):
        return GroqCancelBatchOperator(**{"task_id": "create", "batch_id": batch_id, "poll_interval": 0.1} | options)

    return make


def status(groq_emulator):
    (batch,) = groq_emulator.batches()
    return batch["status"]


def test_cancels_and_does_not_wait(cancel, context, groq_emulator, make_batch):
    batch_id = make_batch()
    assert cancel(batch_id).execute(context) == batch_id
    assert status(groq_emulator) == "cancelling"


def test_waits_until_the_batch_is_cancelled_if_asked(cancel, context, groq_emulator, make_batch):
    groq_emulator.set(cancelling_seconds=0.5)
    batch_id = make_batch()
    assert cancel(batch_id, wait_for_completion=True).execute(context) == batch_id
    assert status(groq_emulator) == "cancelled"


def test_defers_while_cancelling_takes_its_time(cancel, context, groq_emulator, make_batch):
    groq_emulator.set(cancelling_seconds=600)
    operator = cancel(make_batch(), wait_for_completion=True, deferrable=True)
    with pytest.raises(TaskDeferred) as deferred:
        operator.execute(context)
    assert deferred.value.trigger.batch_ids == [groq_emulator.batches()[0]["id"]]


def test_a_cancelling_that_takes_too_long_fails(cancel, context, groq_emulator, make_batch):
    groq_emulator.set(cancelling_seconds=600)
    with pytest.raises(AirflowFailException, match="GroqBatchTimeoutError: .*its last known status was cancelling"):
        cancel(make_batch(), wait_for_completion=True, timeout=0.3).execute(context)


def test_a_batch_that_is_cancelling_already_is_no_error(cancel, context, groq_emulator, make_batch):
    batch_id = make_batch()
    groq_emulator.force_status(batch_id, "cancelling")
    assert cancel(batch_id).execute(context) == batch_id
    assert not groq_emulator.requests("POST", f"/batches/{batch_id}/cancel")


def test_a_batch_that_is_not_found_at_first_is_asked_for_again(cancel, context, groq_emulator, make_batch):
    batch_id = make_batch()
    groq_emulator.fault("/batches/*", method="GET", status=404, times=2)
    cancel(batch_id).execute(context)
    assert status(groq_emulator) == "cancelling"


@pytest.mark.parametrize("ended", ["completed", "failed", "expired", "cancelled"])
def test_a_batch_that_has_ended_is_no_error(cancel, context, groq_emulator, make_batch, ended):
    batch_id = make_batch()
    groq_emulator.force_status(batch_id, ended)
    assert cancel(batch_id).execute(context) == batch_id
    assert not groq_emulator.requests("POST", f"/batches/{batch_id}/cancel")


def test_a_batch_that_ends_meanwhile_is_no_error(cancel, context, groq_emulator, make_batch):
    """Groq refuses to cancel what has ended between the look and the cancelling."""
    batch_id = make_batch()
    groq_emulator.fault("/batches/*", method="GET", merge={"status": "in_progress"})
    groq_emulator.force_status(batch_id, "completed")
    assert cancel(batch_id).execute(context) == batch_id


def test_an_unknown_batch_fails_for_good(cancel, context):
    with pytest.raises(AirflowFailException, match="404 .*Check the id"):
        cancel("batch_of_nobody").execute(context)


def test_a_batch_of_another_account_fails_for_good(cancel, context, groq_emulator, make_batch, monkeypatch):
    batch_id = make_batch()
    groq_emulator.set(foreign_status=403)
    monkeypatch.setenv(
        "AIRFLOW_CONN_GROQ_DEFAULT", groq_emulator.connection_json.replace(groq_emulator.api_key, "gsk_other")
    )
    with pytest.raises(AirflowFailException, match="403: .*to the same account"):
        cancel(batch_id).execute(context)


@pytest.mark.parametrize("batch_id", ["", " ", "..", None])
def test_what_is_no_id_is_refused_with_nothing_sent(cancel, context, groq_emulator, batch_id):
    with pytest.raises(AirflowFailException, match="batch_id must be an id"):
        cancel(batch_id).execute(context)
    assert not groq_emulator.requests()
