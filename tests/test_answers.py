"""Answers read as a stream: of jobs and of downloads, from any storage."""

import itertools
import json
from dataclasses import dataclass

import pytest
from airflow.sdk import ObjectStoragePath
from jobs.result_lines import MODEL, USAGE, alone, harvested, line, records, refused, said, unfinished
from pydantic import BaseModel
from storage.s3_server import ObjectStorage

from airflow_provider_groq.answers import Answer, Error, read_answers
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.money.prices import Prices
from airflow_provider_groq.jobs.output import parts
from airflow_provider_groq.jobs.output.manifest import Accounts, for_xcom
from airflow_provider_groq.jobs.results.merge import merge
from airflow_provider_groq.operators.batch import GroqDownloadBatchResultsOperator


class Sentiment(BaseModel):
    mood: str
    score: float = 0.0


@dataclass
class Pair:
    mood: str


def land(folder, *results, job="abc", **arguments):
    """Lands a job whose rows were answered so; its manifest as XCom has it."""
    rows = records([f"row-{number}" for number in range(len(results))])
    lines = [made for number, make in enumerate(results) if (made := make(f"row-{number}"))]
    written = harvested(rows, lines, **arguments)[2].splitlines(keepends=True)
    accounts = Accounts()
    listed = parts.write_parts(accounts.count(merge({1: alone(written)}, rows=len(rows))), folder, job)
    manifest = accounts.manifest(
        path=str(folder), job={"run_id": job}, batches=[], times={}, parts=listed, prices=Prices({})
    )
    parts.commit(manifest, folder)
    return json.loads(json.dumps(for_xcom(manifest)))


@pytest.fixture
def folder(tmp_path):
    return ObjectStoragePath(f"file://{tmp_path}")


@pytest.fixture(scope="module")
def s3():
    storage = ObjectStorage("aws_answers")
    yield storage
    storage.stop()


def test_the_answers_of_a_job_come_in_the_order_of_its_rows(monkeypatch, folder, tmp_path):
    monkeypatch.setattr(parts, "MAX_ROWS", 2)
    manifest = land(folder, said, refused, lambda _: None, lambda custom_id: said(custom_id, "4", reasoning="Hm."))
    for source in (manifest, folder, str(tmp_path), tmp_path, f"{tmp_path}/manifest.json", folder / "manifest.json"):
        answers = list(read_answers(source))
        assert [answer.custom_id for answer in answers] == ["row-0", "row-1", "row-2", "row-3"]
        assert [answer.status for answer in answers] == ["succeeded", "failed", "missing", "succeeded"]
    assert answers[0] == Answer(
        custom_id="row-0",
        status="succeeded",
        output="Yes.",
        model=MODEL,
        finish_reason="stop",
        usage=USAGE,
        index=0,
        round=1,
        batch_id="batch_1",
        request_digest="0" * 32,
        input={"n": 0},
    )
    assert answers[1].error == Error("invalid_request_error", 400, "No.")
    assert (answers[3].reasoning, answers[3].tool_calls) == ("Hm.", None)


def test_what_a_download_landed_is_read_with_both_files_and_both_shapes_of_errors(folder, tmp_path):
    output = [said("a"), line("b", body={"text": "Spoken."}), b"\r\n", said("a", "again"), refused("c", 404, "none")]
    (tmp_path / "output.jsonl").write_bytes(b"".join(output))
    (tmp_path / "errors.jsonl").write_bytes(refused("d", 500) + unfinished("e") + refused("b").rstrip())
    files = {
        name: {"path": f"{folder}/{name}.jsonl", "bytes": (tmp_path / f"{name}.jsonl").stat().st_size}
        for name in ("output", "errors")
    }
    manifest = {"batch_id": "batch_7", "status": "expired", **files}
    for source, batch_id in ((manifest, "batch_7"), (folder, None)):
        answers = list(read_answers(source))
        assert [(answer.custom_id, answer.status) for answer in answers] == [
            ("a", "succeeded"),
            ("b", "succeeded"),
            ("c", "failed"),
            ("d", "failed"),
            ("e", "expired"),
        ]
        assert [answer.output for answer in answers] == ["Yes.", "Spoken.", None, None, None]
        assert [answer.error and answer.error.code for answer in answers[2:]] == [
            "none",
            "invalid_request_error",
            "batch_expired",
        ]
        assert {answer.batch_id for answer in answers} == {batch_id}
        assert answers[0].usage == USAGE
    assert [answer.custom_id for answer in read_answers(manifest | {"output": None})] == ["d", "e", "b"]


def test_what_the_download_operator_returns_is_read(context, quick, groq_emulator, make_batch, tmp_path):
    batch_id = make_batch(MODEL, "no-such-model", MODEL)
    groq_emulator.advance(100)
    operator = GroqDownloadBatchResultsOperator(task_id="create", batch_id=batch_id, output_path=str(tmp_path))
    manifest = operator.execute(context)
    answers = {answer.custom_id: answer for answer in read_answers(manifest)}
    assert sorted(answers) == ["row-1", "row-2", "row-3"]
    assert answers["row-1"].output.startswith("Emulated answer to: Hello")
    assert (answers["row-2"].error.code, answers["row-2"].error.status) == ("model_not_found", 404)
    assert {answer.batch_id for answer in answers.values()} == {batch_id}


@pytest.mark.parametrize(
    ("as_type", "content", "output"),
    [
        (Sentiment, '{"mood": "good", "score": 1}', Sentiment(mood="good", score=1.0)),
        (Pair, '{"mood": "good"}', Pair("good")),
        (dict[str, str], '{"mood": "good"}', {"mood": "good"}),
        (int, "12", 12),
        (str, "12", "12"),
    ],
)
def test_outputs_are_validated(folder, as_type, content, output):
    """Those of a job with an output type are objects already; else the text holds the JSON."""
    for validate in (None, json.loads) if as_type is not str else (None,):
        manifest = land(folder, lambda custom_id: said(custom_id, content), refused, validate=validate)
        answers = list(read_answers(manifest, as_type))
        assert answers[0].output == output
        assert (answers[1].status, answers[1].output) == ("failed", None)


def test_an_output_that_does_not_fit_is_invalid_and_ends_nothing(folder):
    land(folder, lambda custom_id: said(custom_id, "no JSON"), lambda custom_id: said(custom_id, '{"mood": "good"}'))
    first, second = read_answers(folder, as_type=Sentiment)
    assert (first.status, first.output, first.error.code) == ("invalid_output", "no JSON", "invalid_output")
    assert "Invalid JSON" in first.error.message
    assert second.output == Sentiment(mood="good")


def test_an_invalid_output_of_the_job_stays_as_it_was(folder):
    def refuse(_text):
        from airflow_provider_groq.jobs.records import InvalidOutput

        raise InvalidOutput("score: missing")

    land(folder, lambda custom_id: said(custom_id, '{"mood": "good"}'), validate=refuse)
    (answer,) = read_answers(folder, as_type=Sentiment)
    assert (answer.status, answer.output, answer.error.message) == (
        "invalid_output",
        '{"mood": "good"}',
        "score: missing",
    )


def test_they_come_from_object_storage(monkeypatch, s3):
    monkeypatch.setattr(parts, "MAX_ROWS", 2)
    out = ObjectStoragePath(s3.uri(s3.bucket(), "out"))
    manifest = land(out, said, refused, said)
    for source in (manifest, out, str(out)):
        assert [answer.index for answer in read_answers(source)] == [0, 1, 2]
    (out / "part-abc-00001.jsonl").unlink()
    with pytest.raises(GroqInputError, match=r"part-abc-00001.jsonl is missing"):
        list(read_answers(manifest))


def test_they_are_read_one_at_a_time(folder):
    """A file that goes on for ever gives its first answers at once."""
    land(folder, *[said] * 2000)
    reader = read_answers(folder)
    first = list(itertools.islice(reader, 3))
    reader.close()
    assert [answer.index for answer in first] == [0, 1, 2]


@pytest.mark.parametrize(
    ("change", "said_"),
    [
        (lambda content: content[:-20], r"Line 3 of .*part-abc-00000.jsonl cannot be read.*cut off"),
        (lambda content: content[: content.rindex(b"\n", 0, -1) + 1], r"Line 2 of .*it is the last.*lists 3"),
        (lambda content: content + content[: content.index(b"\n") + 1], r"Line 4 of .*lists 3"),
        (lambda content: content.replace(b'"index":1', b'"index":"x"'), r"Line 2 of .*index"),
        (lambda content: content[:0], r"Line 0 of .*lists 3"),
    ],
)
def test_a_part_that_was_cut_off_is_named_with_the_line(folder, change, said_):
    land(folder, said, said, said)
    part = folder / "part-abc-00000.jsonl"
    part.write_bytes(change(part.read_bytes()))
    with pytest.raises(GroqInputError, match=said_):
        list(read_answers(folder))


def test_a_download_that_was_cut_off_is_named_with_the_line(folder, tmp_path):
    (tmp_path / "output.jsonl").write_bytes(said("a") + said("b")[:-9])
    with pytest.raises(GroqInputError, match=r"Line 2 of .*output.jsonl") as caught:
        list(read_answers(folder))
    assert caught.value.line == 2


def test_a_part_that_is_missing_is_named(folder):
    manifest = land(folder, said)
    (folder / "part-abc-00000.jsonl").unlink()
    with pytest.raises(GroqInputError, match=r"part-abc-00000.jsonl is missing"):
        list(read_answers(manifest))


def test_an_output_that_another_run_replaced_is_not_taken_for_this_one(folder):
    manifest = land(folder, said, job="monday")
    land(folder, said, job="tuesday")
    with pytest.raises(
        GroqInputError, match=r"now has the answers of another run.*tuesday.*monday.*its own output_path"
    ):
        read_answers(manifest)


@pytest.mark.parametrize("source", [{}, {"a": 1}, {"batch_id": "b"}])
def test_what_is_no_manifest_is_said_at_once(source):
    with pytest.raises(GroqInputError, match="not the manifest of a job or a download"):
        read_answers(source)


@pytest.mark.parametrize("source", [None, 5, ["a"], ""])
def test_what_is_no_path_is_said_at_once(source):
    with pytest.raises(GroqInputError, match="source"):
        read_answers(source)


def test_where_nothing_lies_is_said_at_once(folder):
    for source in (folder, folder / "nowhere", folder / "manifest.json"):
        with pytest.raises(GroqInputError, match="has no answers"):
            read_answers(source)


def test_a_manifest_of_something_else_is_said_at_once(folder):
    (folder / "manifest.json").write_bytes(b"{}")
    with pytest.raises(GroqInputError, match="another program wrote it"):
        read_answers(folder)
