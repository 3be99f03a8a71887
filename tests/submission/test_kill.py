"""What a killed create task does about its batch."""

import signal
import sys
import threading
import time
from threading import Timer

import pytest
from airflows import timeout

from airflow_provider_groq.compat import AirflowTaskTimeout
from airflow_provider_groq.exceptions import TaskStoppedError
from airflow_provider_groq.submission.kill import Guard


@pytest.fixture
def kill_while_waiting(create, context, ti, groq_emulator):
    """Runs a create operator on a long batch, and kills it while it waits."""

    def kill(before=lambda: None, **options):
        def waiting():
            if "batch_id" in ti.pushed:
                before()
                return True
            return False

        groq_emulator.set(seconds=1000)
        under_way = "Airflow stopped the task while batch batch_.* was running"
        kill_when(waiting, create(**options), context, match=under_way)
        (batch,) = groq_emulator.batches()
        return batch["status"]

    return kill


@pytest.mark.parametrize("state", ["failed", "success", "skipped"])
def test_a_users_mark_cancels_the_batch(kill_while_waiting, ti, state):
    ti.state = state
    assert kill_while_waiting() in {"cancelling", "cancelled"}


@pytest.mark.parametrize("state", [None, "running", "restarting", "scheduled", "queued", "deferred", "up_for_retry"])
def test_in_any_other_state_the_batch_goes_on(kill_while_waiting, ti, state):
    """An eviction, a clear, a scheduler's reset: the next try may resume it."""
    ti.state = state
    assert kill_while_waiting() in {"validating", "in_progress"}


def test_nothing_is_cancelled_where_that_is_not_wanted(kill_while_waiting, ti):
    ti.state = "failed"
    assert kill_while_waiting(cancel_on_kill=False) in {"validating", "in_progress"}


@pytest.mark.parametrize("state", ["running", "restarting", None, "failed"])
def test_without_reattachment_nobody_would_want_the_batch(kill_while_waiting, ti, state):
    ti.state = state
    assert kill_while_waiting(reattach=False) in {"cancelling", "cancelled"}


@pytest.mark.parametrize("state", ["failed", "success", "skipped"])
def test_a_try_that_was_given_up_cancels_nothing(kill_while_waiting, ti, store, state):
    """The state is that of another try, which may have ended with this batch."""
    ti.state = state
    assert kill_while_waiting(lambda: setattr(store, "given_up", True)) in {"validating", "in_progress"}


def test_an_airflow_that_does_not_answer_holds_nobody_up(kill_while_waiting, ti, monkeypatch):
    monkeypatch.setattr("airflow_provider_groq.submission.kill.SECONDS", 0.2)
    ti.state, ti.answers_after = "failed", 6.0
    start = time.monotonic()
    assert kill_while_waiting() in {"validating", "in_progress"}
    assert time.monotonic() - start < 5


def test_an_answer_that_comes_after_the_signal_handler_counts(create, context, ti, groq_emulator):
    """The handler interrupts code that holds the channel to Airflow; it comes free when that code goes on."""
    groq_emulator.set(seconds=1000)
    ti.state = "failed"
    channel = threading.Lock()
    ask = ti.get_task_states

    def get_task_states(**which):
        with channel:
            return ask(**which)

    ti.get_task_states = get_task_states
    operator = create()

    def interrupt(*_):
        operator.on_kill()
        assert groq_emulator.batches()[0]["status"] in {"validating", "in_progress"}

    def push(key, value):
        with channel:
            ti.pushed[key] = value
            if key == "batch_id":
                signal.raise_signal(signal.SIGUSR1)

    ti.xcom_push = push
    before = signal.signal(signal.SIGUSR1, interrupt)
    try:
        with pytest.raises(TaskStoppedError):
            operator.execute(context)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert groq_emulator.batches()[0]["status"] in {"cancelling", "cancelled"}


def test_execution_timeout_of_a_try_that_was_given_up_cancels_nothing(create, context, store, groq_emulator):
    groq_emulator.set(seconds=1000)
    operator = create()
    timer = Timer(0.5, lambda: setattr(store, "given_up", True))
    timer.start()
    with pytest.raises(AirflowTaskTimeout):
        execute_with_timeout(operator, context)
    timer.join()
    assert groq_emulator.batches()[0]["status"] in {"validating", "in_progress"}


@pytest.mark.parametrize("cancel_on_timeout", [True, False])
def test_execution_timeout_cancels_if_timeouts_do(create, context, groq_emulator, cancel_on_timeout):
    groq_emulator.set(seconds=1000)
    operator = create(cancel_on_timeout=cancel_on_timeout)
    with pytest.raises(AirflowTaskTimeout):
        execute_with_timeout(operator, context)
    (batch,) = groq_emulator.batches()
    assert (batch["status"] in {"cancelling", "cancelled"}) == cancel_on_timeout


def test_execution_timeout_leaves_the_batch_to_the_tries_that_are_left(create, context, ti, groq_emulator):
    groq_emulator.set(seconds=1000)
    ti.max_tries = 1
    with pytest.raises(AirflowTaskTimeout):
        execute_with_timeout(create(), context)
    ti.try_number = 2
    with pytest.raises(AirflowTaskTimeout):
        execute_with_timeout(create(), context)
    (batch,) = groq_emulator.batches()
    assert batch["status"] in {"cancelling", "cancelled"}
    assert len(cancellings(groq_emulator)) == 1


def cancellings(groq_emulator):
    return [request.path for request in groq_emulator.requests("POST") if request.path.endswith("/cancel")]


def execute_with_timeout(operator, context):
    """As Airflow's task runner does it."""
    try:
        with timeout(1):
            operator.execute(context)
    except AirflowTaskTimeout:
        assert sys.exc_info()[0] is AirflowTaskTimeout
        operator.on_kill()
        raise


def kill_when(begun, operator, context, **stopped):
    """Execute, and kill it as soon as `begun` gives something."""

    def kill():
        while not begun():
            time.sleep(0.01)
        operator.on_kill()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    with pytest.raises(TaskStoppedError, **stopped):
        operator.execute(context)
    killer.join()


def test_a_task_killed_while_uploading_creates_no_batch(create, context, groq_emulator):
    groq_emulator.fault("/files", method="POST", delay=1.0)
    kill_when(lambda: groq_emulator.requests("POST"), create(), context, match="no batch had been created")
    assert not groq_emulator.batches()


def test_a_task_killed_while_groq_puts_it_off_creates_no_batch(create, context, groq_emulator):
    """It does not wait for the end of the pause, for which Airflow would not wait either."""
    groq_emulator.fault("/batches", method="POST", status=429, headers={"Retry-After": "50"})
    start = time.monotonic()
    unmade = "no batch had been created"
    kill_when(lambda: groq_emulator.requests("POST", "/batches"), create(), context, match=unmade)
    assert time.monotonic() - start < 20
    assert len(groq_emulator.requests("POST", "/batches")) == 1


@pytest.mark.parametrize("fault", [{"delay": 1.0}, {"drop": "after", "delay": 0.9}], ids=["slow", "with a lost answer"])
def test_a_task_killed_while_creating_cancels_what_it_created(create, context, ti, groq_emulator, fault):
    groq_emulator.set(seconds=1000, listing_delay=1.0)
    groq_emulator.fault("/batches", method="POST", **fault)
    ti.state = "failed"
    kill_when(lambda: groq_emulator.requests("POST", "/batches"), create(wait_for_completion=False), context)
    (batch,) = groq_emulator.batches()
    assert batch["status"] in {"cancelling", "cancelled"}


def test_a_task_killed_while_it_looks_for_doubles_cancels_at_once(create, context, ti, groq_emulator):
    """Airflow may kill the process for good before it has looked."""
    del context["task_state_store"]
    groq_emulator.set(seconds=1000)
    groq_emulator.fault("/batches", method="GET", delay=1.5)
    ti.state = "failed"
    operator = create()
    left = []

    def kill():
        while not groq_emulator.batches():
            time.sleep(0.01)
        time.sleep(0.3)
        operator.on_kill()
        left.extend(batch["status"] for batch in groq_emulator.batches())

    thread = threading.Thread(target=kill)
    thread.start()
    with pytest.raises(TaskStoppedError):
        operator.execute(context)
    thread.join()
    assert left in (["cancelling"], ["cancelled"])


def test_a_task_that_is_killed_before_it_begins_creates_nothing(create, context, ti, groq_emulator):
    ti.state = "failed"
    operator = create()
    operator.on_kill()
    with pytest.raises(TaskStoppedError, match="no batch had been created"):
        operator.execute(context)
    assert groq_emulator.requests() == []


@pytest.mark.parametrize("wait_for_completion", [True, False])
def test_a_task_that_is_killed_after_it_has_succeeded_cancels_nothing(
    create, context, ti, groq_emulator, wait_for_completion
):
    """Airflow stops a process that takes long for its callbacks; its state is then that of a mark."""
    operator = create(wait_for_completion=wait_for_completion)
    operator.execute(context)
    ti.state = "success"
    operator.on_kill()
    assert cancellings(groq_emulator) == []


@pytest.mark.parametrize("options", [{"wait_for_completion": False}, {}, {"deferrable": True}])
def test_a_task_that_is_killed_at_its_last_step_does_not_succeed(create, context, ti, groq_emulator, options):
    """Its batch is cancelled, and nobody should go on with it."""
    ti.state = "failed"
    operator = create(**options)
    groq_emulator.set(seconds=0 if options.get("wait_for_completion", True) else 1000)
    push = ti.xcom_push

    def kill_and_push(key, value):
        operator.on_kill()
        push(key, value)

    ti.xcom_push = kill_and_push
    with pytest.raises(TaskStoppedError):
        operator.execute(context)


def test_a_cancelling_that_groq_puts_off_does_not_wait_for_as_long(kill_while_waiting, ti, groq_emulator):
    ti.state = "failed"
    groq_emulator.fault("/batches/*/cancel", method="POST", status=429, headers={"Retry-After": "50"})
    start = time.monotonic()
    assert kill_while_waiting() in {"cancelling", "cancelled"}
    assert time.monotonic() - start < 20


def test_a_batch_that_cannot_be_cancelled_is_said_to_go_on(kill_while_waiting, ti, groq_emulator, caplog):
    ti.state = "failed"
    groq_emulator.fault("/batches/*/cancel", method="POST", status=400, times=None)
    assert kill_while_waiting() in {"validating", "in_progress"}
    assert "could not be cancelled and keeps running at Groq" in caplog.text


@pytest.fixture
def make_guard(context, groq_emulator):
    """Makes a guard that watches some batches."""
    from airflow_provider_groq.hooks.groq import GroqHook

    def make(batch_ids, **options):
        with GroqHook() as hook:
            guard = Guard(context, hook.get_conn().settings, cancel_on_kill=True, **options)
        for batch_id in batch_ids:
            guard.watch(batch_id)
        return guard

    return make


@pytest.fixture
def make_batches_of_one_file(groq_emulator, make_batch):
    """Makes many batches quickly, of one input file."""
    from concurrent.futures import ThreadPoolExecutor

    from airflow_provider_groq.hooks.groq import GroqHook

    def make(number):
        first = make_batch()
        (file,) = groq_emulator.files()
        with GroqHook() as hook, ThreadPoolExecutor(8) as pool:
            hook.get_conn()  # before threads share it
            return [first, *pool.map(lambda _: hook.create_batch(file["id"]).id, range(number - 1))]

    return make


ANSWER_SECONDS = 0.1
"""How long Groq takes for an answer, in a test of how long many take."""


def test_a_users_mark_cancels_two_hundred_batches_in_the_five_seconds_that_airflow_gives(
    make_guard, make_batches_of_one_file, ti, groq_emulator, caplog
):
    caplog.set_level("INFO")
    groq_emulator.set(seconds=1000)
    batch_ids = make_batches_of_one_file(200)
    groq_emulator.fault("/batches/*/cancel", method="POST", times=None, delay=ANSWER_SECONDS)
    ti.state = "failed"
    guard = make_guard(batch_ids)
    start = time.monotonic()
    guard.kill()
    assert time.monotonic() - start < 5
    assert all(batch["status"] in {"cancelling", "cancelled"} for batch in groq_emulator.batches())
    assert len(cancellings(groq_emulator)) == 200
    (told,) = [record.message for record in caplog.records if record.name.endswith("kill")]
    assert told.startswith("200 batches (batch_")
    assert told.endswith("and 195 more) are cancelling or cancelled: the task was marked failed.")


def test_a_batch_that_has_ended_is_not_cancelled_nor_one_twice(make_guard, make_batches_of_one_file, ti, groq_emulator):
    groq_emulator.set(seconds=1000)
    ti.state = "failed"
    ended, *others = make_batches_of_one_file(4)
    guard = make_guard([ended, *others])
    guard.forget(ended)
    guard.kill()
    guard.watch(others[0])
    with pytest.raises(TaskStoppedError, match=r"while 3 batches \(batch_.*\) were running"):
        guard.check()
    assert {path.split("/")[-2] for path in cancellings(groq_emulator)} == {*others}
    assert len(cancellings(groq_emulator)) == 3


def test_of_many_that_cannot_be_cancelled_the_first_few_are_told(
    make_guard, make_batches_of_one_file, ti, groq_emulator, caplog
):
    groq_emulator.set(seconds=1000)
    groq_emulator.fault("/batches/*/cancel", method="POST", status=400, times=8)
    ti.state = "failed"
    make_guard(make_batches_of_one_file(20)).kill()
    told = [record.message for record in caplog.records if record.levelname == "ERROR"]
    assert len(told) == 5 + 1
    assert all("could not be cancelled and keeps running at Groq: POST /batches/" in line for line in told[:5])
    assert told[5].startswith("Could not cancel 3 batches (")


def test_many_that_nobody_marked_are_left_in_one_line(make_guard, make_batches_of_one_file, groq_emulator, caplog):
    make_guard(make_batches_of_one_file(20)).kill()
    assert not cancellings(groq_emulator)
    (told,) = [record.message for record in caplog.records if record.name.endswith("kill")]
    assert told.startswith("20 batches (batch_")
    assert told.endswith(
        "keep running at Groq: the task was not marked (its state is running), so its next try may resume it."
    )


def test_a_groq_that_is_away_does_not_hold_up_a_killed_task(
    make_guard, make_batches_of_one_file, ti, groq_emulator, monkeypatch, caplog
):
    monkeypatch.setattr("airflow_provider_groq.hooks.cancels.CANCELLING_SECONDS", 0.2)
    groq_emulator.set(seconds=1000)
    batch_ids = make_batches_of_one_file(100)
    groq_emulator.fault("/batches/*/cancel", method="POST", times=None, delay=0.5, drop="before")
    ti.state = "failed"
    start = time.monotonic()
    make_guard(batch_ids).kill()
    assert time.monotonic() - start < 5
    assert "Could not cancel 95 batches" in caplog.text


def test_a_task_that_is_killed_when_its_batches_have_ended_is_not_said_to_have_had_none(make_guard):
    guard = make_guard(["batch_1"])
    guard.forget("batch_1")
    guard.kill()
    with pytest.raises(TaskStoppedError, match="while none of its batches was running"):
        guard.check()
