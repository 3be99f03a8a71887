"""Who may see and cancel what, as Airflow's own auth manager says, with the login as a browser sends it."""

import json

import pytest
from ui.conftest import OPEN_DAG, rows_of
from ui.managers import BARRED, SECRET_DAG

BATCHES = "connections/groq_default/batches"
CANCEL = "connections/groq_default/cancel"


def only(answer):
    """The one batch of the answer to a cancel."""
    (row,) = answer.json()["batches"]
    return row


def status_of(emulator, batch_id):
    (batch,) = [batch for batch in emulator.batches() if batch["id"] == batch_id]
    return batch["status"]


@pytest.mark.parametrize(("method", "path"), [("GET", "connections"), ("GET", BATCHES), ("POST", CANCEL)])
async def test_nobody_gets_anything_without_a_login(browser, make, groq_emulator, method, path):
    (batch_id,) = make(OPEN_DAG)
    groq_emulator.clear_requests()
    answer = await browser(None).request(method, path, json={"batch_ids": [batch_id]})
    assert answer.status_code == 401
    assert groq_emulator.requests() == []


async def test_a_viewer_sees_batches_of_dags_and_cancels_none(browser, make, groq_emulator):
    (batch_id,) = make(OPEN_DAG)
    viewer = browser("viewer")
    row = rows_of(await viewer.get(BATCHES))[batch_id]
    assert not row["may_cancel"]
    answer = await viewer.post(CANCEL, json={"batch_ids": [batch_id]})
    assert answer.status_code == 403
    assert status_of(groq_emulator, batch_id) in {"validating", "in_progress"}


async def test_a_user_of_the_dag_cancels_its_batch(browser, make, groq_emulator):
    (batch_id,) = make(OPEN_DAG)
    user = browser("user")
    assert rows_of(await user.get(BATCHES))[batch_id]["may_cancel"]
    answer = await user.post(CANCEL, json={"batch_ids": [batch_id]})
    assert (answer.status_code, only(answer)["status"]) == (200, "cancelling")
    assert status_of(groq_emulator, batch_id) in {"cancelling", "cancelled"}
    assert rows_of(await user.get(BATCHES))[batch_id]["status"] == "cancelling"  # at once, not after 5 s


async def test_the_audit_log_says_who_cancelled(browser, make):
    from airflow.models.log import Log
    from airflow.utils.session import create_session

    (refused, cancelled) = make(OPEN_DAG, number=2)
    await browser("viewer").post(CANCEL, json={"batch_ids": [refused]})
    await browser("user").post(CANCEL, json={"batch_ids": [cancelled]})
    with create_session() as session:
        entries = session.query(Log).filter_by(event="cancel_groq_batch").all()
        said = {json.loads(entry.extra)["batch_id"]: (entry.owner, entry.dag_id) for entry in entries}
    assert said[cancelled] == ("user", OPEN_DAG)
    assert refused not in said


async def test_who_is_barred_from_a_dag_sees_and_cancels_nothing_of_it(browser, make, groq_emulator):
    ((open_id,), (secret_id,)) = make(OPEN_DAG), make(SECRET_DAG)
    barred = browser(BARRED)
    answer = await barred.get(BATCHES)
    assert set(rows_of(answer)) == {open_id}
    assert answer.json()["dags"] == [OPEN_DAG]
    assert SECRET_DAG not in answer.text
    assert set(rows_of(await barred.get(BATCHES, params={"dag": SECRET_DAG}))) == set()
    assert (await barred.post(CANCEL, json={"batch_ids": [secret_id]})).status_code == 403
    assert status_of(groq_emulator, secret_id) in {"validating", "in_progress"}
    assert set(rows_of(await browser("user").get(BATCHES))) == {open_id, secret_id}


async def test_no_number_tells_of_batches_that_the_user_may_not_see(browser, make, groq_emulator):
    """Neither of those of other Dags, nor of those that cannot be read, which may be of any."""
    make(SECRET_DAG, number=3)
    page = {"object": "list", "data": [*groq_emulator.batches(), {"id": "", "status": 7}]}
    groq_emulator.fault("/batches", method="GET", status=200, json=page, times=None)
    answer = (await browser(BARRED).get(BATCHES)).json()
    assert (answer["searched"], answer["left_out"], answer["back_to"]) == (0, 0, None)
    answer = (await browser("op").get(BATCHES)).json()
    assert (answer["searched"], answer["left_out"]) == (3, 1)
    assert answer["back_to"]


async def test_the_auth_manager_is_asked_about_the_dags_that_batches_name_once_each(browser, make, asked):
    for dag_id in (OPEN_DAG, SECRET_DAG, OPEN_DAG, None):
        make(dag_id)
    assert len(rows_of(await browser("user").get(BATCHES))) == 3
    of_each = [(method, dag_id) for dag_id in (OPEN_DAG, SECRET_DAG) for method in ("GET", "PUT")]
    assert asked[0] == ("GET", None)  # whether the user, who may not see the connection, may list any Dag
    assert sorted(asked[1:]) == sorted(of_each)


@pytest.fixture
def asked(dags):
    """What the auth manager is asked about Dags, of which Airflow has a hundred more."""
    from airflow.models.dag import DagModel
    from airflow.utils.session import create_session
    from ui.managers import OneDagBarred

    with create_session() as session:
        more = [DagModel(dag_id=f"more_{number}", bundle_name="of the page", fileloc="/") for number in range(100)]
        session.add_all(more)
    OneDagBarred.asked = asked = []
    yield asked
    OneDagBarred.asked = None
    with create_session() as session:
        for dag in more:
            session.delete(dag)


async def test_a_job_is_cancelled_as_a_whole(browser, make, groq_emulator):
    groq_emulator.set(seconds=0)
    ended = make(OPEN_DAG, airflow_task="a")
    groq_emulator.set(seconds=1_000)
    under_way = make(OPEN_DAG, airflow_task="a", number=30)
    others = make(OPEN_DAG, number=2)
    groq_emulator.clear_requests()
    answer = await browser("user").post(CANCEL, json={"batch_ids": [*under_way, *ended]})
    assert answer.status_code == 200
    assert {row["id"]: row["status"] for row in answer.json()["batches"]} == {
        ended[0]: "completed",
        **dict.fromkeys(under_way, "cancelling"),
    }
    assert (answer.json()["failed"], answer.json()["problem"]) == (0, None)
    assert {status_of(groq_emulator, batch_id) for batch_id in under_way} <= {"cancelling", "cancelled"}
    assert {status_of(groq_emulator, batch_id) for batch_id in others} <= {"validating", "in_progress"}
    cancels = [request for request in groq_emulator.requests("POST", "/batches/") if "/cancel" in request.path]
    assert len(cancels) == 30
    assert len(groq_emulator.requests("GET", "/batches")) == 1


async def test_of_batches_that_the_user_may_not_all_cancel_none_is(browser, make, groq_emulator):
    batch_ids = [*make(OPEN_DAG), *make(SECRET_DAG)]
    answer = await browser(BARRED).post(CANCEL, json={"batch_ids": batch_ids})
    assert answer.status_code == 403
    assert {status_of(groq_emulator, batch_id) for batch_id in batch_ids} <= {"validating", "in_progress"}


async def test_a_batch_that_cannot_be_cancelled_keeps_no_other_from_it(browser, make, groq_emulator):
    batch_ids = make(OPEN_DAG, number=3)
    groq_emulator.fault(f"/batches/{batch_ids[1]}/cancel", status=500, times=None)
    answer = await browser("user").post(CANCEL, json={"batch_ids": [*batch_ids, "batch_unknown"]})
    assert answer.status_code == 200
    told = answer.json()
    assert [row["status"] in {"validating", "in_progress"} for row in told["batches"]] == [False, True, False]
    assert (told["failed"], told["problem"]) == (1, {"problem": "Groq answered with status 500.", "detail": ""})
    assert (
        "returned 500" in ((await browser("op").post(CANCEL, json={"batch_ids": batch_ids})).json()["detail"]["detail"])
    )  # the other two are being cancelled already


@pytest.mark.parametrize("gateway", [False, True])
async def test_a_server_that_ignores_ids_is_asked_about_each_batch(browser, make, groq_emulator, gateway):
    groq_emulator.set(ignore_ids=gateway, page_size=2)
    batch_ids = make(OPEN_DAG, number=5)
    answer = await browser("user").post(CANCEL, json={"batch_ids": batch_ids})
    assert {row["status"] for row in answer.json()["batches"]} == {"cancelling"}
    assert len(answer.json()["batches"]) == 5


@pytest.mark.parametrize("batch_ids", [[], [""], ["x"] * 501, "batch_1"])
async def test_a_cancel_of_no_list_of_ids_is_refused(browser, groq_emulator, batch_ids):
    answer = await browser("admin").post(CANCEL, json={"batch_ids": batch_ids})
    assert answer.status_code == 422
    assert groq_emulator.requests() == []


@pytest.mark.parametrize("dag_id", [None, "a Dag that was deleted", "~", ""])
async def test_a_batch_of_no_dag_is_for_those_who_may_use_the_connection(browser, make, groq_emulator, dag_id):
    (batch_id,) = make(dag_id)
    assert rows_of(await browser("user").get(BATCHES)) == {}
    assert (await browser("user").post(CANCEL, json={"batch_ids": [batch_id]})).status_code == 403
    op = browser("op")
    assert rows_of(await op.get(BATCHES))[batch_id]["may_cancel"]
    assert (await op.post(CANCEL, json={"batch_ids": [batch_id]})).status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}])
async def test_a_page_of_another_site_cannot_cancel_with_the_users_login(browser, make, groq_emulator, headers):
    (batch_id,) = make(OPEN_DAG)
    groq_emulator.clear_requests()
    answer = await browser("admin", headers=headers).post(CANCEL, json={"batch_ids": [batch_id]})
    assert answer.status_code == 403
    assert "must come from a page of this Airflow" in answer.json()["detail"]
    assert groq_emulator.requests() == []


async def test_a_program_cancels_with_a_token(browser, make, groq_emulator):
    (batch_id,) = make(OPEN_DAG)
    token = browser("user").cookies["_token"]
    program = browser(None, headers={"Authorization": f"Bearer {token}"})
    assert (await program.post(CANCEL, json={"batch_ids": [batch_id]})).status_code == 200


async def test_a_batch_that_has_ended_is_left_as_it_is(browser, make, groq_emulator):
    groq_emulator.set(seconds=0)
    (batch_id,) = make(OPEN_DAG)
    answer = await browser("user").post(CANCEL, json={"batch_ids": [batch_id]})
    assert (answer.status_code, only(answer)["status"]) == (200, "completed")
    assert groq_emulator.requests("POST", "/batches/") == []


async def test_a_batch_that_groq_does_not_know_is_said_to_be_none(browser):
    answer = await browser("admin").post(CANCEL, json={"batch_ids": ["batch_none/../x"]})
    assert answer.status_code == 404
    assert "does not know this batch" in answer.json()["detail"]["problem"]


@pytest.fixture
def saved_connections(airflow_database):
    """Connections in Airflow's database, of which one is of type groq."""
    from airflow.models.connection import Connection
    from airflow.utils.session import create_session

    with create_session() as session:
        made = [Connection(conn_id="groq_saved", conn_type="groq"), Connection(conn_id="other", conn_type="http")]
        session.add_all(made)
    yield
    with create_session() as session:
        for connection in made:
            session.delete(connection)


@pytest.mark.usefixtures("saved_connections")
@pytest.mark.parametrize(("user", "listed"), [("op", ["groq_saved"]), ("viewer", [])])
async def test_connections_are_listed_for_those_who_may_see_them(browser, user, listed):
    answer = await browser(user).get("connections")
    assert answer.json() == {"connections": listed, "default": "groq_default"}


@pytest.mark.parametrize("path", ["docs", "redoc", "openapi.json"])
async def test_nothing_describes_the_api_to_those_who_have_not_logged_in(browser, path):
    assert (await browser(None).get(f"http://airflow.test/groq/{path}")).status_code == 404
