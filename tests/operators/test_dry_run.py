"""``dry_run``: what would be sent is told, nothing is sent, and nothing is left behind."""

import json
import tempfile

import pytest
from airflows import TaskDeferred
from operators.conftest import LARGE, SMALL, JobTries, texts

from airflow_provider_groq.compat import AirflowFailException


@pytest.fixture
def temporary(monkeypatch, tmp_path):
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def files_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_rows_are_read_and_told_and_nothing_is_sent(stored_job, temporary, capsys):
    rows = [*texts(7), {"custom_id": "large", "text": "thing"}]
    told = stored_job.run(rows=rows, dry_run=True, request_params={"max_completion_tokens": 100})
    posts = [request for request in stored_job.emulator.requests() if request.method != "GET"]
    assert posts == []
    assert [request.path for request in stored_job.emulator.requests()] == ["/openai/v1/models"]
    assert not stored_job.output.exists()
    assert files_of(temporary) == {}
    assert list(temporary.iterdir()) == []
    assert stored_job.rows == {}
    models = told.pop("models")
    assert told.pop("bytes") == models[SMALL]["bytes"] > 800
    assert models == {
        SMALL: {
            "rows": 8,
            "bytes": models[SMALL]["bytes"],
            "prompt_tokens": models[SMALL]["prompt_tokens"],
            "completion_tokens": 800,
            "cost": None,
        }
    }
    assert told == {
        "dry_run": True,
        "rows": 8,
        "to_send": 8,
        "reused": 0,
        "duplicates": 0,
        "shards": 3,
        "token_rule": "one token for each 4 bytes of a request's body in UTF-8",
        "cost": None,
    }
    said = capsys.readouterr().out
    assert "Dry run: of 8 rows 8 would be sent, in 3 batches of" in said
    assert f"{SMALL}: 8 rows, {models[SMALL]['prompt_tokens']:,} prompt tokens" in said
    assert "at most 800 completion tokens, cost at most unknown." in said


def test_what_it_costs_at_most_is_told_where_prices_and_limits_are_known(stored_job, capsys):
    prices = {SMALL: {"input": 2.0, "output": 10.0}}
    limit = {"max_completion_tokens": 100}
    told = stored_job.run(dry_run=True, prices=prices, request_params=limit, canary=2, max_cost=0.001)
    prompt_tokens = told["models"][SMALL]["prompt_tokens"]
    assert told["cost"] == told["models"][SMALL]["cost"] == pytest.approx((2 * prompt_tokens + 10 * 800) / 1e6)
    assert f"cost at most {told['cost']:.6f}." in capsys.readouterr().out
    assert told["shards"] == 4
    assert stored_job.run(dry_run=True, prices=prices)["cost"] is None
    rows = [{"prompt": "Hi", "request": {"model": LARGE}}]
    told = stored_job.run(rows=rows, prompt_template=None, dry_run=True, prices=prices, request_params=limit)
    assert told["cost"] is None
    with pytest.raises(AirflowFailException, match="has no price, so max_cost cannot be enforced"):
        stored_job.run(rows=rows, prompt_template=None, dry_run=True, prices=prices, max_cost=1.0)


def test_it_tells_what_a_real_run_then_sends(stored_job):
    told = stored_job.run(dry_run=True)
    stored_job.clear()
    stored_job.run(delete_files=False)
    files = [stored_job.emulator.file_content(batch["input_file_id"]) for batch in stored_job.emulator.batches()]
    assert (len(files), sum(map(len, files))) == (told["shards"], told["bytes"])


def test_what_is_reused_is_not_counted_as_sent(stored_job, tmp_path):
    stored_job.run()
    other = JobTries(stored_job.emulator, tmp_path / "other", run_id="other")
    before = files_of(stored_job.output)
    told = other.run(rows=texts(10), reuse=str(stored_job.output), dry_run=True)
    assert (told["rows"], told["to_send"], told["reused"], told["shards"]) == (10, 2, 8, 1)
    told = JobTries(stored_job.emulator, stored_job.output, run_id="again").run(
        dry_run=True, reuse=str(stored_job.output)
    )
    assert (told["to_send"], told["reused"], told["bytes"], told["models"], told["cost"]) == (0, 8, 0, {}, 0)
    assert files_of(stored_job.output) == before


def test_a_job_that_is_under_way_and_an_output_are_left_alone(stored_job):
    """A task that is cleared and then runs dry finds its own answers, and changes none of its files."""
    stored_job.run(rows=texts(3), delete_files=False)
    stored_job.clear()
    stored_job.emulator.set(seconds=1000)
    with pytest.raises(TaskDeferred):
        stored_job.run(deferrable=True, delete_files=False)
    before = files_of(stored_job.output)
    assert len(before) > 4
    stored_job.clear()
    sent = len(stored_job.emulator.requests("POST"))
    told = stored_job.run(rows=texts(9), dry_run=True)
    assert (told["to_send"], told["reused"]) == (6, 3)
    assert files_of(stored_job.output) == before
    assert len(stored_job.emulator.requests("POST")) == sent
    assert {batch["status"] for batch in stored_job.emulator.batches()} == {"completed", "validating"}


def test_the_output_of_the_task_that_is_to_send_may_be_named(stored_job):
    """An estimate has a task of its own, with the same arguments: it replaces nothing."""
    stored_job.run()
    path = stored_job.output / "manifest.json"
    manifest = json.loads(path.read_text())
    path.write_text(json.dumps(manifest | {"job": manifest["job"] | {"task_id": "send"}}))
    estimate = JobTries(stored_job.emulator, stored_job.output, run_id="other")
    assert estimate.run(dry_run=True)["to_send"] == 8


def test_what_is_wrong_is_said_as_by_a_job(stored_job, monkeypatch, temporary):
    monkeypatch.setattr("airflow_provider_groq.api.settings.Settings.is_groq", True)
    for options, message in [
        ({"rows": [{"text": "a"}, {"words": "b"}]}, "Row 1"),
        ({"rows": []}, "no rows"),
        ({"model": "gone"}, "gone"),
        ({"reuse": str(stored_job.output / "nowhere")}, "reuse .*nowhere is missing"),
    ]:
        with pytest.raises(AirflowFailException, match=message):
            stored_job.run(dry_run=True, **options)
    assert list(temporary.iterdir()) == []


def test_the_xcom_of_many_models_is_small(stored_job):
    rows = [{"prompt": "Hi", "request": {"model": f"{'m' * 300}-{number}"}} for number in range(200)]
    told = stored_job.run(rows=rows, prompt_template=None, model=LARGE, dry_run=True)
    assert len(json.dumps(told)) < 16_000
    assert sum(model["rows"] for model in told["models"].values()) == 200
