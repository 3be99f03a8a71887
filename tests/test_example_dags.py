"""Every example Dag runs through real Airflow."""

import ast
import json
import sqlite3
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest
from airflows import dag_bag, since

from airflow_provider_groq.answers import read_answers

EXAMPLES = Path(__file__).parents[1] / "example_dags"
OF_OTHERS = {"ApprovalOperator", "TriggerDagRunOperator"}
"""Types of tasks that are none of this package's."""


@pytest.fixture
def run_example(run_dag, groq_emulator):
    groq_emulator.set(seconds=0.3, cancelling_seconds=0.3)
    return lambda dag_id, **conf: run_dag(dag_id, "example_dags", **conf)


def test_create_and_wait(run_example, groq_emulator):
    ran = run_example("groq_create_and_wait")
    assert ran.state == "success"
    assert ran.xcom("ask") == [groq_emulator.batches()[0]["id"]]


@since(3, 1, "TriggerDagRunOperator in dag.test()")
def test_create_here_and_wait_in_another_dag(run_example, groq_emulator):
    assert run_example("groq_create_here").state == "success"
    (batch,) = groq_emulator.batches()
    ran = run_example("groq_wait_here", batch_id=batch["id"])
    assert ran.state == "success"
    assert ran.xcom("wait")[0]["id"] == batch["id"]


def test_cancel(run_example, groq_emulator):
    groq_emulator.set(seconds=1000)
    assert run_example("groq_cancel").state == "success"
    assert [batch["status"] for batch in groq_emulator.batches()] == ["cancelled"]


def test_download_results(run_example, tmp_path):
    ran = run_example("groq_download_results", output_path=str(tmp_path))
    assert ran.state == "success"
    (manifest,) = ran.xcom("download")
    path = Path(manifest["output"]["path"])
    assert path.is_relative_to(tmp_path)
    answers = [json.loads(line) for line in path.read_text().splitlines()]
    assert "apache-airflow" in {answer["custom_id"] for answer in answers}
    assert manifest["requests"]["succeeded"] == manifest["requests"]["total"] == len(answers)


def test_branch_on_failures(run_example, tmp_path):
    ran = run_example("groq_branch_on_failures", output_path=str(tmp_path))
    assert ran.state == "success"
    assert ran.task("look_at_errors").state == "success"
    assert ran.task("use_answers").state == "skipped"


def test_land_what_is_there(run_example, tmp_path):
    ran = run_example("groq_land_what_is_there", output_path=str(tmp_path))
    assert ran.task("create").state == "failed"
    (manifest,) = ran.xcom("download")
    assert (manifest["requests"]["succeeded"], manifest["requests"]["failed"]) == (1, 1)


def test_rows_to_answers(run_example, tmp_path):
    ran = run_example("groq_rows_to_answers", output_path=str(tmp_path))
    assert ran.state == "success"
    (manifest,) = ran.xcom("sort_packages")
    answers = {answer.custom_id: answer for answer in read_answers(manifest)}
    assert len(answers) == manifest["rows"]["total"] == manifest["rows"]["succeeded"]
    airflow = answers["apache-airflow"]
    assert set(airflow.output) == {"category"}
    assert airflow.input["package"] == "apache-airflow"


def test_sentiments(run_example, groq_emulator, tmp_path):
    mood = {"1": "positive", "2": "negative", "3": "neutral"}
    groq_emulator.answer_with(lambda request: {"mood": mood[request["custom_id"]], "reason": "They say so."})
    ran = run_example("groq_sentiments", output_path=str(tmp_path))
    assert ran.state == "success"
    assert ran.xcom("unhappy") == [["lamp"]]


def test_mapped_partitions(run_example, tmp_path):
    ran = run_example("groq_mapped_partitions", output_path=str(tmp_path))
    assert ran.state == "success"
    manifests = [ran.xcom("translate", map_index=index)[0] for index in range(3)]
    assert len({manifest["path"] for manifest in manifests}) == len(manifests)
    answers = [[answer.input["partition"] for answer in read_answers(manifest)] for manifest in manifests]
    assert answers == [["fr", "fr"], ["de", "de"], ["it", "it"]]


@since(3, 3, "partitions of assets")
def test_partitions(run_example, tmp_path):
    """The Dag that is woken runs in `tests/system/test_assets.py`: only a scheduler wakes one."""
    from airflow.models.asset import AssetEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    ran = run_example("groq_land_partitions", output_path=str(tmp_path))
    assert ran.state == "success"
    (manifest,) = ran.xcom("answer")
    with create_session() as session:
        (event,) = session.scalars(select(AssetEvent).filter_by(source_run_id=ran.run_id))
        assert event.asset.name == "groq_reviews_answered"
        assert event.extra == {"manifest": manifest}
        day = event.partition_key
    assert Path(manifest["path"]) == tmp_path / f"ds={day}"
    assert [answer.custom_id for answer in read_answers(manifest)] == [f"{day}-kettle", f"{day}-lamp"]


def test_on_finished_batches(run_example, groq_emulator):
    """Without an event nothing is to be downloaded. It is woken by one in `tests/system/test_assets.py`."""
    ran = run_example("groq_on_finished_batches")
    assert ran.xcom("finished") == [[]]
    assert ran.task("download").state == "skipped"
    assert groq_emulator.requests() == []


def test_audio(run_example, groq_emulator, tmp_path):
    groq_emulator.set(answers={"2026-01-07-0915": "Good morning."})
    ran = run_example("groq_audio", output_path=str(tmp_path))
    assert ran.state == "success"
    answers = list(read_answers(next(tmp_path.iterdir())))
    assert [answer.status for answer in answers] == ["succeeded"] * 3
    assert answers[1].output == "Good morning."


def test_sql(run_example, tmp_path, monkeypatch):
    database = tmp_path / "tickets.db"
    monkeypatch.setenv("AIRFLOW_CONN_TICKETS_DB", json.dumps({"conn_type": "sqlite", "host": str(database)}))
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE tickets (id INTEGER PRIMARY KEY, text TEXT)")
        connection.execute("CREATE TABLE summaries (id INTEGER PRIMARY KEY, summary TEXT)")
        connection.executemany("INSERT INTO tickets VALUES (?, ?)", [(7, "The printer burns."), (8, "It rains in.")])
    ran = run_example("groq_sql", output_path=str(tmp_path / "answers"))
    assert ran.state == "success"
    with closing(sqlite3.connect(database)) as connection:
        summaries = connection.execute("SELECT id, summary FROM summaries ORDER BY id").fetchall()
    assert [id_ for id_, _ in summaries] == [7, 8]
    assert all(summary for _, summary in summaries)


def test_reuse_yesterday(run_example, groq_emulator, tmp_path):
    """The second day has one new ticket, and pays for it alone."""
    asked = []
    groq_emulator.answer_with(lambda request: asked.append(request["custom_id"]))
    tickets = tmp_path / "tickets.csv"
    tickets.write_text("id,text\n1,The printer burns.\n2,It rains in.\n")
    days = [datetime(2026, 1, day, tzinfo=UTC) for day in (5, 6, 7)]
    options = {"input_path": str(tickets), "output_path": str(tmp_path)}
    assert run_example("groq_reuse_yesterday", logical_date=days[0], **options).state == "success"
    with tickets.open("a") as file:
        file.write("3,The door is stuck.\n")
    assert run_example("groq_reuse_yesterday", logical_date=days[1], **options).state == "success"
    assert sorted(asked) == ["1", "2", "3"]
    answers = list(read_answers(tmp_path / "2026-01-06"))
    assert [(answer.custom_id, answer.status) for answer in answers] == [(str(id_), "succeeded") for id_ in (1, 2, 3)]
    assert [answer.reused_from for answer in answers] == [*2 * [f"{tmp_path}/2026-01-05"], None]
    (tmp_path / "2026-01-06" / "manifest.json").unlink()
    assert run_example("groq_reuse_yesterday", logical_date=days[2], **options).state == "failed"
    assert sorted(asked) == ["1", "2", "3"]


@pytest.fixture(scope="module")
def api(airflow_database):
    """Airflow's REST API, as an admin; its UI asks the same."""
    from airflow.api_fastapi.app import create_app
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from starlette.testclient import TestClient

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", 64 * "x")
        app = create_app(apps="core")
        token = app.state.auth_manager.generate_jwt(SimpleAuthManagerUser(username="admin", role="admin"))
        headers = {"Authorization": f"Bearer {token}"}
        with closing(TestClient(app, headers=headers, base_url="http://test/api/v2")) as client:
            yield client


class Approver:
    """Somebody who answers the question of a task when it is asked."""

    def __init__(self, api, dag_id, task_id, answer):
        self._api = api
        self._question = dag_id, task_id
        self._answer = answer
        self._thread = Thread(target=self._respond)
        self.asked = None

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._thread.join()

    def _respond(self):
        dag_id, task_id = self._question
        give_up = time.monotonic() + 60
        while time.monotonic() < give_up:
            runs = self._api.get(f"/dags/{dag_id}/dagRuns").json().get("dag_runs", [])
            for run in runs:
                path = f"/dags/{dag_id}/dagRuns/{run['dag_run_id']}/taskInstances/{task_id}/-1/hitlDetails"
                question = self._api.get(path)
                if question.is_success and question.json()["task_instance"]["state"] == "awaiting_input":
                    self.asked = question.json()
                    self._api.patch(path, json={"chosen_options": [self._answer]}).raise_for_status()
                    return
            time.sleep(0.2)


@since(3, 3, "ApprovalOperator in dag.test()")
@pytest.mark.parametrize("answer", ["Approve", "Reject"])
def test_estimate_approve_send(run_example, groq_emulator, api, tmp_path, answer):
    tickets = tmp_path / "tickets.csv"
    tickets.write_text("id,text\n1,The printer burns.\n2,It rains in.\n")
    with Approver(api, "groq_estimate_approve_send", "approve", answer) as approver:
        ran = run_example("groq_estimate_approve_send", input_path=str(tickets), output_path=str(tmp_path))
    assert ran.state == "success"
    (told,) = ran.xcom("estimate")
    assert approver.asked["subject"] == "Send 2 rows to Groq?"
    assert json.loads(approver.asked["body"]) == told
    assert told["models"]["openai/gpt-oss-20b"]["completion_tokens"] == 400
    if answer == "Approve":
        assert ran.xcom("send")[0]["rows"]["succeeded"] == told["to_send"]
        assert len(groq_emulator.batches()) == told["shards"]
    else:
        assert ran.task("send").state == "skipped"
        assert groq_emulator.requests("POST") == []


@pytest.mark.usefixtures("airflow_database")
def test_airflow_shows_what_each_dag_and_each_of_its_tasks_is_for():
    bag = dag_bag(EXAMPLES)
    assert len(bag.dags) > 12
    for dag in bag.dags.values():
        assert dag.doc_md == ast.get_docstring(ast.parse(Path(dag.fileloc).read_text()))
        ours = [task for task in dag.tasks if task.task_type not in OF_OTHERS]
        assert ours
        assert [task.task_id for task in ours if not task.doc_md] == []


def test_every_example_is_tested_here():
    examples = {path.stem for path in EXAMPLES.glob("*.py")}
    assert examples == {
        "groq_audio",
        "groq_branch_on_failures",
        "groq_cancel",
        "groq_create_and_wait",
        "groq_download_results",
        "groq_estimate_approve_send",
        "groq_land_what_is_there",
        "groq_mapped_partitions",
        "groq_on_finished_batches",
        "groq_partitions",
        "groq_reuse_yesterday",
        "groq_rows_to_answers",
        "groq_sentiments",
        "groq_sql",
        "groq_wait_in_another_dag",
    }
