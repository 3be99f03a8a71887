"""The sensor against the emulator, in each of its modes."""

import json
import time
from datetime import UTC, datetime, timedelta

import pytest
from airflows import TaskDeferred

from airflow_provider_groq.compat import AirflowFailException, AirflowSensorTimeout, AirflowSkipException
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.sensors.batch import GroqBatchSensor


class TaskInstance:
    def __init__(self):
        self.pushed = {}
        self.first_reschedule = None

    def xcom_push(self, key, value):
        self.pushed[key] = value

    def get_first_reschedule_date(self, _):
        return self.first_reschedule


@pytest.fixture
def ti():
    return TaskInstance()


@pytest.fixture
def context(ti):
    return {"ti": ti, "task_instance": ti}


@pytest.fixture
def sensor(groq_emulator, quick):
    def make(batch_id, **options):
        return GroqBatchSensor(**{"task_id": "wait", "batch_id": batch_id, "poll_interval": 0.05} | options)

    return make


def test_gives_the_batch_when_it_has_ended(sensor, context, groq_emulator, make_batch):
    groq_emulator.set(seconds=0.3)
    batch_id = make_batch()
    batch = sensor(batch_id).execute(context)
    assert (batch["id"], batch["status"]) == (batch_id, "completed")
    assert batch["request_counts"] == {"total": 1, "completed": 1, "failed": 0}
    assert json.loads(json.dumps(batch)) == batch


def test_gives_several_batches_in_the_order_asked_for(sensor, context, groq_emulator, make_batch):
    groq_emulator.set(seconds=0.3)
    ids = [make_batch() for _ in range(3)][::-1]
    assert [batch["id"] for batch in sensor(ids).execute(context)] == ids


def test_looks_no_more_at_what_has_ended(sensor, context, groq_emulator, make_batch):
    done, going = make_batch(), make_batch()
    groq_emulator.force_status(done, "completed")
    operator = sensor([done, going])
    for _ in range(3):
        assert not operator.poke(context).is_done
    assert [request.query for request in groq_emulator.requests("GET")] == [f"id={done}&id={going}", "", ""]


@pytest.mark.parametrize("deferrable", [True, False])
def test_many_batches_are_asked_for_in_one_request(sensor, context, groq_emulator, make_batch, deferrable):
    ids = [make_batch() for _ in range(10)]
    groq_emulator.advance(100)
    assert [batch["id"] for batch in sensor(ids, deferrable=deferrable).execute(context)] == ids
    assert len(groq_emulator.requests("GET")) == 1


def test_a_question_for_many_that_is_refused_is_put_for_each(sensor, context, groq_emulator, make_batch):
    ids = [make_batch() for _ in range(3)]
    groq_emulator.advance(100)
    groq_emulator.fault("/batches", method="GET", status=400, times=None)
    assert [batch["id"] for batch in sensor(ids).execute(context)] == ids


def asked_for_many(groq_emulator):
    """How many requests were about several batches."""
    return sum("id=" in request.query for request in groq_emulator.requests("GET"))


@pytest.mark.parametrize("page_size", [1, 2, 3, 4])
@pytest.mark.parametrize("foreign_status", [None, "in_progress", "x" * 300], ids=["none", "good", "unreadable"])
def test_a_gateway_that_ignores_the_ids_is_found_out_at_the_first_poke(
    sensor, context, groq_emulator, make_batch, page_size, foreign_status
):
    """It is asked for many once, and from then on for one batch at a time."""
    ids = [make_batch() for _ in range(3)]
    if foreign_status:
        groq_emulator.force_status(make_batch(), foreign_status)
    groq_emulator.set(ignore_ids=True, page_size=page_size)
    groq_emulator.clear_requests()
    operator = sensor(ids)
    for _ in range(3):
        assert not operator.poke(context).is_done
    groq_emulator.advance(100)
    poked = operator.poke(context)
    assert [batch["id"] for batch in poked.xcom_value] == ids
    whole = page_size >= len(ids) + bool(foreign_status)
    assert asked_for_many(groq_emulator) == (4 if whole else 1)


def test_an_answer_for_many_that_cannot_be_read_is_no_reason_to_wait(sensor, context, groq_emulator, make_batch):
    ids = [make_batch() for _ in range(3)]
    groq_emulator.advance(100)
    groq_emulator.fault("/batches", method="GET", body="[]", times=None)
    assert [batch["id"] for batch in sensor(ids).execute(context)] == ids


def test_one_batch_that_cannot_be_read_holds_up_no_other(sensor, context, groq_emulator, make_batch):
    ids = [make_batch() for _ in range(3)]
    groq_emulator.advance(100)
    groq_emulator.force_status(ids[1], "x" * 300)
    operator = sensor(ids)
    assert not operator.poke(context).is_done
    assert list(operator._polls._ends) == [ids[0], ids[2]]


@pytest.mark.usefixtures("quick_retries")
def test_a_question_for_many_that_fails_is_put_again(sensor, context, groq_emulator, make_batch):
    operator = sensor([make_batch() for _ in range(3)])
    groq_emulator.fault("/batches", method="GET", status=503, times=None)
    assert not operator.poke(context).is_done
    groq_emulator.clear_faults()
    groq_emulator.advance(100)
    assert operator.poke(context).is_done


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_a_look_that_fails_is_no_reason_to_fail(sensor, context, groq_emulator, make_batch, mode):
    batch_id = make_batch()
    operator = sensor(batch_id, mode=mode)
    for fault in ({"status": 500}, {"drop": "before"}, {"status": 404}):
        groq_emulator.fault("/batches/*", method="GET", **fault)
        assert not operator.poke(context).is_done


@pytest.mark.parametrize("mode", ["poke", "reschedule"])
def test_a_batch_that_nobody_knows_fails_when_the_grace_is_over(sensor, context, ti, mode, monkeypatch):
    monkeypatch.setattr("airflow_provider_groq.batches.polling.NOT_FOUND_GRACE", 30.0)
    operator = sensor("batch_of_nobody", mode=mode)
    assert not operator.poke(context).is_done
    monkeypatch.setattr("airflow_provider_groq.batches.polling.NOT_FOUND_GRACE", 0.0)
    ti.first_reschedule = datetime.now(UTC)
    with pytest.raises(AirflowFailException, match="GroqBatchUnknownError: .*404"):
        sensor("batch_of_nobody", mode=mode).poke(context) if mode == "reschedule" else operator.poke(context)


def test_reschedule_mode_counts_its_timeout_from_the_first_look(sensor, context, ti, make_batch):
    ti.first_reschedule = datetime.now(UTC) - timedelta(seconds=100)
    with pytest.raises(AirflowSensorTimeout, match="had not ended at the deadline"):
        sensor(make_batch(), mode="reschedule", timeout=60).poke(context)


@pytest.mark.parametrize("soft_fail", [False, True])
def test_a_timeout_in_poke_mode(sensor, context, make_batch, soft_fail):
    expected = AirflowSkipException if soft_fail else AirflowSensorTimeout
    with pytest.raises(expected):
        sensor(make_batch(), timeout=0.2, soft_fail=soft_fail).execute(context)


@pytest.mark.parametrize("soft_fail", [False, True])
def test_a_bad_connection_fails_before_deferring_too(sensor, context, make_batch, monkeypatch, soft_fail):
    batch_id = make_batch()
    monkeypatch.setenv("AIRFLOW_CONN_GROQ_DEFAULT", '{"conn_type": "groq", "host": "https://api.groq.com"}')
    expected = AirflowSkipException if soft_fail else AirflowFailException
    with pytest.raises(expected, match=None if soft_fail else "There is no API key"):
        sensor(batch_id, deferrable=True, soft_fail=soft_fail).execute(context)


def test_defers_with_its_deadline(sensor, context, groq_emulator, make_batch):
    batch_id = make_batch()
    with pytest.raises(TaskDeferred) as deferred:
        sensor(batch_id, deferrable=True, timeout=500, poll_interval=30).execute(context)
    trigger = deferred.value.trigger
    assert (trigger.batch_ids, trigger.poll_interval) == ([batch_id], 30)
    assert trigger.end_time == pytest.approx(time.time() + 500, abs=5)
    assert deferred.value.timeout is None


def test_does_not_defer_for_what_has_ended(sensor, context, groq_emulator, make_batch):
    batch_id = make_batch()
    groq_emulator.advance(100)
    assert sensor(batch_id, deferrable=True).execute(context)["id"] == batch_id


def test_says_of_each_batch_what_is_wrong(sensor, context, groq_emulator, make_batch):
    good, bad, worse = make_batch(), make_batch(), make_batch()
    for batch_id, status in ((good, "completed"), (bad, "cancelled"), (worse, "failed")):
        groq_emulator.force_status(batch_id, status)
    with pytest.raises(
        AirflowFailException, match=f"3 of 3 batches have ended. .*{bad} was cancelled.*Batch {worse} failed"
    ) as failed:
        sensor([good, bad, worse]).execute(context)
    assert good not in str(failed.value)


def test_can_insist_on_every_request(sensor, context, groq_emulator, make_batch):
    batch_id = make_batch("openai/gpt-oss-20b", "no-such-model")
    groq_emulator.advance(100)
    assert sensor(batch_id).execute(context)["request_counts"]["failed"] == 1
    with pytest.raises(AirflowFailException, match="1 of its 2 requests failed"):
        sensor(batch_id, fail_on_partial_error=True).execute(context)


@pytest.mark.parametrize("batch_id", ["", [], None, [""], [3], 3, {"batch_1": 1}, b"batch_1", "None", ["a", "None"]])
def test_what_is_no_id_is_refused_with_nothing_sent(sensor, context, groq_emulator, batch_id):
    with pytest.raises(
        AirflowFailException, match="GroqInputError: batch_id.* (must be an id from Groq|is an empty list)"
    ):
        sensor(batch_id).execute(context)
    assert not groq_emulator.requests()


def test_poke_interval_serves_where_poll_interval_is_not_given():
    assert GroqBatchSensor(task_id="wait", batch_id="b", poke_interval=timedelta(seconds=7)).poke_interval == 7
    assert GroqBatchSensor(task_id="wait", batch_id="b", poke_interval=7, poll_interval=9).poke_interval == 9
    assert GroqBatchSensor(task_id="wait", batch_id="b").poke_interval == 60


@pytest.mark.parametrize("name", ["timeout", "poke_interval", "poll_interval"])
@pytest.mark.parametrize("value", [1e300, float("inf"), float("nan"), timedelta.max, "60", -1, True])
def test_a_time_without_end_is_refused_by_name_when_the_dag_is_parsed(name, value):
    with pytest.raises(GroqInputError, match=f"^{name} must be a number of seconds or a timedelta, above 0 and up to "):
        GroqBatchSensor(task_id="wait", batch_id="b", **{name: value})


@pytest.mark.parametrize(
    ("value", "expected"), [(0, 0.0), (timedelta(0), 0.0), (5, 5.0), (timedelta(days=30), 2.592e6)]
)
def test_a_timeout_of_0_polls_once(value, expected):
    assert GroqBatchSensor(task_id="wait", batch_id="b", timeout=value).timeout == expected


def test_a_timeout_that_airflow_is_configured_with_may_end_after_all_dates(
    sensor, context, make_batch, groq_emulator, monkeypatch
):
    """Its value does not come from the Dag, so that nothing is checked when that is parsed."""
    monkeypatch.setenv("AIRFLOW__SENSORS__DEFAULT_TIMEOUT", str(timedelta(days=900_000_000).total_seconds()))
    groq_emulator.set(seconds=1000)
    with pytest.raises(TaskDeferred):
        sensor(make_batch(), deferrable=True).execute(context)


def test_an_event_that_cannot_be_read_fails_for_good():
    with pytest.raises(AirflowFailException, match="GroqInputError: The event that ended the wait cannot be read"):
        GroqBatchSensor(task_id="sense", batch_id="batch_1").execute_complete({}, {"status": "success"})


class Entries(list):
    """Airflow's task state store, with all that is written."""

    def set(self, key, value):
        assert key == "groq_status"
        self.append(value)


def test_the_tasks_page_shows_the_batches_at_first_and_when_they_have_ended(sensor, context, groq_emulator, make_batch):
    groq_emulator.set(seconds=100)
    ids = [make_batch() for _ in range(2)]
    context["task_state_store"] = entries = Entries()
    operator = sensor(ids)
    for _ in range(5):
        assert not operator.poke(context).is_done
    groq_emulator.advance(100)
    assert operator.poke(context).is_done
    assert [(entry["status"], entry["batches"], entry["batch_ids"]) for entry in entries] == [
        ({"validating": 2}, 2, ids),
        ({"completed": 2}, 2, ids),
    ]
    assert entries[-1]["done"] == 2


@pytest.mark.parametrize(("poll_interval", "written"), [(5, 2), (60, 4)])
def test_in_reschedule_mode_it_is_not_shown_more_often_than_once_a_minute(
    sensor, context, ti, groq_emulator, make_batch, poll_interval, written
):
    """Each poke is a process of its own, which does not know when the last one wrote."""
    groq_emulator.set(seconds=100)
    batch_id = make_batch()
    context["task_state_store"] = entries = Entries()
    for _ in range(3):
        assert not sensor(batch_id, mode="reschedule", poll_interval=poll_interval).poke(context).is_done
        ti.first_reschedule = datetime.now(UTC)
    groq_emulator.advance(100)
    assert sensor(batch_id, mode="reschedule", poll_interval=poll_interval).poke(context).is_done
    assert len(entries) == written
    assert entries[-1]["status"] == "completed"


def test_deferring_says_where_progress_is(sensor, context, make_batch):
    context["task_state_store"] = entries = Entries()
    with pytest.raises(TaskDeferred):
        sensor(make_batch(), deferrable=True).execute(context)
    assert entries[-1]["waiting"].endswith("progress is in the log")


def test_several_batches_are_told_of_in_one_line(sensor, context, groq_emulator, make_batch, capfd):
    groq_emulator.set(seconds=100)
    operator = sensor([make_batch() for _ in range(3)])
    assert not operator.poke(context).is_done
    assert "0 rows done, 0 of 3 batches ended, 0 failed" in capfd.readouterr().out
    groq_emulator.advance(100)
    assert operator.poke(context).is_done
    (line,) = (line for line in capfd.readouterr().out.splitlines() if "batches" in line and "HTTP" not in line)
    assert "3 of 3 rows (100 %), 3 of 3 batches ended, 0 failed" in line
