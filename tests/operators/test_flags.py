"""Arguments that turn something on or off, of every operator and of the sensor."""

import inspect

import pytest
from airflow.sdk import DAG

from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.operators.batch import (
    GroqCancelBatchOperator,
    GroqCreateBatchOperator,
    GroqDownloadBatchResultsOperator,
)
from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator
from airflow_provider_groq.sensors.batch import GroqBatchSensor

NEEDED = {
    GroqCreateBatchOperator: {"input_file_id": "file_1"},
    GroqCancelBatchOperator: {"batch_id": "batch_1"},
    GroqDownloadBatchResultsOperator: {"batch_id": "batch_1", "output_path": "/nowhere"},
    GroqBatchInferenceOperator: {"rows": ["a"], "output_path": "/nowhere"},
    GroqBatchSensor: {"batch_id": "batch_1"},
}

FLAGS = [
    (kind, name)
    for kind in NEEDED
    for name, parameter in inspect.signature(kind).parameters.items()
    if isinstance(parameter.default, bool)
]


def test_the_flags_are_found():
    assert len(FLAGS) == 19
    assert (GroqBatchInferenceOperator, "reattach") in FLAGS


@pytest.mark.parametrize("value", ["False", "no", "{{ params.flag }}", 0, 1, None])
@pytest.mark.parametrize(("kind", "name"), FLAGS)
def test_a_flag_is_true_or_false_and_nothing_that_counts_as_such(kind, name, value):
    with pytest.raises(GroqInputError, match=f"^{name} is {value!r}, but must be True or False"):
        kind(task_id="task", **NEEDED[kind], **{name: value})


def test_a_flag_of_the_default_arguments_of_a_dag_is_checked_too():
    with DAG("dag", schedule=None, default_args={"reattach": "False"}), pytest.raises(GroqInputError, match="reattach"):
        GroqCreateBatchOperator(task_id="task", input_file_id="file_1")


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize(("kind", "name"), FLAGS)
def test_a_flag_may_be_either(kind, name, value):
    operator = kind(task_id="task", **NEEDED[kind], **{name: value})
    assert getattr(operator, "is_dry_run" if name == "dry_run" else name) is value
