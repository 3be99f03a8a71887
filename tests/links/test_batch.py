"""The link from a task to Groq's console."""

from types import SimpleNamespace

import pytest

from airflow_provider_groq.batches.console import CONSOLE, console_url
from airflow_provider_groq.links.batch import GroqBatchLink


def test_names_the_batch_in_the_address():
    assert console_url("batch_1") == "https://console.groq.com/batches?id=batch_1"
    assert console_url("a&b=c/../d") == "https://console.groq.com/batches?id=a%26b%3Dc%2F..%2Fd"


@pytest.mark.parametrize(("batch_id", "link"), [("batch_1", console_url("batch_1")), (None, CONSOLE)])
def test_leads_to_the_batch_that_the_operator_knows(batch_id, link):
    assert GroqBatchLink().get_link(SimpleNamespace(linked_batch_id=batch_id), ti_key="key") == link


def test_leads_to_all_batches_where_the_operator_knows_none():
    assert GroqBatchLink().get_link(object(), ti_key="key") == CONSOLE


@pytest.mark.parametrize("dag_id", ["create_worker", "create_deferred"])
def test_is_stored_where_airflow_looks_for_it(run_dag, groq_emulator, dag_id):
    groq_emulator.set(seconds=0.2)
    ran = run_dag(dag_id)
    assert ran.xcom("create", key=GroqBatchLink().xcom_key) == [console_url(groq_emulator.batches()[0]["id"])]
