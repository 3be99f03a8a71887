"""The sensor in real Dag runs: what Airflow makes of a timeout and of soft_fail."""

from pathlib import Path

import pytest
from airflows import RESCHEDULED, dag_bag, since
from bundles import BUNDLES, bundles

DAGS = Path(__file__).parents[1] / "dags"

WAYS = ["poke", pytest.param("reschedule", marks=since(3, 1, RESCHEDULED)), "deferred"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("soft_fail", "state"), [(False, "failed"), (True, "skipped")])
def test_a_timeout_fails_or_skips_the_task(run_dag, groq_emulator, make_batch, way, soft_fail, state):
    groq_emulator.set(seconds=1000)
    batch_id = make_batch()
    ran = run_dag(f"time_out_{way}_{'soft' if soft_fail else 'hard'}", batch_id=batch_id)
    assert ran.task("sense").state == state
    if not soft_fail:
        assert "AirflowSensorTimeout" in ran.log
        assert f"Batch {batch_id} had not ended at the deadline" in ran.log


@pytest.mark.parametrize("way", WAYS)
def test_the_batch_is_in_xcom(run_dag, groq_emulator, make_batch, way):
    groq_emulator.set(seconds=0.3)
    batch_id = make_batch()
    ran = run_dag(f"sense_{way}", batch_id=batch_id)
    (batch,) = ran.xcom("sense")
    assert (batch["id"], batch["status"]) == (batch_id, "completed")
    assert ran.xcom("sense", key="batch_id") == [batch_id]


def test_one_dag_object_may_run_twice(airflow_database, groq_emulator, quick, make_batch, monkeypatch):
    """As users' own tests with `dag.test()` do."""
    monkeypatch.setenv(BUNDLES, bundles(DAGS / "sense.py"))
    dag = dag_bag(DAGS / "sense.py").dags["sense_poke"]
    groq_emulator.set(seconds=0.2)
    for _ in range(2):
        assert dag.test(run_conf={"batch_id": make_batch()}).state == "success"
