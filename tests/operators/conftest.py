"""A task instance and a context, for operators that are run by hand."""

import time

import pytest


class TaskInstance:
    """Holds what an operator pushes, and says what Airflow would say of the task."""

    dag_id, task_id, run_id, map_index = "dag", "create", "run", -1

    def __init__(self):
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


@pytest.fixture
def context(ti):
    return {"ti": ti, "task_instance": ti}


REQUEST = {
    "custom_id": "one",
    "body": {"model": "llama-3.1-8b-instant", "messages": [{"role": "user", "content": "Hello"}]},
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
