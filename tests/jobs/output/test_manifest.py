"""What the manifest of a job says of its rows, and what of it goes into XCom."""

import json

import pytest
from airflow.sdk import ObjectStoragePath
from hypothesis import given
from hypothesis import strategies as st
from jobs.result_lines import MODEL, USAGE, alone, harvested, records, refused, said, summary_of, unfinished

from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.money.prices import Prices
from airflow_provider_groq.jobs.output.manifest import STATUSES, Accounts, for_xcom, message, read_manifest, write
from airflow_provider_groq.jobs.records import InvalidOutput
from airflow_provider_groq.jobs.results.kept import Run, WholeFile
from airflow_provider_groq.jobs.results.merge import merge

JOB = {"dag_id": "dag", "task_id": "classify", "run_id": "run", "map_index": -1, "identity": "k" * 40, "generation": 0}
TIMES = {"sealed_at": 1_790_000_000.0, "landed_at": 1_790_000_900.0}


def answers(rows, **arguments):
    """The lines of answers to some rows: for each number what its result file says."""
    parts = [records([f"row-{number}"], start=number) for number in sorted(rows)]
    return harvested([part[0] for part in parts], [line for line in rows.values() if line], **arguments)[2]


PRICES = Prices.of({MODEL: {"input": 0.1, "output": 0.5}})
COST = (50 * 0.1 + 40 * 0.5) / 1_000_000
"""Of one answer."""


def manifest_of(*rounds, first=1, batches=(), parts=(), prices=PRICES):
    lines = {number: part.splitlines(keepends=True) for number, part in enumerate(rounds, first)}
    rows = 1 + max(json.loads(line)["index"] for some in lines.values() for line in some)
    accounts = Accounts()
    for number, some in lines.items():
        accounts.count_usage(number, summary_of(some))
    for _ in accounts.count(merge({number: alone(some, number) for number, some in lines.items()}, rows=rows)):
        pass
    return accounts.manifest(path="file:///out", job=JOB, batches=batches, times=TIMES, parts=parts, prices=prices)


def test_it_says_what_became_of_the_rows():
    first = answers(
        {
            0: said("row-0"),
            1: refused("row-1", 500, "internal_server_error", "Broken."),
            2: refused("row-2", 404, "model_not_found", "No such model."),
            3: said("row-3", finish_reason="length"),
            4: refused("row-4", 404, "model_not_found", "No such model."),
            5: None,
            6: unfinished("row-6"),
        }
    )
    later = answers({1: said("row-1", model="larger"), 5: None, 6: unfinished("row-6", "batch_cancelled")}, round=2)
    batches = [{"id": "batch_1", "round": 1, "shard": 0, "status": "completed", "counts": {"total": 7}}]
    parts = [{"name": "part-x-00000.jsonl", "rows": 7, "bytes": 1000}]
    tokens = {"prompt_tokens": 50, "completion_tokens": 40, "reasoning_tokens": 30, "total_tokens": 90}
    assert manifest_of(first, later, batches=batches, parts=parts) == {
        "format": "airflow-provider-groq answers",
        "version": 1,
        "path": "file:///out",
        "job": JOB,
        "rows": {
            "total": 7,
            "succeeded": 3,
            "failed": 2,
            "expired": 1,
            "cancelled": 0,
            "missing": 1,
            "invalid_output": 0,
            "not_sent": 0,
        },
        "truncated": 1,
        "reused": 0,
        "duplicates": 0,
        "errors": [
            {
                "row_status": "failed",
                "status": 404,
                "code": "model_not_found",
                "message": "No such model.",
                "custom_id": "row-2",
                "advice": "Name a model that your key may use.",
                "count": 2,
                "share": 0.285714,
            },
            {
                "row_status": "missing",
                "status": None,
                "code": "missing",
                "message": "The batch's result files have no line for this request.",
                "custom_id": "row-5",
                "advice": "Clear the task to send these rows.",
                "count": 1,
                "share": 0.142857,
            },
            {
                "row_status": "expired",
                "status": None,
                "code": "batch_expired",
                "message": "The window closed.",
                "custom_id": "row-6",
                "advice": "Clear the task to send these rows, with a longer completion_window.",
                "count": 1,
                "share": 0.142857,
            },
        ],
        "rounds": [
            {
                "round": 1,
                "rows": 7,
                "succeeded": 2,
                "tokens": {MODEL: {kind: 2 * number for kind, number in tokens.items()}},
                "cost": 2 * COST,
            },
            {"round": 2, "rows": 3, "succeeded": 1, "tokens": {"larger": tokens}, "cost": None},
        ],
        "tokens": {MODEL: {kind: 2 * number for kind, number in tokens.items()}, "larger": tokens},
        "cost": None,
        "stopped": None,
        "times": TIMES,
        "batches": batches,
        "parts": parts,
    }


def test_rows_that_were_answered_before_are_reused_and_of_no_round():
    """They come in runs and as whole files, as those of rounds do."""
    lines = answers({number: said(f"row-{number}") for number in range(3)})
    accounts = Accounts()
    accounts.count_usage(0, summary_of(lines.splitlines(keepends=True)))
    kept = [Run(0, 0, 3, lines, whole=True), WholeFile(0, 3, 4, 1_000, "a path"), Run(1, 7, 3, lines, whole=True)]
    assert list(accounts.count(kept)) == [lines, kept[1], lines]
    manifest = accounts.manifest(path="", job=JOB, batches=[], times=TIMES, parts=[], prices=PRICES)
    assert (manifest["rows"]["succeeded"], manifest["reused"], manifest["tokens"]) == (10, 7, {})
    assert [(sent["round"], sent["rows"], sent["succeeded"]) for sent in manifest["rounds"]] == [(1, 3, 3)]


def test_tokens_of_answers_that_a_later_round_replaced_are_counted_and_those_known_before_are_not():
    def invalid(text):
        raise InvalidOutput("It does not fit.")

    known = answers({0: said("row-0", usage={"total_tokens": 1000})}, batch_id="of another time")
    first = answers({1: said("row-1", usage={"total_tokens": 7})}, validate=invalid)
    second = answers({1: said("row-1", usage={"total_tokens": 11})}, round=2)
    manifest = manifest_of(known, first, second, first=0)
    assert manifest["tokens"][MODEL]["total_tokens"] == 18
    assert (manifest["reused"], manifest["rows"]["succeeded"], manifest["errors"]) == (1, 2, [])
    assert [(sent["rows"], sent["succeeded"]) for sent in manifest["rounds"]] == [(1, 0), (1, 1)]
    assert [sent["tokens"][MODEL]["total_tokens"] for sent in manifest["rounds"]] == [7, 11]


@pytest.mark.parametrize("usage", [{"total_tokens": "many"}, {"total_tokens": -1}, {"completion_tokens_details": 5}])
def test_nonsense_in_a_usage_counts_nothing(usage):
    assert set(manifest_of(answers({0: said("row-0", usage=usage)}))["tokens"][MODEL].values()) == {0}


def test_of_very_many_kinds_of_errors_the_first_are_told_apart():
    rows = {number: refused(f"row-{number}", 400, f"code-{number}") for number in range(150)}
    errors = manifest_of(answers(rows))["errors"]
    assert len(errors) == 101
    assert (errors[0]["code"], errors[0]["count"], errors[0]["custom_id"]) == ("others", 50, "row-100")
    assert sum(error["count"] for error in errors) == 150


CAUSES = st.sampled_from([said, refused, unfinished, lambda custom_id: refused(custom_id, 429), lambda _: None])


@given(st.lists(CAUSES, min_size=1, max_size=8), st.lists(CAUSES, max_size=8))
def test_its_counts_add_up(first, later):
    later = later[: len(first)]
    rounds = [answers({n: make(f"row-{n}") for n, make in enumerate(some)}) for some in (first, later) if some]
    manifest = manifest_of(*rounds)
    rows = manifest["rows"]
    assert rows["total"] == sum(rows[status] for status in STATUSES) == len(first)
    assert sum(error["count"] for error in manifest["errors"]) == rows["total"] - rows["succeeded"]
    assert [counted["rows"] for counted in manifest["rounds"]] == [len(some) for some in (first, later) if some]
    made = sum(make is said for make in [*first, *later])
    assert sum(sums["total_tokens"] for sums in manifest["tokens"].values()) == made * USAGE["total_tokens"]


def test_the_message_names_the_commonest_causes():
    rows = {number: refused(f"row-{number}", 404, "model_not_found", "No such model.") for number in range(1, 213)}
    rows |= {0: said("row-0"), 213: refused("row-213"), 214: unfinished("row-214"), 215: None, 216: refused("x", 500)}
    rows[216] = refused("row-216", 500)
    assert message(manifest_of(answers(rows))) == (
        "216 of 217 rows failed: 212 with 404 model_not_found (No such model), such as row-1; "
        "1 with 400 invalid_request_error (No), such as row-213; "
        "1 with batch_expired (The window closed), such as row-214; and 2 more causes"
    )
    assert message(manifest_of(answers({0: said("row-0")}))) == "0 of 1 rows failed"


def test_the_message_and_xcom_say_the_same():
    rows = {0: refused("row-0", 404, "model_not_found", "The model `x`\ndoes not exist."), 1: said("row-1")}
    manifest = manifest_of(answers(rows))
    assert message(for_xcom(manifest)) == message(manifest)


def test_xcom_gets_16_kb_at_most_however_many_shards_there_are():
    batch = {"id": "batch_" + "0" * 26, "round": 1, "shard": 0, "status": "completed", "counts": {"total": 5000}}
    parts = [{"name": f"part-abc-{number:05}.jsonl", "rows": 100_000, "bytes": 200_000_000} for number in range(50)]
    manifest = manifest_of(answers({0: said("row-0")}), batches=[batch] * 1000, parts=parts)
    short = for_xcom(manifest)
    assert (short["batches"], short["parts"]) == (1000, 50)
    assert short == manifest | {"batches": 1000, "parts": 50}
    assert len(json.dumps(short)) < 2000


def test_xcom_gets_16_kb_at_most_whatever_servers_say():
    rows = {
        number: refused(f"row-{number}", 400, f"{number}" + "é" * 500, "é" * 5000)
        if number % 2
        else said(f"row-{number}", model=f"{number}" + "é" * 500)
        for number in range(400)
    }
    manifest = manifest_of(answers(rows))
    short = for_xcom(manifest)
    assert len(json.dumps(short)) <= 16_000
    assert short["rows"] == manifest["rows"]
    assert len(short["errors"]) >= 5


def test_it_is_read_as_it_was_written(tmp_path):
    manifest = manifest_of(answers({0: refused("row-0", message="Não. \u2028")}))
    (tmp_path / "manifest.json").write_bytes(write(manifest))
    assert read_manifest(ObjectStoragePath(f"file://{tmp_path}/manifest.json")) == manifest


@pytest.mark.parametrize(
    ("content", "said_"),
    [
        (b"", "cut off"),
        (b'{"format": "airflow-provider-groq answers", "ver', "cut off"),
        (b"\xff", "cut off"),
        (b"[" * 100_000, "cut off"),
        (b"[]", "another program wrote it"),
        (b'{"version": 1, "files": []}', "another program wrote it"),
        (b'{"format": "airflow-provider-groq answers", "version": 2}', "of version 2.*reads version 1"),
        (b'{"format": "airflow-provider-groq answers"}', "of version None"),
    ],
)
def test_what_is_no_manifest_of_this_version_is_named(tmp_path, content, said_):
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(GroqInputError, match=f"manifest.json.*{said_}"):
        read_manifest(ObjectStoragePath(f"file://{tmp_path}/manifest.json"))


def test_where_there_is_none_that_is_said(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_manifest(ObjectStoragePath(f"file://{tmp_path}/manifest.json"))
