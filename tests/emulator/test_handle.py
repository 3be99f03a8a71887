"""`GroqEmulator`: the process and its control methods."""

import json
import subprocess
import sys
import time

import httpx
import pytest

from airflow_provider_groq.emulator import EmulatorError, GroqEmulator

HOUR = 3600


def answers(url):
    try:
        return httpx.get(f"{url}/_emulator/clock", trust_env=False).is_success
    except httpx.TransportError:
        return False


def test_it_runs_in_a_process_of_its_own_and_stops_cleanly():
    with GroqEmulator() as emulator:
        assert emulator.url.startswith("http://127.0.0.1:")
        assert answers(emulator.url)
    assert not answers(emulator.url)
    assert emulator._process.returncode == 0
    emulator.stop()


def test_it_stops_though_an_answer_is_under_way():
    with GroqEmulator() as emulator:
        emulator.fault(delay=300)
        with pytest.raises(httpx.ReadTimeout):
            httpx.get(f"{emulator.url}/openai/v1/models", timeout=0.1, trust_env=False)
        began = time.monotonic()
    assert time.monotonic() - began < 60
    assert emulator._process.returncode == 0


def test_it_ends_with_the_process_that_started_it_even_by_sigkill():
    code = (
        "import time; from airflow_provider_groq.emulator import GroqEmulator; "
        "emulator = GroqEmulator(); print(emulator.url, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        url = parent.stdout.readline().strip()
        assert answers(url)
        parent.kill()
    deadline = time.monotonic() + 60
    while answers(url):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_it_says_so_when_it_does_not_start(monkeypatch, capfd):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(EmulatorError, match="ended while starting, with exit code 1"):
        GroqEmulator()
    monkeypatch.undo()
    with pytest.raises(EmulatorError, match="ended while starting, with exit code 2"):
        GroqEmulator(seconds=-1)
    assert "argument --seconds" in capfd.readouterr().err


def test_the_connection_it_gives_to_airflow(groq_emulator):
    connection = json.loads(groq_emulator.connection_json)
    expected = {"conn_type": "groq", "host": groq_emulator.url, "password": groq_emulator.api_key, "extra": {}}
    assert connection == expected


def test_time_goes_on_and_can_be_advanced_but_not_put_back(groq_emulator):
    now = groq_emulator.now()
    assert abs(now - time.time()) < 5
    assert groq_emulator.now() > now
    assert groq_emulator.advance(10 * HOUR) >= now + 10 * HOUR
    assert groq_emulator.now() >= now + 10 * HOUR
    with pytest.raises(EmulatorError, match="time only moves forward"):
        groq_emulator.advance(-1)
    with pytest.raises(EmulatorError, match="'advance' must be a number, not 'far'"):
        groq_emulator.advance("far")


def test_time_can_go_on_faster_and_stand_still(groq_emulator):
    groq_emulator.set(speed=HOUR)
    began, now = time.monotonic(), groq_emulator.now()
    time.sleep(0.2)
    passed, measured = groq_emulator.now() - now, time.monotonic() - began
    assert 0.2 * HOUR <= passed <= measured * HOUR
    assert groq_emulator.advance(HOUR) >= now + passed + HOUR
    groq_emulator.set(speed=0)
    now = groq_emulator.now()
    assert now > time.time() + HOUR, "a change of speed takes no time back"
    time.sleep(0.01)
    assert groq_emulator.now() == now
    groq_emulator.advance(5)
    assert groq_emulator.now() == now + 5
    groq_emulator.set(seconds=1)
    assert groq_emulator.now() == now + 5
    groq_emulator.reset()
    assert abs(groq_emulator.now() - time.time()) < 5
    assert groq_emulator.settings()["speed"] == 1


def test_a_batch_of_half_a_day_is_over_in_a_second(groq_emulator, account):
    groq_emulator.set(seconds=12 * HOUR, speed=12 * HOUR)
    batch = account.submit()
    assert batch["status"] == "validating"
    deadline = time.monotonic() + 60
    while (batch := account.batch(batch["id"]))["status"] != "completed":
        assert batch["status"] in {"validating", "in_progress", "finalizing"}
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert batch["completed_at"] - batch["created_at"] == pytest.approx(12 * HOUR, abs=1)


def test_the_speed_at_the_start_is_that_after_a_reset():
    with GroqEmulator(speed=HOUR) as emulator:
        assert emulator.settings()["speed"] == HOUR
        emulator.set(speed=1)
        emulator.reset()
        assert emulator.settings()["speed"] == HOUR
        now = emulator.now()
        time.sleep(0.05)
        assert emulator.now() - now > 100


def test_settings_are_changed_by_name_until_the_reset(groq_emulator):
    initial = groq_emulator.settings()
    changed = groq_emulator.set(seconds=5, page_size=7)
    assert changed == initial | {"seconds": 5, "page_size": 7} == groq_emulator.settings()
    groq_emulator.reset()
    assert groq_emulator.settings() == initial


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"second": 5}, "unknown setting 'second'"),
        ({"seconds": "5"}, "'seconds' must be a number from 0 to inf"),
        ({"seconds": -1}, "'seconds' must be"),
        ({"seconds": True}, "'seconds' must be"),
        ({"page_size": 1.5}, "'page_size' must be"),
        ({"processed_share": 1.1}, "'processed_share' must be a number from 0 to 1"),
        ({"plan_has_batch": 0}, "'plan_has_batch' must be true or false"),
        (
            {"outcome": "paused"},
            "'outcome' must be one of completed, failed, token_limit_exceeded, server_error, expired",
        ),
        ({"models": "llama"}, "'models' must be a list of model names"),
        ({"seconds": float("inf")}, "'seconds' must be"),
        ({"speed": -1}, "'speed' must be a number from 0 to 1000000.0"),
        ({"speed": 1e7}, "'speed' must be"),
        ({"project_id": 7}, "'project_id' must be text or null"),
        ({"answer_function": "somewhere/else"}, "'answer_function' must be a port of loopback and a token"),
        ({"failing_requests": [500]}, "'failing_requests' must be an object by pattern of custom_id, not"),
        ({"failing_requests": {"a": "b"}}, "'failing_requests' for 'a' must be a status code .* json_validate_failed"),
        ({"failing_requests": {"a": 200}}, "'failing_requests' for 'a' must be a status code from 400 to 599, 0"),
        ({"failing_requests": {"a": True}}, "must be a status code"),
        ({"failing_requests": {"a": {"times": 1}}}, 'must be an object such as {"error": 500, "times": 1}'),
        ({"failing_requests": {"a": {"error": 500, "time": 1}}}, "must be an object such as"),
        ({"failing_requests": {"a": {"error": 500, "times": 0}}}, 'an object whose "times" is a number from 1'),
        ({"failing_requests": {"a": {"error": 1}}}, "must be a status code"),
        ({"answers": ["text"]}, "'answers' must be an object by pattern of custom_id"),
        ({"answers": {"a": {"$error": "no_such_code"}}}, "'answers' for 'a' must be \\$error with a status code"),
        ({"answers": {"a": {"$eror": 500}}}, "JSON whose names begin with \\$ goes as text"),
        ({"answers": {"a": {"$error": 500, "$status": 500}}}, "'answers' for 'a' must be text, JSON,"),
        ({"answers": {"a": {"$body": "text"}}}, "'answers' for 'a' must be text, JSON,"),
        ({"answers": {"a": {"$body": {}, "$status": 302}}}, "must be \\$status 200 or from 400 to 599"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused(groq_emulator, settings, message):
    initial = groq_emulator.settings()
    with pytest.raises(EmulatorError, match=message):
        groq_emulator.set(**({"max_ids": 5} | settings))
    assert groq_emulator.settings() == initial


def test_requests_are_logged(groq_emulator, account):
    account.http.get("/models", params={"a": "b"})
    account.http.get("/batches/batch_01nothing")
    groq_emulator.advance(HOUR)
    batch = account.submit()
    first, second, *_ = groq_emulator.requests()
    assert (first.method, first.path, first.query, first.status) == ("GET", "/openai/v1/models", "a=b", 200)
    assert second.status == 404
    assert [entry.path for entry in groq_emulator.requests("POST")] == ["/openai/v1/files", "/openai/v1/batches"]
    (created,) = groq_emulator.requests("POST", "/batches")
    assert created.time == pytest.approx(batch["created_at"], abs=2)
    assert created.time - first.time >= HOUR
    assert len(groq_emulator.requests(path="/openai/v1/batches")) == 2
    groq_emulator.clear_requests()
    assert groq_emulator.requests() == []


def test_batches_and_files_of_all_accounts_can_be_seen(groq_emulator, account, other_account):
    batches = [account.submit(), other_account.submit()]
    seen = groq_emulator.batches()
    assert [(batch["id"], batch["account"]) for batch in seen] == [
        (batches[0]["id"], "gsk_test"),
        (batches[1]["id"], "gsk_other"),
    ]
    assert [file["account"] for file in groq_emulator.files()] == ["gsk_test", "gsk_other"]
    groq_emulator.advance(60)
    assert [file["purpose"] for file in groq_emulator.files()] == ["batch"] * 2 + ["batch_output"] * 2
    with pytest.raises(EmulatorError, match="no account has a file file_01nothing"):
        groq_emulator.file_content("file_01nothing")


def test_a_reset_forgets_everything(groq_emulator, account):
    batch = account.finish()
    groq_emulator.fault(status=500, times=None)
    groq_emulator.reset()
    assert (groq_emulator.batches(), groq_emulator.files()) == ([], [])
    assert (groq_emulator.requests(), groq_emulator.faults()) == ([], [])
    assert abs(groq_emulator.now() - time.time()) < 5
    assert account.http.get(f"/batches/{batch['id']}").status_code == 404
    assert account.finish()["status"] == "completed"


@pytest.mark.parametrize("status", ["validating", "in_progress", "finalizing", "cancelling", "paused"])
def test_a_forced_status_stays_until_it_is_released(groq_emulator, account, status):
    batch = account.submit()
    assert groq_emulator.force_status(batch["id"], status)["status"] == status
    groq_emulator.advance(30 * HOUR)
    shown = account.batch(batch["id"])
    assert shown["status"] == status
    assert shown["output_file_id"] is None
    assert groq_emulator.force_status(batch["id"], None)["status"] == "completed"
    assert len(account.output(account.batch(batch["id"]))) == 1


@pytest.mark.parametrize(
    ("status", "processed", "counts", "files"),
    [
        ("completed", None, (10, 10, 0), (10, 0)),
        ("completed", 4, (10, 4, 0), (4, 0)),
        ("failed", None, (0, 0, 0), (0, 0)),
        ("expired", None, (10, 0, 0), (0, 10)),
        ("expired", 4, (10, 4, 0), (4, 6)),
        ("cancelled", 99, (10, 10, 0), (10, 0)),
    ],
)
def test_a_batch_can_be_made_to_end_at_once(groq_emulator, account, line, status, processed, counts, files):
    batch = account.submit(*(line(str(number)) for number in range(10)))
    groq_emulator.force_status(batch["id"], status, processed=processed)
    batch = account.batch(batch["id"])
    assert batch["status"] == status
    assert batch[f"{status}_at"] == pytest.approx(groq_emulator.now(), abs=2)
    assert tuple(batch["request_counts"].values()) == counts
    ids = [batch["output_file_id"], batch["error_file_id"]]
    assert tuple(len(account.lines(file_id)) if file_id else 0 for file_id in ids) == files


def test_one_end_can_be_forced_after_another(groq_emulator, account, line):
    batch = account.submit(line("a"), line("b"))
    groq_emulator.force_status(batch["id"], "expired", processed=1)
    assert len(account.errors(account.batch(batch["id"]))) == 1
    groq_emulator.force_status(batch["id"], "completed")
    batch = account.batch(batch["id"])
    assert (len(account.output(batch)), batch["error_file_id"], batch["expired_at"]) == (2, None, None)


def test_the_errors_of_a_failed_batch_can_be_given(groq_emulator, account):
    batch = account.submit()
    errors = [{"code": "invalid_model", "line": 7, "message": "No such model.", "param": "body.model"}]
    assert groq_emulator.force_status(batch["id"], "failed", errors=errors)["errors"]["data"] == errors
    assert groq_emulator.force_status(batch["id"], "failed", errors=[])["errors"] is None
    (error,) = groq_emulator.force_status(batch["id"], "failed")["errors"]["data"]
    assert error["code"] == "internal_error"


def test_a_forced_batch_can_be_cancelled(groq_emulator, account):
    batch = account.submit()
    groq_emulator.force_status(batch["id"], "paused")
    assert account.http.post(f"/batches/{batch['id']}/cancel").json()["status"] == "cancelling"
    groq_emulator.advance(60)
    assert account.batch(batch["id"])["status"] == "cancelled"


def test_what_cannot_be_forced_is_refused(groq_emulator, account):
    invalid = account.submit(b"bad\n")
    with pytest.raises(EmulatorError, match="can only fail: its input file is invalid"):
        groq_emulator.force_status(invalid["id"], "completed")
    assert groq_emulator.force_status(invalid["id"], "failed")["errors"]["data"][0]["line"] == 1
    with pytest.raises(EmulatorError, match="no account has a batch batch_01nothing"):
        groq_emulator.force_status("batch_01nothing", "completed")
    with pytest.raises(EmulatorError, match="processed must be a number"):
        groq_emulator.force_status(invalid["id"], "failed", processed=-1)
