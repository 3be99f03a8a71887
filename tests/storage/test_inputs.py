"""However requests get into a Dag, they reach Groq unchanged, and not Airflow's database."""

import bz2
import gzip
import json
import lzma
import re
import time
from pathlib import Path

import pytest
from airflow.sdk import DAG, ObjectStoragePath
from airflows import SHOWN_WHOLE, since
from dags.inputs import BRACES, request

from airflow_provider_groq.answers import read_answers
from airflow_provider_groq.batches.requests import encode, read_lines
from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.operators.batch import GroqCreateBatchOperator, GroqDownloadBatchResultsOperator
from airflow_provider_groq.storage.inline import InlineRequests
from airflow_provider_groq.storage.input_file import open_source
from airflow_provider_groq.storage.paths import storage_path


def zipped(content):
    """The content as gzip, the same bytes each time: the parameters of tests are told by them."""
    return gzip.compress(content, mtime=0)


def sent(groq_emulator):
    """The prompts that reached Groq, file by file."""
    return [
        [
            json.loads(line)["body"]["messages"][0]["content"]
            for line in groq_emulator.file_content(file["id"]).splitlines()
        ]
        for file in groq_emulator.files()
        if file["purpose"] == "batch"
    ]


@pytest.mark.parametrize("dag_id", ["inline", "from_upstream"])
def test_prompts_are_not_rendered(run_dag, groq_emulator, dag_id):
    assert run_dag(dag_id).state == "success"
    assert sent(groq_emulator) == [[BRACES]]


def test_a_mapped_upstream_gives_one_batch_of_all_its_rows(run_dag, groq_emulator):
    assert run_dag("from_mapped_upstream").state == "success"
    assert sent(groq_emulator) == [["row 1", "row 2", "row 3"]]


@pytest.mark.parametrize("dag_id", ["expanded", "expanded_kwargs"])
def test_a_mapped_task_makes_a_batch_for_each_of_its_instances(run_dag, groq_emulator, dag_id):
    groq_emulator.set(seconds=0.2)
    ran = run_dag(dag_id)
    assert ran.state == "success"
    assert sorted(sent(groq_emulator)) == [["first"], ["second"]]
    ids = [ran.xcom("create", "batch_id", map_index=index) for index in (0, 1)]
    assert sorted(ids) == sorted([batch["id"]] for batch in groq_emulator.batches())


def test_every_operator_and_the_sensor_can_be_mapped(run_dag, groq_emulator, tmp_path):
    groq_emulator.set(seconds=0.2)
    ran = run_dag("expanded_chain", output_path=str(tmp_path))
    assert ran.state == "success"
    for index in (0, 1):
        (manifest,) = ran.xcom("download", map_index=index)
        (batch,) = ran.xcom("sense", map_index=index)
        assert ran.xcom("create", map_index=index) == ran.xcom("cancel", map_index=index) == [batch["id"]]
        assert manifest["batch_id"] == batch["id"]
        assert (tmp_path / str(index) / "output.jsonl").is_file()


def bodies(groq_emulator):
    """The contents of all messages that reached Groq, by custom_id, file by file."""
    return sorted(
        [
            {
                row["custom_id"]: [message["content"] for message in row["body"]["messages"]]
                for row in map(json.loads, groq_emulator.file_content(file["id"]).splitlines())
            }
            for file in groq_emulator.files()
        ],
        key=str,
    )


def test_what_tasks_return_stands_in_its_place_however_deep(run_dag, groq_emulator):
    """Each of them runs before, whatever the rest of the requests is stays as it is."""
    assert run_dag("deep").state == "success"
    assert bodies(groq_emulator) == [
        {
            "none": [BRACES],
            "body": [f"{BRACES} 0"],
            "text": ["said by a task"],
            "again": ["said by a task"],
            "row-4": ["row 4"],
            "mapped": ["one", "two"],
            "param": ["{{ params.x }}"],
        }
    ]


@pytest.mark.parametrize(
    ("dag_id", "files"),
    [
        ("deep_partial", [{"a": [f"{BRACES} 0"], "b": [BRACES]}] * 2),
        ("deep_expanded", [{"a": [f"{BRACES} 1"]}, {"a": [f"{BRACES} 2"]}]),
        ("deep_expanded_kwargs", [{"a": [f"{BRACES} 1"]}, {"a": [f"{BRACES} 2"]}]),
        ("deep_in_a_mapped_group", [{"a": ["1"], "b": ["1"]}, {"a": ["2"], "b": ["2"]}]),
    ],
)
def test_so_it_is_in_mapped_tasks(run_dag, groq_emulator, dag_id, files):
    assert run_dag(dag_id).state == "success"
    assert bodies(groq_emulator) == files


@since(3, 1, SHOWN_WHOLE)
@pytest.mark.parametrize(("dag_id", "argument"), [("deep_nothing", "requests"), ("no_rows", "rows")])
def test_a_task_that_returned_nothing_is_named_with_nothing_sent(run_dag, groq_emulator, dag_id, argument):
    ran = run_dag(dag_id)
    assert ran.state == "failed"
    assert f"GroqInputError: {argument} is the output of nothing, which is empty: was that task skipped" in ran.log
    assert not groq_emulator.requests()


@since(3, 1, SHOWN_WHOLE)
def test_text_that_jinja_made_of_a_list_is_refused_by_each_with_nothing_sent(run_dag, groq_emulator):
    ran = run_dag("rendered")
    tasks = ["cancel", "sense", "sense_deferred", "download_id", "download_path", "create_path", "create_file"]
    assert {ran.task(task_id).state for task_id in tasks} == {"failed"}
    for argument, number in {"batch_id": 4, "input_path": 1, "input_file_id": 1, "output_path": 1}.items():
        assert len(re.findall(f"AirflowFailException: GroqInputError: {argument} must be ", ran.log)) == number
    assert not groq_emulator.requests()


def test_requests_as_text_are_refused_while_the_dag_is_read():
    with pytest.raises(GroqInputError, match="requests is text, which Jinja never renders"):
        GroqCreateBatchOperator(task_id="create", requests="{{ ti.xcom_pull('make') }}")


def test_many_requests_are_searched_for_outputs_once():
    """Airflow asks each operator for its references several times; a Dag's file is read all the time."""

    class Counted(dict):
        asked = 0

        def values(self):
            Counted.asked += 1
            return super().values()

    rows = [Counted(custom_id=str(number), body={"model": "m"}) for number in range(100)]
    with DAG("dag", schedule=None):
        operator = GroqCreateBatchOperator(task_id="create", requests=rows)
    operator.render_template_fields({"ti": None})
    assert operator.requests.rows() is rows
    assert Counted.asked == 100


def test_requests_that_hold_themselves_do_not_hang_the_dag_processor():
    row = {"custom_id": "a", "body": {}}
    row["body"]["row"] = row
    with pytest.raises(GroqInputError, match="Line 1: cannot be written as JSON"):
        list(encode(InlineRequests([row]).rows(), endpoint="/v1/chat/completions"))


@pytest.fixture
def read(tmp_path):
    """Reads a file of such bytes as a task would."""

    def read(content, name="requests.jsonl", max_bytes=10_000):
        path = tmp_path / name
        path.write_bytes(content)
        with open_source(str(path), max_bytes=max_bytes) as source:
            return b"".join(read_lines(source.file, max_bytes=max_bytes)), source.stem

    return read


LINES = b'{"custom_id": "a"}\n{"custom_id": "b"}\n'


@pytest.mark.parametrize("name", ["requests.jsonl.gz", "requests.jsonl", "requests.gz"])
@pytest.mark.parametrize("packed", [zipped(LINES), zipped(LINES[:19]) + zipped(LINES[19:]), LINES])
def test_gzip_is_told_by_its_bytes(read, name, packed):
    """Not by the name: some storages unpack what they hand out. A file may have several members."""
    assert read(packed, name) == (LINES, "requests")


def test_packed_or_not_the_input_is_the_same(bare_tries, groq_emulator, tmp_path):
    """So a batch that was paid for is found again, and what reaches Groq is plain."""
    row = {"method": "POST", "url": "/v1/chat/completions"} | request("Hello")
    plain, packed = tmp_path / "requests.jsonl", tmp_path / "requests.jsonl.gz"
    plain.write_text(json.dumps(row) + "\n")
    packed.write_bytes(zipped(plain.read_bytes()))
    assert bare_tries.run(input_path=str(packed)) == bare_tries.run(input_path=str(plain))
    (file,) = groq_emulator.files()
    assert groq_emulator.file_content(file["id"]) == plain.read_bytes()
    assert re.fullmatch(r"requests\.[0-9a-f]+\.[0-9a-f]+\.jsonl", file["filename"])


DAMAGED = zipped(LINES * 100)


@pytest.mark.parametrize(
    "packed",
    [DAMAGED[:-1], DAMAGED[:30], DAMAGED[:2], DAMAGED[:-8] + b"\0" * 8, DAMAGED + b"rest", DAMAGED[:12] + b"\xff" * 50],
)
def test_damaged_gzip_is_named(read, packed):
    with pytest.raises(GroqInputError, match=r"requests\.jsonl is gzipped, but damaged or truncated: "):
        read(packed)


@pytest.mark.parametrize("text", [b"\n", b" ", b"{", LINES])
def test_what_gzip_unpacks_to_more_than_the_limit_is_given_up_there(read, text):
    """Blank lines and one without an end too; 100 MB would take seconds, and room on the disk."""
    bomb = zipped(text * (100_000_000 // len(text)))
    begun = time.process_time()
    with pytest.raises(GroqInputError, match="has more than 1,000,000 bytes, but at most 1,000,000 are accepted"):
        read(bomb, max_bytes=1_000_000)
    assert time.process_time() - begun < 0.5


def test_a_file_of_just_the_limit_is_read(read):
    for content in (LINES, zipped(LINES)):
        assert read(content, max_bytes=len(LINES))[0] == LINES
        with pytest.raises(GroqInputError, match=f"but at most {len(LINES) - 1} are accepted"):
            read(content, max_bytes=len(LINES) - 1)


FORMATS = {
    "empty gzip": (zipped(b""), "is empty"),
    "gzip twice": (zipped(zipped(LINES)), "is gzip within gzip"),
    "zip": (b"PK\x03\x04rest", "is a zip archive"),
    "bzip2": (bz2.compress(LINES), "is compressed with bzip2"),
    "xz": (lzma.compress(LINES), "is compressed with xz"),
    "zstd": (b"\x28\xb5\x2f\xfdrest", "is compressed with zstd"),
    "Parquet": (b"PAR1rest", "is a Parquet file"),
    "UTF-16": (LINES.decode().encode("utf-16"), "is in UTF-16 or UTF-32, but must be in UTF-8"),
    "UTF-16 without a mark": (LINES.decode().encode("utf-16-le"), "is in UTF-16"),
    "UTF-16 from the big end": (LINES.decode().encode("utf-16-be"), "is in UTF-16"),
    "UTF-32": (LINES.decode().encode("utf-32"), "is in UTF-16 or UTF-32"),
    "UTF-32 from the big end": (LINES.decode().encode("utf-32-be"), "is in UTF-16 or UTF-32"),
    "UTF-16 in gzip": (zipped(LINES.decode().encode("utf-16")), "is in UTF-16"),
    "an array": (b'[{"custom_id": "a"}]', "is a JSON array, but must be JSON Lines: one request per line"),
    "an array on many lines": (b'\xef\xbb\xbf\n [\n {"custom_id": "a"}\n]', "is a JSON array"),
    "a pretty object": (b'{\r\n  "custom_id": "a"\r\n}', "has a request on several lines"),
}


@pytest.mark.parametrize(("content", "said"), FORMATS.values(), ids=FORMATS)
def test_another_format_is_named_as_what_it_is(read, content, said):
    with pytest.raises(GroqInputError, match=f"^input_path /.*/requests.jsonl {said}"):
        read(content)


@pytest.fixture
def home(tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / "work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home / "work")
    return home


@pytest.mark.parametrize(
    "kind", [str, Path, pytest.param(ObjectStoragePath, marks=since(3, 2, "an ObjectStoragePath that keeps a ~"))]
)
@pytest.mark.parametrize("path", ["~/x", "file://~/x"])
def test_a_tilde_is_the_home_of_the_user(home, path, kind):
    if (kind, path[0]) != (Path, "f"):
        assert storage_path("input_path", kind(path)).path == str(home / "x")


@pytest.mark.parametrize("path", ["./~/x", "{work}/~/x", "file://{work}/~/x"])
def test_a_tilde_further_on_is_a_name(home, path):
    work = home / "work"
    folder = storage_path("input_path", path.format(work=work))
    folder.mkdir(parents=True)
    with (folder / "y").open("wb") as file:
        file.write(b"z")
    assert (work / "~" / "x" / "y").read_bytes() == b"z"
    assert not (home / "x").exists()


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("s3://buck[et/x", "s3://buck[et/x is not a URI: Invalid IPv6 URL. Correct the path."),
        ("s3://bucket]/x", "s3://bucket]/x is not a URI: Invalid IPv6 URL. Correct the path."),
        ("file://[/x", "file://[/x is not a URI: Invalid IPv6 URL. Correct the path."),
        ("s3:///x", "s3:///x names no bucket: write s3://BUCKET/PATH."),
        ("gs://", "gs:// names no bucket: write gs://BUCKET/PATH."),
        ("s3://aws_default@/x", "s3://aws_default@/x names no bucket: write s3://BUCKET/PATH."),
    ],
)
def test_a_uri_that_is_none_is_refused_by_its_argument_and_not_retried(create, context, groq_emulator, path, said):
    with pytest.raises(AirflowFailException) as raised:
        create(input_path=path).execute(context)
    assert str(raised.value) == f"GroqInputError: input_path {said}"
    for answers in (path, {"batch_id": "batch_1", "output": {"path": path}, "errors": None}):
        with pytest.raises(GroqInputError) as refused:
            list(read_answers(answers))
        assert str(refused.value) == f"source {said}"
    assert not groq_emulator.requests()


def test_the_home_of_nobody_is_refused(home):
    with pytest.raises(GroqInputError, match="output_path ~no-such-user/x: this ~ has no home folder here"):
        storage_path("output_path", "~no-such-user/x")


def test_every_path_may_begin_with_a_tilde(create, context, groq_emulator, home):
    row = {"method": "POST", "url": "/v1/chat/completions"} | request("Hello")
    (home / "requests.jsonl").write_text(json.dumps(row) + "\n")
    batch_id = create(input_path="~/requests.jsonl", wait_for_completion=False).execute(context)
    groq_emulator.advance(100)
    options = {"task_id": "download", "batch_id": batch_id, "output_path": "~/answers"}
    manifest = GroqDownloadBatchResultsOperator(**options).execute(context)
    assert manifest["output"]["path"] == str(home / "answers" / "output.jsonl")
    assert sorted(path.name for path in home.rglob("*")) == ["answers", "output.jsonl", "requests.jsonl", "work"]


def test_rendered_fields_hold_no_rows(run_dag):
    from airflow.models.renderedtifields import RenderedTaskInstanceFields

    ran = run_dag("inline")
    fields = RenderedTaskInstanceFields.get_templated_fields(ran.task("create"))
    assert fields["requests"] == "<1 request>"


def test_paths_metadata_and_window_are_templates(run_dag, groq_emulator, tmp_path):
    path = tmp_path / "requests.jsonl"
    line = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions"}
    path.write_text(json.dumps(line | {"body": {"model": "m", "messages": [{"role": "user", "content": BRACES}]}}))
    ran = run_dag("templated", input_path=str(path), window="48h")
    assert ran.state == "success"
    assert sent(groq_emulator) == [[BRACES]]
    (batch,) = groq_emulator.batches()
    assert batch["completion_window"] == "48h"
    assert batch["metadata"]["run"].startswith("manual__")
