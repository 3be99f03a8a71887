"""A whole job: rows in, one answer each out, in their order."""

import json
from datetime import date
from decimal import Decimal
from typing import Literal

import pytest
from airflow.sdk import DAG, Asset
from operators.conftest import LARGE, SMALL, JobTries, texts
from pydantic import BaseModel, ConfigDict, Field

from airflow_provider_groq.answers import read_answers
from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.output.parts import commit
from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator


def test_each_row_has_its_answer_in_the_order_of_the_rows(job):
    job.emulator.answer_with(lambda request: request["body"]["messages"][0]["content"].upper())
    manifest = job.run()
    assert [(answer["index"], answer["custom_id"], answer["output"]) for answer in job.answers()] == [
        (number, f"row-{number}", f"WHAT IS THING {number}?") for number in range(8)
    ]
    assert {answer["status"] for answer in job.answers()} == {"succeeded"}
    assert [answer["input"] for answer in job.answers()] == [{"text": f"thing {number}"} for number in range(8)]
    assert (manifest["rows"]["total"], manifest["rows"]["succeeded"]) == (8, 8)
    assert [answer.output for answer in read_answers(manifest)] == [answer["output"] for answer in job.answers()]


def test_the_link_leads_to_the_first_batch(stored_job):
    operator = stored_job.operator(delete_files=False)
    context = stored_job.context()
    operator.execute(context)
    (first,) = [batch["id"] for batch in stored_job.emulator.batches() if stored_job.ids_of(batch)[0] == "row-0"]
    assert context["ti"].pushed["batch_id"] == operator.linked_batch_id == first


def test_nothing_but_the_output_is_left_here_and_at_groq(job):
    manifest = job.run()
    assert sorted(path.name for path in job.output.iterdir()) == [
        "manifest.json",
        *(part["name"] for part in json.loads((job.output / "manifest.json").read_text())["parts"]),
    ]
    assert manifest["parts"] == 1
    assert job.emulator.files() == []


def test_files_that_a_try_before_a_clear_uploaded_for_nothing_are_deleted_too(job, quick_retries):
    job.emulator.fault("/batches", method="POST", status=413, times=None)
    with pytest.raises(AirflowFailException):
        job.run()
    assert job.emulator.files()
    job.emulator.clear_faults()
    job.clear()
    job.run(rows=[{"custom_id": "new", "text": "new thing"}])
    assert job.emulator.files() == []


@pytest.mark.parametrize("status", [401, 403, 500])
@pytest.mark.parametrize("path", ["/batches", "/files", "/files/*"])
def test_a_job_that_is_landed_succeeds_though_its_files_cannot_be_deleted(
    job, monkeypatch, capsys, quick_retries, status, path
):
    def then(*arguments):
        commit(*arguments)
        for method in ("GET", "DELETE"):
            job.emulator.fault(path, method=method, status=status, times=None)

    monkeypatch.setattr("airflow_provider_groq.operators.job.ending.commit", then)
    assert job.run()["rows"]["succeeded"] == 8
    assert job.work is None
    assert ("at Groq for up to 30 days" in "".join(capsys.readouterr())) is (path != "/files")


def test_a_shard_takes_two_requests_and_all_together_two_listings_at_most(job):
    job.run(delete_files=False)
    posts = [(request.method, request.path) for request in job.emulator.requests("POST")]
    assert sorted(posts) == sorted(3 * [("POST", "/openai/v1/files"), ("POST", "/openai/v1/batches")])
    gets = [request for request in job.emulator.requests("GET") if request.path == "/openai/v1/batches"]
    listings = [request for request in gets if "id=" not in str(request.query)]
    assert len(listings) <= 2
    assert len([request for request in job.emulator.requests("GET") if request.path.endswith("/models")]) == 1


def test_what_failed_for_a_transient_cause_is_sent_again_to_the_next_model(job):
    def answer(request):
        if request["custom_id"] in {"row-2", "row-7"} and request["body"]["model"] == SMALL:
            return {"$error": "json_validate_failed" if request["custom_id"] == "row-2" else 498}
        return "good"

    job.emulator.answer_with(answer)
    manifest = job.run(escalate=[{"model": LARGE, "reasoning_effort": "high"}], delete_files=False)
    assert [answer["round"] for answer in job.answers()] == [1, 1, 2, 1, 1, 1, 1, 2]
    assert [answer["model"] for answer in job.answers()][1:3] == [SMALL, LARGE]
    assert job.sent()[-1] == ["row-2", "row-7"]
    assert [(sent["round"], sent["rows"], sent["succeeded"]) for sent in manifest["rounds"]] == [(1, 8, 6), (2, 2, 2)]


def test_what_fails_for_good_is_not_sent_again_and_the_message_says_why(job):
    job.emulator.set(failing_requests={"row-3": 422, "row-5": 498})
    with pytest.raises(AirflowFailException, match=r"2 of 8 rows failed: .*422.*such as row-3") as raised:
        job.run(delete_files=False)
    assert "such as row-5" in str(raised.value)
    assert "max_failed_ratio" in str(raised.value)
    assert job.sent()[3:] == [["row-5"]]
    assert [answer["status"] for answer in job.answers()].count("failed") == 2


@pytest.mark.parametrize(
    ("ratio", "failing", "fails"),
    [(0.25, 2, False), (0.24, 2, True), (1.0, 7, False), (1.0, 8, True), (0.0, 0, False), (0.0, 1, True)],
)
def test_the_share_of_rows_that_may_fail(stored_job, ratio, failing, fails):
    stored_job.emulator.set(failing_requests={f"row-{number}": 422 for number in range(failing)})
    if fails:
        with pytest.raises(AirflowFailException, match=f"{failing} of 8 rows failed"):
            stored_job.run(max_failed_ratio=ratio)
    else:
        assert stored_job.run(max_failed_ratio=ratio)["rows"]["succeeded"] == 8 - failing
    assert len(stored_job.answers()) == 8


@pytest.mark.parametrize(("ratio", "failing"), [(0.29, 29), (0.57, 57), (0.07, 7)])
def test_a_share_that_is_no_binary_fraction_may_fail_to_the_last_row(stored_job, ratio, failing):
    """0.29 * 100 is 28.999999999999996."""
    stored_job.emulator.set(failing_requests={f"row-{number}": 422 for number in range(failing)})
    options = {"rows": texts(110), "shard_size": 200, "max_failed_ratio": ratio}
    assert stored_job.run(**options, canary=100)["rows"]["failed"] == failing
    stored_job.emulator.set(failing_requests={f"row-{number}": 422 for number in range(failing + 1)})
    with pytest.raises(AirflowFailException, match=f"{failing + 1} of 100 rows"):
        JobTries(stored_job.emulator, stored_job.output, run_id="other").run(**options, canary=100)


class Mood(BaseModel):
    mood: Literal["good", "bad"]
    reason: str | None = None


def test_answers_have_the_type_asked_for_and_what_does_not_fit_is_sent_again(stored_job):
    def answer(request):
        if request["custom_id"] == "row-1" and request["body"]["model"] == SMALL:
            return '{"mood": "so so", "reason": null}'
        assert request["body"]["response_format"]["json_schema"]["strict"] is True
        return {"mood": "good", "reason": None}

    stored_job.emulator.answer_with(answer)
    manifest = stored_job.run(output_type=Mood, escalate=[{"model": LARGE}])
    assert [answer["output"] for answer in stored_job.answers()] == 8 * [{"mood": "good", "reason": None}]
    assert stored_job.answers()[1]["round"] == 2
    assert next(read_answers(manifest, as_type=Mood)).output == Mood(mood="good")


class Sale(BaseModel):
    model_config = ConfigDict(strict=True)
    day: date = Field(alias="saleDay")
    price: Decimal
    kinds: set[str] = Field(validation_alias="allKinds")
    mood: Mood | None = None


@pytest.mark.parametrize("kind", [Sale, list[Sale]])
def test_what_has_the_type_is_read_as_that_type_also_if_that_is_strict_and_has_aliases(stored_job, kind):
    answer = {"saleDay": "2026-01-02", "price": "1.5", "allKinds": ["a"], "mood": {"mood": "bad", "reason": None}}
    sale = Sale.model_validate_json(json.dumps(answer))
    stored_job.emulator.set(answers={"*": json.dumps(answer if kind is Sale else {"value": [answer]})})
    (first, *_) = read_answers(stored_job.run(output_type=kind), as_type=kind)
    assert (first.status, first.output) == ("succeeded", sale if kind is Sale else [sale])


def test_what_never_fits_is_kept_as_it_was_said(stored_job):
    stored_job.emulator.set(answers={"row-1": "not JSON", "*": '{"mood": "good", "reason": null}'})
    stored_job.run(output_type=Mood, max_failed_ratio=0.2)
    answer = stored_job.answers()[1]
    assert (answer["status"], answer["output"], answer["error"]["code"]) == (
        "invalid_output",
        "not JSON",
        "invalid_output",
    )


TREE = {
    "$ref": "#/$defs/Tree",
    "$defs": {
        "Tree": {
            "type": "object",
            "properties": {"text": {"type": "string"}, "size": {"type": "number"}, "child": {"$ref": "#/$defs/Tree"}},
        }
    },
}


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(500 * '{"child": ' + "{}" + 500 * "}", id="deep"),
        pytest.param('{"size": 1e999}', id="no number"),
        pytest.param('{"text": "\\ud83d", "\\udc00": 1}', id="half emojis"),
    ],
)
def test_an_answer_that_cannot_be_written_keeps_no_other_from_being_landed(stored_job, answer):
    stored_job.emulator.set(answers={"row-1": answer, "*": "{}"})
    assert stored_job.run(output_type=TREE, max_failed_ratio=0.2)["rows"]["total"] == 8
    assert [answer["output"] for answer in stored_job.answers()].count({}) == 7


def test_rows_of_a_callable_are_read_once_as_a_stream(stored_job):
    calls = []

    def rows():
        calls.append(1)
        yield from ("one", "two")

    stored_job.run(rows=rows, prompt_template=None)
    assert calls == [1]
    assert [answer["custom_id"] for answer in stored_job.answers()] == ["row-0", "row-1"]


def test_rows_of_files(stored_job, tmp_path):
    for name in ("b", "a"):
        (tmp_path / f"{name}.csv").write_text(f"id,text\n{name}1,thing\n{name}2,thing\n")
    stored_job.run(input_path=str(tmp_path / "*.csv"), id_column="id")
    assert [answer["custom_id"] for answer in stored_job.answers()] == ["a1", "a2", "b1", "b2"]


def test_speech_becomes_text(stored_job):
    rows = [{"custom_id": "call", "audio_url": "https://example.com/call.mp3", "customer": 7}]
    stored_job.emulator.set(answers={"call": "Hello, this is a call."})
    stored_job.run(rows=rows, prompt_template=None, model="whisper-large-v3", endpoint="/v1/audio/transcriptions")
    (answer,) = stored_job.answers()
    assert (answer["output"], answer["input"]) == ("Hello, this is a call.", {"customer": 7})


def test_the_endpoint_may_be_a_template(stored_job):
    rows = [{"custom_id": "call", "audio_url": "https://example.com/call.mp3"}]
    options = {"rows": rows, "prompt_template": None, "model": "whisper-large-v3", "endpoint": "{{ endpoint }}"}
    for endpoint, wrong in (
        ("/v1/audio/transcriptions", None),
        ("/v1/embeddings", "endpoint is '/v1/embeddings', but"),
    ):
        operator = stored_job.operator(**options)
        operator.render_template_fields({"endpoint": endpoint})
        if wrong is None:
            assert operator.execute(stored_job.context())["rows"]["succeeded"] == 1
        else:
            with pytest.raises(AirflowFailException, match=wrong):
                operator.execute(stored_job.context())


def test_a_prompt_is_never_rendered(stored_job):
    stored_job.run(rows=["{{ ds }} {% if %}"], prompt_template=None, delete_files=False)
    (batch,) = stored_job.emulator.batches()
    line = json.loads(stored_job.emulator.file_content(batch["input_file_id"]))
    assert line["body"]["messages"][-1]["content"] == "{{ ds }} {% if %}"


@pytest.mark.parametrize("dedupe", [False, True])
@pytest.mark.parametrize("escalate", [None, [{"temperature": 0}]])
def test_half_an_emoji_in_a_row_is_asked_about_twice_and_landed(stored_job, dedupe, escalate):
    """A lone surrogate: JSON can escape it, and not every reader of JSON takes that."""
    rows = [{"custom_id": f"{number}", "text": "cut \ud83d", "note": "\udc00"} for number in (1, 2)]
    stored_job.emulator.set(failing_requests={"*": {"error": 498, "times": 1}})
    assert stored_job.run(rows=rows, dedupe=dedupe, escalate=escalate)["rows"]["succeeded"] == 2
    assert [answer["input"] for answer in stored_job.answers()] == 2 * [{"text": "cut \ufffd", "note": "\ufffd"}]
    estimate = stored_job.run(rows=rows, dedupe=dedupe, dry_run=True, output_path=f"{stored_job.output}-2")
    assert estimate["to_send"] == (1 if dedupe else 2)


def test_the_params_of_a_dag_are_no_part_of_requests(groq_emulator, quick, tmp_path):
    """Airflow puts a Dag's ``params`` into an argument of that name; ours has another."""
    with DAG("dag", schedule=None, params={"output_path": "x"}):
        operator = GroqBatchInferenceOperator(
            task_id="create", rows=["a"], model=SMALL, output_path=str(tmp_path), request_params={"temperature": 0}
        )
    assert operator.request_form().params == {"temperature": 0}
    assert operator.params.dump() == {"output_path": "x"}


BAD = [
    ({"rows": []}, "no rows"),
    ({"rows": lambda: None}, "returned None"),
    ({"rows": lambda: "a text"}, "The rows are a text"),
    ({"rows": lambda: {"text": "a"}}, "The rows are one mapping"),
    ({"rows": [{"text": "a"}, {"words": "b"}]}, "Row 1"),
    ({"rows": [{"custom_id": "a", "text": "a"}, {"custom_id": "a", "text": "b"}]}, "'a'"),
    ({"rows": [7]}, "Row 0"),
    ({"rows": ["a"], "prompt_template": None, "model": "gone"}, "gone"),
    ({"rows": ["a"], "prompt_template": None, "escalate": [{"model": "gone"}]}, "escalate 0.*gone"),
]


@pytest.mark.parametrize(("options", "message"), BAD)
def test_what_is_wrong_with_rows_is_said_and_nothing_is_sent(stored_job, monkeypatch, options, message):
    monkeypatch.setattr("airflow_provider_groq.api.settings.Settings.is_groq", True)
    with pytest.raises(AirflowFailException, match=message):
        stored_job.run(**options)
    assert stored_job.emulator.requests("POST") == []


def test_what_the_rows_raise_is_raised_with_the_row_and_nothing_is_sent(stored_job):
    def rows():
        yield from texts(1_200)
        raise KeyError("price")

    with pytest.raises(KeyError, match="price") as raised:
        stored_job.run(rows=rows)
    assert "row 1,200" in raised.value.__notes__[0]
    assert stored_job.emulator.requests("POST") == []


WRONG = [
    ({"rows": ["a"], "dry_run": True, "outlets": [Asset("answers")]}, "A dry run lands nothing"),
    ({"rows": ["a"], "input_path": "b"}, "Exactly one of rows and input_path"),
    ({"rows": None}, "Exactly one of rows and input_path"),
    ({"rows": "text"}, "rows is text"),
    ({"rows": iter([])}, "can be read only once"),
    ({"rows": ["a"], "max_failed_ratio": 2}, "max_failed_ratio is 2"),
    ({"rows": ["a"], "max_failed_ratio": True}, "max_failed_ratio is True"),
    ({"rows": ["a"], "max_failed_ratio": float("nan")}, "max_failed_ratio is nan"),
    ({"rows": ["a"], "max_rounds": 0}, "max_rounds is 0"),
    ({"rows": ["a"], "max_rounds": None}, "max_rounds is None"),
    ({"rows": ["a"], "max_rounds": True}, "max_rounds is True"),
    ({"rows": ["a"], "canary": True}, "canary is True"),
    ({"rows": ["a"], "shard_size": True}, "shard_size is True"),
    ({"rows": ["a"], "columns": "text"}, "columns must be a list of the names of the columns, but is 'text'"),
    ({"rows": ["a"], "dry_run": "yes"}, "dry_run is 'yes', but must be True or False"),
    ({"rows": ["a"], "dry_run": "{{ params.dry_run }}"}, "dry_run is"),
    ({"rows": ["a"], "shard_size": 50_001}, "shard_size is 50001"),
    (
        {"rows": ["a"], "escalate": [{"messages": []}]},
        r"escalate\[0\] sets messages, but the prompt comes from the rows",
    ),
    ({"rows": ["a"], "escalate": {"model": LARGE}}, "escalate must be a list of dicts"),
    ({"rows": ["a"], "escalate": LARGE}, "escalate must be a list of dicts"),
    ({"rows": ["a"], "escalate": 2}, "escalate must be a list of dicts"),
    ({"rows": ["a"], "escalate": [{}, LARGE]}, r"escalate\[1\] must be a dict of parameters of the body"),
    ({"rows": ["a"], "escalate": [{7: 1}]}, r"escalate\[0\] has the key 7"),
    ({"rows": ["a"], "escalate": [{"model": None}]}, r"escalate\[0\] sets model to None"),
    ({"rows": ["a"], "escalate": [{"model": ""}], "max_cost": 1, "prices": {}}, r"escalate\[0\] sets model to ''"),
    ({"rows": ["a"], "escalate": [{"model": 7}], "max_cost": 1, "prices": {}}, r"escalate\[0\] sets model to 7"),
    ({"rows": ["a"], "escalate": [{}, {"stop": {"."}}]}, r"escalate\[1\] cannot be written as JSON"),
    ({"rows": ["a"], "escalate": [{"temperature": float("nan")}]}, r"escalate\[0\] cannot be written as JSON"),
    ({"rows": ["a"], "prompt_template": "{{ ds }}"}, "prompt_template"),
    ({"rows": ["a"], "request_params": {"stream": True}}, "request_params sets stream"),
    ({"rows": ["a"], "output_type": dict[str, int]}, "output_type|schema"),
]


@pytest.mark.parametrize(("options", "message"), WRONG)
def test_a_wrong_argument_is_refused_when_the_dag_is_parsed(options, message):
    with pytest.raises(GroqInputError, match=message):
        GroqBatchInferenceOperator(task_id="create", output_path="/tmp/x", model=SMALL, **options)  # noqa: S108
