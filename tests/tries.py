"""A task instance and a context, for operators that are run by hand."""

import time
from datetime import UTC, datetime, timedelta
from threading import Thread
from types import SimpleNamespace

import pytest

from airflow_provider_groq.exceptions import GroqError


class TaskInstance:
    """Holds what an operator pushes, and says what Airflow would say of the task."""

    dag_id, task_id, run_id, map_index = "dag", "create", "run", -1

    def __init__(self):
        self.try_number, self.max_tries = 1, 0
        self.start_date = datetime.now(UTC)
        self.pushed = {}
        self.state = "running"
        self.answers_after = 0.0

    def xcom_push(self, key, value):
        self.pushed[key] = value

    def get_task_states(self, dag_id, map_index, task_ids, run_ids):
        assert (dag_id, map_index, task_ids, run_ids) == ("dag", -1, ["create"], ["run"])
        time.sleep(self.answers_after)
        return {"run": {"create": self.state}}


@pytest.fixture
def ti():
    return TaskInstance()


class Store:
    """Airflow's task state store, as the try of a task sees it.

    Attributes:
        rows: What is in it, whichever try asks.
        given_up: Whether Airflow has given this try up: it then reads nothing, and cannot write.
        broken: Whether Airflow does not answer.
        orphaned: Whether the supervisor of this try is dead.
    """

    def __init__(self, rows, *, broken=False):
        self.rows = rows
        self.broken = broken
        self.given_up = self.orphaned = False

    def get(self, key, default=None):
        self._answer()
        return default if self.given_up else self.rows.get(key, default)

    def set(self, key, value):
        assert value is not None
        self._answer()
        if self.given_up:
            raise self._refusal(404)
        self.rows[key] = value

    def _answer(self):
        if self.orphaned:
            raise BrokenPipeError
        if self.broken:
            raise self._refusal(None)

    def _refusal(self, status):
        from airflow.sdk.exceptions import AirflowRuntimeError, ErrorType
        from airflow.sdk.execution_time.comms import ErrorResponse

        return AirflowRuntimeError(ErrorResponse(error=ErrorType.API_SERVER_ERROR, detail={"status_code": status}))


@pytest.fixture
def store():
    return Store({})


def context_of(ti, run_after, store=None):
    """What Airflow hands to a try of a task; below 3.3 there is no store in it."""
    run = SimpleNamespace(run_after=run_after)
    context = {"ti": ti, "task_instance": ti, "dag_run": run}
    return context if store is None else context | {"task_state_store": store}


@pytest.fixture
def context(ti, store):
    """That of a first try, on an Airflow with a task state store."""
    return context_of(ti, ti.start_date, store)


REQUEST = {
    "custom_id": "one",
    "body": {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Hello"}]},
}


@pytest.fixture
def create(groq_emulator, quick):
    """Makes a create operator."""
    from airflow_provider_groq.operators.batch import GroqCreateBatchOperator

    def make(**options):
        if not {"requests", "input_path", "input_file_id"} & set(options):
            options["requests"] = [REQUEST]
        return GroqCreateBatchOperator(**{"task_id": "create", "poll_interval": 0.1} | options)

    return make


class Tries:
    """One try after another of the same task, each as a new process would run it.

    Attributes:
        rows: What is in the task state store.
        stores: The store as each try sees it.
        broken: Whether the next tries find a store that does not answer.
    """

    def __init__(self, create, *, stored):
        self._create = create
        self._stored = stored
        self.run_after = datetime.now(UTC) - timedelta(hours=3)
        self.rows = {}
        self.stores = []
        self.broken = False

    def run(self, **options):
        """Run the next try."""
        ti = TaskInstance()
        ti.try_number = len(self.stores) + 1
        self.stores.append(Store(self.rows, broken=self.broken))
        store = self.stores[-1] if self._stored else None
        operator = self._create(**{"wait_for_completion": False} | options)
        return operator.execute(context_of(ti, self.run_after, store))

    def begin(self, **options):
        """Run the next try in a thread; the answer waits for its end and returns its result, or its error."""
        ended = []

        def run():
            try:
                ended.append(self.run(**options))
            except GroqError as error:
                ended.append(error)

        thread = Thread(target=run)
        number = len(self.stores)
        thread.start()
        while len(self.stores) == number:
            time.sleep(0.01)

        def end():
            thread.join()
            return ended[0]

        return end

    def forget_the_end(self):
        """As if the try had been killed before it could write down which batch it made."""
        for words in self.rows.values():
            if isinstance(words, dict):
                words.pop("batch_id", None)

    def forget(self):
        """As if it had been killed before it wrote anything."""
        self.rows.clear()


@pytest.fixture(params=[True, False], ids=["with a store", "without a store"])
def tries(request, create):
    """On an Airflow that has a task state store, and on one below 3.3."""
    return Tries(create, stored=request.param)


@pytest.fixture
def stored_tries(create):
    return Tries(create, stored=True)


@pytest.fixture
def bare_tries(create):
    return Tries(create, stored=False)
