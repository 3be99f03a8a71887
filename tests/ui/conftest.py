"""The page's API with Airflow's own ways to tell who asks, and the emulator as Groq."""

import io
import json
import mimetypes

import blocking
import httpx
import pytest
from airflows import VERSION
from ui.managers import BARRED, SECRET_DAG

collect_ignore_glob = [] if VERSION >= (3, 1) else ["test_*.py"]  # 3.0 has no such pages

OPEN_DAG = "open"
ROLES = {"admin": "ADMIN", "op": "OP", "user": "USER", "viewer": "VIEWER", BARRED: "USER"}
LINE = {
    "method": "POST",
    "url": "/v1/chat/completions",
    "body": {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": "Hello"}]},
}


@pytest.fixture(autouse=True)
def no_blocking_calls():
    mimetypes.init()  # reads files for the first who asks
    with blocking.detected(["airflow_provider_groq.ui"]):  # and what that calls
        yield


@pytest.fixture(scope="module")
def auth_manager(airflow_database):
    """Airflow's auth manager, as its API server makes it."""
    from airflow.api_fastapi import app

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__CORE__AUTH_MANAGER", "ui.managers.OneDagBarred")
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "of the tests " * 6)
        app.purge_cached_app()
        yield app.create_auth_manager()
        app.purge_cached_app()


@pytest.fixture(scope="module")
def dags(airflow_database):
    """Two Dags in Airflow's database, as its Dag processor would put them there."""
    from airflow.models.dag import DagModel
    from airflow.models.dagbundle import DagBundleModel
    from airflow.utils.session import create_session

    with create_session() as session:
        session.add(DagBundleModel(name="of the page"))
        session.flush()
        for dag_id in (OPEN_DAG, SECRET_DAG):
            session.add(DagModel(dag_id=dag_id, bundle_name="of the page", fileloc="/nowhere.py"))
    yield
    with create_session() as session:
        for dag_id in (OPEN_DAG, SECRET_DAG):
            session.delete(session.get(DagModel, dag_id))
        session.flush()
        session.delete(session.get(DagBundleModel, "of the page"))


@pytest.fixture
def server(auth_manager, dags, groq_emulator):
    """An application with the page's API mounted, as Airflow's API server mounts it."""
    from fastapi import FastAPI

    from airflow_provider_groq.ui.app import create_app

    app = FastAPI()
    app.mount("/groq", create_app())
    return app


@pytest.fixture
async def browser(server, auth_manager):
    """Gives clients: each a user who has logged in, in a browser whose open page is of this Airflow."""
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    clients = []

    def browser(user, *, headers=None):
        cookies = {}
        if user is not None:
            token = auth_manager.generate_jwt(SimpleAuthManagerUser(username=user, role=ROLES[user]))
            cookies = {"_token": token}
        client = httpx.AsyncClient(
            transport=httpx.ASGITransport(server),
            base_url="http://airflow.test/groq/api",
            cookies=cookies,
            headers={"Sec-Fetch-Site": "same-origin"} if headers is None else headers,
            timeout=30,
        )
        clients.append(client)
        return client

    yield browser
    for client in clients:
        await client.aclose()


@pytest.fixture
def make(groq_emulator):
    """Makes batches, as tasks and others do, and gives their ids, oldest first."""
    from airflow_provider_groq.hooks.groq import GroqHook

    def make(dag_id=None, task_id="create", run_id="run", *, requests=2, number=1, **metadata):
        if dag_id is not None:
            metadata |= {"airflow_dag_id": dag_id, "airflow_task_id": task_id, "airflow_run_id": run_id}
            metadata.setdefault("airflow_map_index", "-1")
        lines = "".join(json.dumps(LINE | {"custom_id": f"row-{row}"}) + "\n" for row in range(requests))
        with GroqHook() as hook:
            file_id = hook.upload_file(io.BytesIO(lines.encode())).id
            return [hook.create_batch(file_id, metadata=metadata or None).id for _ in range(number)]

    return make


def rows_of(answer):
    """The batches of an answer, by id."""
    assert answer.status_code == 200, answer.text
    return {row["id"]: row for group in answer.json()["groups"] for row in group["batches"]}
