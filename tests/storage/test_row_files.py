"""The files of a job's ``input_path``: which are read, in which order, as which rows; errors name file and line."""

import csv
import gzip
import io
import json
import os
import re

import pytest
from airflow.sdk import ObjectStoragePath
from hypothesis import given
from hypothesis import strategies as st
from storage.s3_server import ObjectStorage

from airflow_provider_groq.exceptions import GroqInputError
from airflow_provider_groq.jobs.requests.form import RequestForm
from airflow_provider_groq.jobs.requests.rows import requests
from airflow_provider_groq.storage.row_files import rows_of

WHOLE = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {"model": "m", "messages": []}}


def zipped(content):
    """The content as gzip, the same bytes each time: the parameters of tests are told by them."""
    return gzip.compress(content, mtime=0)


@pytest.fixture
def write(tmp_path):
    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return write


def read(input_path, max_bytes=100_000):
    return list(rows_of(input_path, max_bytes=max_bytes))


def refusal(input_path, **limits):
    with pytest.raises(GroqInputError) as caught:
        read(input_path, **limits)
    return str(caught.value)


def lines(*rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


@pytest.mark.parametrize("pack", [bytes, zipped], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("name", "content", "rows"),
    [
        ("a.jsonl", lines({"prompt": "Hi", "n": 1}, "text", WHOLE), [{"prompt": "Hi", "n": 1}, "text", WHOLE]),
        ("a.jsonl", '{"n": 1e2}\r\n{"n": 10000000000000000000000}\n\n', [{"n": 100.0}, {"n": 10**22}]),
        ("a.jsonl", "\ufeff" + lines({"a": "ü"}), [{"a": "ü"}]),
        ("a.json", '{"a": 1}', [{"a": 1}]),
        ("a.csv", "id,text\n7,fine\n8,\n", [{"id": "7", "text": "fine"}, {"id": "8", "text": ""}]),
        (
            "a.csv",
            '\ufeffid,text\r\n7,"a, ""b""\r\nc"\r\n\r\n8,x',
            [{"id": "7", "text": 'a, "b"\r\nc'}, {"id": "8", "text": "x"}],
        ),
        ("A.CSV", "text\nfine\n", [{"text": "fine"}]),
        ("a.csv", "text\n" + "x" * 200_000 + "\n", [{"text": "x" * 200_000}]),
    ],
)
def test_rows_are_read(write, pack, name, content, rows):
    path = write(name + (".gz" if pack is zipped else ""), pack(content.encode()))
    assert read(path, max_bytes=1_000_000) == rows


def test_gzip_is_told_by_its_bytes(write):
    assert read(write("a.csv", zipped(b"a\n1\n"))) == [{"a": "1"}]
    assert read(write("A.CSV.GZ", zipped(b"a\n1\n"))) == [{"a": "1"}]
    assert read(write("a.jsonl.gz", lines({"a": 1}))) == [{"a": 1}]


def test_several_files_are_read_one_after_the_other(write, tmp_path):
    for name in ("b", "a", "c"):
        write(f"in/{name}.jsonl", lines({"from": name}))
    write("in/d.csv", "from\nd\n")
    write("in/_SUCCESS", "")
    folder = str(tmp_path / "in")

    def names(input_path):
        return [row["from"] for row in read(input_path)]

    assert names(f"{folder}/*.jsonl") == ["a", "b", "c"]
    assert names(f"{folder}/*") == ["a", "b", "c", "d"]
    assert names(f"{folder}/[bc].jsonl") == ["b", "c"]
    assert names([f"{folder}/c.jsonl", f"{folder}/a.jsonl"]) == ["c", "a"]
    assert names([f"{folder}/d.csv", ObjectStoragePath(f"file://{folder}/a.jsonl"), f"{folder}/[bc]*"]) == list("dabc")
    assert names(tmp_path / "in/a.jsonl") == ["a"]
    assert names(f"{tmp_path}/**/a.jsonl") == ["a"]


def test_a_name_may_have_the_characters_of_patterns(write):
    assert read(write("a[1].jsonl", lines({"a": 1}))) == [{"a": 1}]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", lines({"a": 1}) + "{oops\n", "a.jsonl, line 2: is not JSON (Expecting property name"),
        ("a.jsonl", lines({"a": 1}) + '{"a": NaN}\n', "a.jsonl, line 2: is not JSON (NaN is not a JSON value)"),
        ("a.jsonl", '{"a": 1}\n\n\n{"a": 1}\n', "a.jsonl, line 2: is empty, and rows follow it"),
        ("a.jsonl", b'{"a": "\xff"}\n', "a.jsonl, line 1: is not JSON ('utf-8' codec"),
        ("a.jsonl", lines({"a": "x" * 1000}), "a.jsonl, line 1: is longer than 500 bytes"),
        ("a.jsonl", '[{"a": 1}]', "a.jsonl is a JSON array, but must be JSON Lines"),
        ("a.jsonl", '{\n"a": 1\n}', "a.jsonl has a request on several lines"),
        ("a.jsonl", b"PAR1xxx", "a.jsonl is a Parquet file"),
        ("a.csv", b"PK\x03\x04xxx", "a.csv is a zip archive"),
        ("a.csv", "a,b\n1\n".encode("utf-16"), "a.csv is in UTF-16 or UTF-32"),
        ("a.jsonl.gz", zipped(lines({"a": 1}).encode())[:-4], "a.jsonl.gz is gzipped, but damaged"),
        ("a.csv", "a,b\n1,2\n1,2,3\n", "a.csv, line 3: has 3 columns, but the header has 2: a, b"),
        ("a.csv", 'a,b\n"1\n1",2\n1\n', "a.csv, line 4: has 1 columns, but the header has 2"),
        ("a.csv", 'a,b\n1,2\n"1,2\n3,4\n', "a.csv, line 3: is not CSV: unexpected end of data"),
        ("a.csv", 'a,b\n1,"2"x\n', "a.csv, line 2: is not CSV: "),
        ("a.csv", "a,a\n", "a.csv, line 1: is the header, but names the column 'a' twice"),
        ("a.csv", "a,,b\n", "a.csv, line 1: is the header, but names no column 2"),
        ("a.csv", b"a\n1\n\xff\n", "a.csv, line 3: is not in UTF-8"),
        ("a.csv", "a\n" + "x" * 1000, "a.csv, line 2: is longer than 500 bytes"),
        ("a.csv", "a,b\n", "has no rows. Read: "),
        ("a.jsonl", "", "has no rows. Read: "),
        ("a.csv", "", "has no rows. Read: "),
        ("a.jsonl", "\n\n", "has no rows. Read: "),
    ],
)
def test_what_is_wrong_is_named_with_file_and_line(write, name, content, said):
    assert said in refusal(write(name, content), max_bytes=500)


@pytest.mark.parametrize(
    ("input_path", "said"),
    [
        ("{}/none-*.jsonl", "none-*.jsonl matches no file. Correct it, or check that the files exist."),
        ("{}/none.jsonl", "none.jsonl is missing"),
        ("{}", "is a folder, but must be one file or several, as JSON Lines or CSV: name them, such as .../*.jsonl"),
        ([], "input_path is an empty list"),
        (["{}/a.jsonl", "{}/*.jsonl"], "a.jsonl twice, so you would send and pay for its rows twice"),
        (None, "input_path must be a path or a URI, but is None"),
        ([None], "input_path must be a path or a URI, but is None"),
        (5, "input_path must be a path or a URI, but is 5"),
        ("s4://bucket/*", "Airflow has no filesystem for s4://"),
    ],
)
def test_a_path_that_names_no_files_is_refused(write, tmp_path, input_path, said):
    write("a.jsonl", lines({"a": 1}))
    filled = [path and path.format(tmp_path) for path in input_path] if isinstance(input_path, list) else input_path
    assert said in refusal(filled.format(tmp_path) if isinstance(filled, str) else filled)


def test_a_file_and_a_link_to_it_are_one_file(write, tmp_path):
    write("a.jsonl", lines({"a": 1}))
    (tmp_path / "latest.jsonl").symlink_to("a.jsonl")
    (tmp_path / "folder").symlink_to(tmp_path)
    assert read(f"{tmp_path}/latest.jsonl") == [{"a": 1}]
    assert f"latest.jsonl twice (it is {tmp_path}/a.jsonl too), so you would" in refusal(f"{tmp_path}/*.jsonl")
    assert "twice" in refusal([f"{tmp_path}/a.jsonl", f"{tmp_path}/folder/a.jsonl"])


def test_a_pattern_finds_links_to_files_as_it_finds_files(write, tmp_path):
    write("stored/1.jsonl", lines({"a": 1}))
    write("in/a.jsonl", lines({"a": 0}))
    (tmp_path / "in" / "b.jsonl").symlink_to("../stored/1.jsonl")
    (tmp_path / "in" / "c.jsonl").symlink_to(tmp_path / "stored")
    assert read(f"{tmp_path}/in/*.jsonl") == [{"a": 0}, {"a": 1}]
    (tmp_path / "in" / "d.jsonl").symlink_to("gone")
    assert f"{tmp_path}/in/d.jsonl is missing" in refusal(f"{tmp_path}/in/*.jsonl")


def test_a_file_whose_name_is_no_unicode_is_named(write, tmp_path):
    write(os.fsdecode(b"\xff.jsonl"), '{"prompt": "a"}\n')
    with pytest.raises(GroqInputError, match=r"input_path is .*\\udcff.*, but must be in UTF-8: rename the file"):
        read(f"{tmp_path}/*.jsonl")


def test_a_wrong_row_is_named_with_its_file_and_line(write, tmp_path):
    write("a.jsonl", lines("Hi", "Ho"))
    write("b.csv", 'prompt\n"a\nb"\n""\n')
    rows = rows_of(str(tmp_path / "*"), max_bytes=1000)
    with pytest.raises(GroqInputError, match=r"^Row 3 \(counted from 0\), which is line 4 of .*/b\.csv: prompt is ''"):
        list(requests(rows, RequestForm("m"), max_bytes=1000))


VALUE = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"))


@given(st.lists(st.lists(VALUE, min_size=2, max_size=2), min_size=1))
def test_any_csv_that_python_writes_is_read(tmp_path_factory, rows):
    text = io.StringIO(newline="")
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows([["a", "b"], *rows])
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_bytes(text.getvalue().encode())
    assert [list(row.values()) for row in read(str(path))] == rows


@pytest.fixture(scope="session")
def s3():
    storage = ObjectStorage("aws_rows")
    yield storage
    storage.stop()


def test_files_of_an_object_storage_are_read(s3):
    bucket = s3.bucket()
    contents = {
        "in/b.jsonl.gz": zipped(lines({"from": "b"}).encode()),
        "in/a.csv": b"from\na\n",
        "in/c?[1]#.jsonl": lines({"from": "c"}).encode(),
        "in/deep/d.jsonl": lines({"from": "d"}).encode(),
        "in/": b"",
    }
    for key, content in contents.items():
        s3.client().put_object(Bucket=bucket, Key=key, Body=content)

    def names(input_path):
        return [row["from"] for row in read(input_path)]

    assert names(s3.uri(bucket, "in/a.csv")) == ["a"]
    assert names(ObjectStoragePath(s3.uri(bucket, "in/a.csv"))) == ["a"]
    assert names(s3.uri(bucket, "in/*")) == ["a", "b", "c"]
    assert names(s3.uri(bucket, "in/**/*.jsonl*")) == ["b", "c", "d"]
    assert names([s3.uri(bucket, "in/deep/d.jsonl"), s3.uri(bucket, "in/[ab].*")]) == ["d", "a", "b"]
    assert names(s3.uri(bucket, "in/?.csv")) == ["a"]
    assert names(s3.uri(bucket, "in/c?[1]#.jsonl")) == ["c"]
    assert "none-* matches no file" in refusal(s3.uri(bucket, "none-*"))
    assert "in is a folder, but must be one file or several" in refusal(s3.uri(bucket, "in"))
    rows = rows_of(s3.uri(bucket, "in/*"), max_bytes=1000)
    next(rows)
    assert re.fullmatch(rf"line 2 of s3://aws_rows@{bucket}/in/a\.csv", rows.place)
