"""`make demo` and `make airflow`, as a newcomer sees them."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
from airflows import VERSION
from system.rest import PATIENCE, await_that

from airflow_provider_groq.demo.home import Home, airflow, own_folder

pytestmark = pytest.mark.system


@pytest.fixture(autouse=True)
def interruptible():
    """What is started here inherits no SIG_IGN, with which a shell runs what it puts into the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def start(folder, *arguments):
    environment = {key: value for key, value in os.environ.items() if key != "GROQ_API_KEY"}
    return subprocess.Popen(
        [sys.executable, "-m", "airflow_provider_groq.demo", "--folder", folder, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        bufsize=1,
    )


def left_over(folder):
    """Processes that were started for this folder, and still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(folder).encode() in path.read_bytes():
                found.append(path.parent.name)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def test_ends_with_a_table_of_answers_and_their_path(tmp_path):
    folder = tmp_path / "a folder with spaces"
    with start(folder) as demo:
        output = demo.communicate(timeout=PATIENCE)[0]
    assert demo.returncode == 0, output
    if VERSION >= (3, 1):  # the log of 3.0 does not tell who wrote a line
        assert "The task is deferred" in output
        assert re.search(r"\d+ of \d+ rows \(\d+ %\)", output)
    assert re.search(r"category +packages +for example\n(.+ +\d+ +.+\n){3,}", output)
    assert re.search(
        r"rows    (\d+) total, \1 succeeded\nrounds  \1 of \1 rows succeeded\ntokens  [1-9].* in, .+ out", output
    )
    assert Path(re.search(r"The manifest.*: (/.+)", output)[1]).is_file()
    assert left_over(folder) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_leaves_nothing_running_when_stopped(tmp_path, new_database, number):
    folder = tmp_path / "demo"
    new_database(folder / "airflow")
    with start(folder) as demo:
        read_until(demo, "(?=.*sent).*batch")
        assert holders(folder)
        stop(demo, folder, number)


def test_leaves_nothing_running_when_it_is_terminated_at_its_start(tmp_path):
    folder = tmp_path / "demo"
    with start(folder) as demo:
        read_until(demo, "Creating Airflow's database")
        await_that(lambda: holders(folder), "Airflow creates it")
        stop(demo, folder, signal.SIGTERM)


def stop(demo, folder, number):
    """Stop a demo with a signal, and wait until nothing of it runs."""
    demo.send_signal(number)
    output = demo.communicate(timeout=PATIENCE)[0]
    assert demo.returncode != 0
    assert "Traceback" not in output
    await_that(lambda: left_over(folder) == [], "all processes have ended")


def holders(folder):
    """Processes of Airflow that hold the lock on their folder: with them it outlives a demo that is killed."""
    lock, found = folder / "airflow" / "in-use", []
    for path in (path for pid in left_over(folder) for path in Path(f"/proc/{pid}/fd").glob("*")):
        with suppress(OSError):  # it was closed meanwhile
            found += [path] if path.readlink() == lock else []
    return found


def read_until(demo, pattern):
    """Read what the demo says until a line has the pattern; return what was found."""
    said = []
    for line in demo.stdout:
        said.append(line)
        if found := re.search(pattern, line):
            return found
    raise AssertionError("".join(said))


@pytest.fixture(scope="module")
def standalone(new_database, tmp_path_factory):
    """`make airflow`: the folder, the process, and a client of its API with the password that it prints."""
    folder = tmp_path_factory.mktemp("standalone")
    new_database(folder / "airflow")
    with start(folder, "--standalone") as demo:
        try:
            url, user, password = read_until(demo, r"Airflow is at (\S+): user (\S+), password (\S+)\. ").groups()
            login = httpx.post(
                f"{url}/auth/token", json={"username": user, "password": password}, timeout=PATIENCE, trust_env=False
            )
            key = {"Authorization": f"Bearer {login.raise_for_status().json()['access_token']}"}
            with httpx.Client(base_url=f"{url}/api/v2", headers=key, timeout=PATIENCE, trust_env=False) as api:
                yield folder, demo, api
        finally:
            demo.send_signal(signal.SIGTERM)
            demo.communicate(timeout=PATIENCE)
            await_that(lambda: left_over(folder) == [], "all processes have ended")


def test_the_connection_is_in_the_list_and_its_test_button_works(standalone):
    _, _, api = standalone
    (listed,) = api.get("/connections").json()["connections"]
    assert (listed["connection_id"], listed["conn_type"]) == ("groq_default", "groq")
    # What Airflow's form sends: port 0 where there is none, and asterisks for the key.
    form = {name: listed[name] or "" for name in ("description", "host", "login", "schema")}
    form |= {"connection_id": "groq_default", "conn_type": "groq", "password": "***", "extra": "{}"}
    tested = api.post("/connections/test", json=form | {"port": listed["port"] or 0})
    assert tested.status_code == 200, tested.text
    assert tested.json()["status"] is True, tested.text


def test_the_key_of_the_connection_is_in_no_file(standalone):
    folder, _, _ = standalone
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert "airflow.db" in {path.name for path in files}
    assert [path for path in files if b"gsk_emulator" in path.read_bytes()] == []


def test_a_second_one_has_a_database_of_its_own(standalone):
    folder, _, _ = standalone
    assert holders(folder)
    with start(folder) as second:
        said = read_until(second, "Another Airflow runs in (.+): this one runs separately, in (.+).$")
        second.send_signal(signal.SIGINT)
        second.communicate(timeout=PATIENCE)
    assert said.groups() == (str(folder / "airflow"), str(folder / "airflow-2"))


def test_a_folder_is_taken_for_as_long_as_a_process_uses_it(tmp_path):
    with own_folder(tmp_path) as (first, lock):
        assert first == tmp_path / "airflow"
        airflow = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=[lock])
        with own_folder(tmp_path) as (second, _), own_folder(tmp_path) as (third, _):
            assert (second, third) == (tmp_path / "airflow-2", tmp_path / "airflow-3")
    with own_folder(tmp_path) as (path, _):
        assert path == tmp_path / "airflow-2"
    airflow.communicate(b"\n")
    with own_folder(tmp_path) as (path, _):
        assert path == tmp_path / "airflow"


def test_a_saved_connection_replaces_the_one_before(tmp_path, new_database):
    home = Home(tmp_path / "airflow", None)
    new_database(home.path)
    connection = {"conn_type": "groq", "host": "http://127.0.0.1:1", "password": "gsk_key"}
    home.save_connection(json.dumps(connection | {"extra": {}}))
    home.save_connection(json.dumps(connection | {"host": "http://127.0.0.1:2", "extra": {"timeout": 30}}))
    exported = tmp_path / "connections.json"
    subprocess.run(airflow("connections", "export", exported), env=home.environment(), capture_output=True, check=True)
    ((name, saved),) = json.loads(exported.read_text()).items()
    assert (name, saved["host"], saved["password"]) == ("groq_default", "http://127.0.0.1:2", "gsk_key")
    assert (json.loads(saved["extra"]), saved["port"]) == ({"timeout": 30}, 0)
    assert list(home.path.glob("*.json")) == []


def test_a_database_is_migrated_once_for_each_version_of_airflow(tmp_path, new_database):
    """Airflow needs seconds to find that there is nothing to do."""
    home = Home(tmp_path / "airflow", None)
    new_database(home.path)
    home.database.write_bytes(b"no database")
    home.migrate()
    assert home.database.read_bytes() == b"no database"
    (home.path / "migrated-by").write_text("3.0.0")
    with pytest.raises(RuntimeError, match="file is not a database"):
        home.migrate()
    home.database.unlink()
    home.migrate()
    assert home.database.read_bytes().startswith(b"SQLite format 3")
