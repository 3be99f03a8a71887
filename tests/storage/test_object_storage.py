"""Every argument that takes a path, on a real server of S3's API, whose files are not like local ones."""

import gzip
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from threading import Thread

import pytest
from airflow.sdk import ObjectStoragePath
from storage.s3_server import ObjectStorage

from airflow_provider_groq.compat import AirflowFailException
from airflow_provider_groq.emulator import GroqEmulator
from airflow_provider_groq.exceptions import GroqStorageError, GroqTransportError
from airflow_provider_groq.operators.batch import GroqDownloadBatchResultsOperator

GOOD, BAD = "openai/gpt-oss-20b", "no-such-model"
MIB = 1 << 20
TESTS = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def s3():
    storage = ObjectStorage("aws_s3")
    yield storage
    storage.stop()


@pytest.fixture
def bucket(s3):
    return s3.bucket()


@pytest.fixture
def stranger(s3, monkeypatch):
    """A storage with a bucket, and a connection whose key may read there, and not write."""
    guarded = ObjectStorage("aws_guarded", unguarded=5)
    bucket, iam = guarded.bucket(), guarded.client("iam")
    guarded.client().put_object(Bucket=bucket, Key="requests.jsonl", Body=lines(3))
    iam.create_user(UserName="reader")
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    may = {"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [may]})
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=policy)
    monkeypatch.setenv("AIRFLOW_CONN_AWS_READER", guarded.connection(key["AccessKeyId"], key["SecretAccessKey"]))
    monkeypatch.setenv("AIRFLOW_CONN_AWS_NOBODY", guarded.connection("nobody", "nothing"))
    yield bucket
    guarded.stop()


@pytest.fixture
def passing(s3, monkeypatch):
    """Makes storages that are about to go away, which their connections do not wait for long."""
    stores = []

    def make(conn_id):
        stores.append(ObjectStorage(conn_id))
        ObjectStoragePath(stores[-1].uri("bucket")).fs.retries = 1
        return stores[-1]

    yield make
    for store in stores:
        store.stop()


def lines(count, *, chars=10):
    row = {"custom_id": "", "method": "POST", "url": "/v1/chat/completions"}
    body = {"model": GOOD, "messages": [{"role": "user", "content": "x" * chars}]}
    return b"".join(json.dumps(row | {"custom_id": f"row-{n}", "body": body}).encode() + b"\n" for n in range(count))


def sent(groq_emulator):
    return [groq_emulator.file_content(file["id"]) for file in groq_emulator.files() if file["purpose"] == "batch"]


@pytest.fixture
def download(context, groq_emulator, quick):
    def run(batch_id, output_path):
        operator = GroqDownloadBatchResultsOperator(task_id="create", batch_id=batch_id, output_path=output_path)
        return operator.execute(context)

    return run


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize("kind", [str, ObjectStoragePath])
def test_requests_are_read(create, context, groq_emulator, s3, bucket, pack, kind):
    s3.client().put_object(Bucket=bucket, Key="in/requests.jsonl", Body=pack(lines(20)))
    create(input_path=kind(s3.uri(bucket, "in/requests.jsonl")), wait_for_completion=False).execute(context)
    assert sent(groq_emulator) == [lines(20)]


def test_a_dag_reads_and_lands(run_dag, groq_emulator, s3, bucket):
    s3.client().put_object(Bucket=bucket, Key="requests.jsonl", Body=lines(3))
    groq_emulator.set(seconds=0.2)
    ran = run_dag("stored", input_path=s3.uri(bucket, "requests.jsonl"), output_path=s3.uri(bucket, "answers"))
    assert ran.state == "success"
    (manifest,) = ran.xcom("download")
    assert manifest["output"]["path"] == s3.uri(bucket, "answers/output.jsonl")
    assert manifest["output"]["bytes"] == len(s3.contents(bucket)["answers/output.jsonl"])


def test_what_groq_sent_lands_byte_for_byte_with_nothing_beside_it(download, groq_emulator, make_batch, s3, bucket):
    batch_id = make_batch(GOOD, BAD)
    groq_emulator.advance(100)
    download(batch_id, s3.uri(bucket, "answers"))
    made = {file["filename"]: file["id"] for file in groq_emulator.files() if file["purpose"] == "batch_output"}
    landed = s3.contents(bucket)
    assert set(landed) == {"answers/output.jsonl", "answers/errors.jsonl"}
    assert sorted(landed.values()) == sorted(map(groq_emulator.file_content, made.values()))


def test_a_second_landing_takes_the_place_of_the_first(download, groq_emulator, make_batch, s3, bucket):
    first, second = make_batch(GOOD, BAD), make_batch(GOOD)
    groq_emulator.advance(100)
    download(first, s3.uri(bucket, "answers"))
    before = s3.contents(bucket)
    download(first, s3.uri(bucket, "answers/"))
    assert s3.contents(bucket) == before
    download(second, s3.uri(bucket, "answers"))
    assert set(s3.contents(bucket)) == {"answers/output.jsonl"}


@pytest.mark.usefixtures("quick_retries")
def test_a_download_that_is_cut_leaves_what_was_there_and_no_part(download, groq_emulator, make_batch, s3, bucket):
    """It is of several of the parts in which S3 takes a large file."""
    s3.client().put_object(Bucket=bucket, Key="answers/output.jsonl", Body=b"from before\n")
    groq_emulator.set(answer_chars=MIB)
    batch_id = make_batch(*[GOOD] * 40)
    groq_emulator.advance(1000)
    groq_emulator.fault("/files/*/content", drop="middle", times=None)
    with pytest.raises(GroqTransportError, match="got no complete response"):
        download(batch_id, s3.uri(bucket, "answers"))
    assert s3.contents(bucket) == {"answers/output.jsonl": b"from before\n"}
    groq_emulator.clear_faults()
    assert download(batch_id, s3.uri(bucket, "answers"))["requests"]["succeeded"] == 40
    assert len(s3.contents(bucket)["answers/output.jsonl"]) > 40 * MIB


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("none.jsonl", "is missing .*Create it, or correct the path"),
        ("in", "is a folder, but must be a JSONL file"),
        ("", "is a folder, but must be a JSONL file"),
        ("empty.jsonl", "is empty: it has no requests"),
        ("array.json", "is a JSON array"),
        ("cut.jsonl.gz", "is gzipped, but damaged or truncated"),
    ],
)
def test_a_bad_input_is_named_with_nothing_sent(create, context, groq_emulator, s3, bucket, key, said):
    contents = {"in/a.jsonl": lines(1), "empty.jsonl": b"", "array.json": b"[{}]"}
    contents["cut.jsonl.gz"] = gzip.compress(lines(1000))[:-20]
    for name, content in contents.items():
        s3.client().put_object(Bucket=bucket, Key=name, Body=content)
    with pytest.raises(AirflowFailException, match=f"GroqInputError: input_path s3://aws_s3@{bucket}/{key} {said}"):
        create(input_path=s3.uri(bucket, key)).execute(context)
    assert not groq_emulator.requests()


def test_a_missing_bucket_is_named_and_not_made(create, download, context, groq_emulator, s3):
    said = r"GroqInputError: {}put_path s3://aws_s3@no-such-bucket/x .*bucket does not exist"
    with pytest.raises(AirflowFailException, match=said.format("in")):
        create(input_path=s3.uri("no-such-bucket", "x")).execute(context)
    with pytest.raises(AirflowFailException, match=said.format("out")):
        download("batch_1", s3.uri("no-such-bucket", "x"))
    assert "no-such-bucket" not in {row["Name"] for row in s3.client().list_buckets()["Buckets"]}
    assert not groq_emulator.requests()


def test_no_rights_are_named_before_groq_is_asked(create, download, context, groq_emulator, stranger):
    with pytest.raises(
        AirflowFailException, match="cannot be read: the Airflow connection 'aws_nobody' is not allowed to"
    ):
        create(input_path=f"s3://aws_nobody@{stranger}/requests.jsonl").execute(context)
    with pytest.raises(AirflowFailException, match="be written: the Airflow connection 'aws_reader' is not allowed to"):
        download("batch_1", f"s3://aws_reader@{stranger}/answers")
    assert not groq_emulator.requests()
    create(input_path=f"s3://aws_reader@{stranger}/requests.jsonl", wait_for_completion=False).execute(context)
    assert sent(groq_emulator) == [lines(3)]


def test_a_storage_that_is_away_is_left_for_a_retry(create, download, context, groq_emulator, passing):
    storage = passing("aws_away")
    uri = storage.uri(storage.bucket(), "x")
    storage.stop()
    with pytest.raises(GroqStorageError, match=f"input_path {uri}: the storage failed: .*'aws_away'"):
        create(input_path=uri).execute(context)
    with pytest.raises(GroqStorageError, match=f"output_path {uri}: the storage failed: .*'aws_away'"):
        download("batch_1", uri)
    assert not groq_emulator.requests()


def test_a_storage_that_goes_away_while_results_land_is_left_for_a_retry(download, groq_emulator, make_batch, passing):
    storage = passing("aws_leaving")
    uri = storage.uri(storage.bucket(), "answers")
    batch_id = make_batch(GOOD)
    groq_emulator.advance(100)
    groq_emulator.fault("/files/*/content", delay=1.0)

    def stop():
        while not any(request.path.endswith("/content") for request in groq_emulator.requests("GET")):
            time.sleep(0.02)
        storage.stop()

    stopping = Thread(target=stop)
    stopping.start()
    with pytest.raises(GroqStorageError, match=f"output_path {uri}: the storage failed"):
        download(batch_id, uri)
    stopping.join()


@pytest.mark.parametrize(
    ("path", "package"),
    [
        ("gs://bucket/x", "apache-airflow-providers-google"),
        ("gcs://bucket/x", "apache-airflow-providers-google"),
        ("abfs://container/x", "apache-airflow-providers-microsoft-azure"),
        ("nowhere://bucket/x", "the Airflow provider with its filesystem"),
    ],
)
def test_a_missing_provider_is_named_before_groq_is_asked(create, download, context, groq_emulator, path, package):
    scheme = path.partition(":")[0]
    said = f"put_path {path}: Airflow has no filesystem for {scheme}:// here .*Install {package} where the task runs"
    with pytest.raises(AirflowFailException, match=f"in{said}"):
        create(input_path=path).execute(context)
    with pytest.raises(AirflowFailException, match=f"out{said}"):
        download("batch_1", path)
    assert not groq_emulator.requests()


WITHOUT = """
import sys

sys.modules[sys.argv[1]] = None  # as if it were not installed
from airflow_provider_groq.storage.paths import storage_path

storage_path("input_path", "s3://bucket/x")
"""


def test_a_missing_part_of_a_provider_is_named():
    child = subprocess.run([sys.executable, "-c", WITHOUT, "s3fs"], capture_output=True, text=True, check=False)
    assert "GroqInputError: input_path s3://bucket/x: Airflow has no filesystem for s3://" in child.stderr
    assert "Install apache-airflow-providers-amazon[s3fs] where the task runs." in child.stderr


CHILD = """
import json, sys
from datetime import UTC, datetime
from pathlib import Path

from tries import TaskInstance, context_of

from airflow_provider_groq.operators.batch import GroqCreateBatchOperator, GroqDownloadBatchResultsOperator

def most():
    return next(int(line.split()[1]) for line in Path("/proc/self/status").open() if line.startswith("VmHWM"))

def run(step, argument, path):
    if step == "create":
        operator = GroqCreateBatchOperator(task_id="step", input_path=path, wait_for_completion=False)
    else:
        operator = GroqDownloadBatchResultsOperator(task_id="step", batch_id=argument, output_path=path)
    return operator.execute(context_of(TaskInstance(), datetime.now(UTC)))

step, small, large, *paths = sys.argv[1:]
run(step, small, paths[0])
before = most()
result = run(step, large, paths[1])
print(json.dumps([result, (most() - before) // 1024]))
"""


def grown(groq_emulator, *arguments):
    """Runs a step with little and then with much, in a process of its own; what it gave, and MiB that much took."""
    environment = os.environ | {"AIRFLOW_CONN_GROQ_DEFAULT": groq_emulator.connection_json, "PYTHONPATH": str(TESTS)}
    child = subprocess.run(
        [sys.executable, "-c", CHILD, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(child.stdout.splitlines()[-1])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="asks Linux for the memory used")
def test_100_mb_take_little_memory_both_ways(s3, bucket):
    """As much as S3's blocks and the ids of the lines do; the size of the files has no part in it."""
    few, many = lines(10, chars=19_800), lines(5_000, chars=19_800)
    s3.client().put_object(Bucket=bucket, Key="few.jsonl", Body=few)
    s3.client().put_object(Bucket=bucket, Key="many.jsonl", Body=many)
    with GroqEmulator(seconds=1) as emulator:
        emulator.set(answer_chars=20_000)
        paths = s3.uri(bucket, "few.jsonl"), s3.uri(bucket, "many.jsonl")
        _, took = grown(emulator, "create", "", "", *paths)
        assert took < 60
        small, large = (batch["id"] for batch in emulator.batches())
        emulator.advance(10_000)
        paths = s3.uri(bucket, "few"), s3.uri(bucket, "many")
        manifest, took = grown(emulator, "download", small, large, *paths)
        assert took < 60
    assert manifest["requests"]["succeeded"] == 5_000
    assert min(len(many), manifest["output"]["bytes"]) > 99_000_000
