"""common-ai's decorator and operator in Airflow's own `dag.test()`."""

import json
from pathlib import Path

import pytest
from common_ai.conftest import imported

imported("batch")


@pytest.mark.parametrize("connection", ["groq", "pydanticai"])
@pytest.mark.parametrize("way", ["worker", "deferred"])
def test_the_decorator_and_the_operator_run(groq_emulator, run_dag, tmp_path, monkeypatch, way, connection):
    known = json.loads(groq_emulator.connection_json)
    monkeypatch.setenv("AIRFLOW_CONN_ASKED", json.dumps(known | {"conn_type": connection}))
    groq_emulator.set(seconds=0, answers={"*": {"value": [7]}})
    ran = run_dag(f"llm_batch_{way}", connection="asked", path=str(tmp_path))
    assert ran.state == "success", ran.log
    for task_id in ("ask", "operator"):
        (manifest,) = ran.xcom(task_id)
        assert (manifest["adapter"], manifest["counts"]["succeeded"]) == ("groq", 3)
        rows = [
            json.loads(line) for line in Path(manifest["result_uri"].removeprefix("file://")).read_text().splitlines()
        ]
        assert [row["output"] for row in rows] == 3 * [[7]]
    owners = [batch["metadata"] for batch in groq_emulator.batches()]
    assert [(owner["airflow_dag_id"], owner["airflow_task_id"]) for owner in owners] == [
        (f"llm_batch_{way}", "ask"),
        (f"llm_batch_{way}", "operator"),
    ]
