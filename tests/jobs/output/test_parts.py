"""The files of a job's output: whole or not at all, locally and in object storage, whenever a process is killed."""

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from airflow.sdk import ObjectStoragePath
from storage.s3_server import ObjectStorage

from airflow_provider_groq.jobs.output import parts as module
from airflow_provider_groq.jobs.output.parts import commit, remove_unlisted, small_files_opened, write_parts
from airflow_provider_groq.jobs.results.kept import WholeFile

TESTS = Path(__file__).parents[2]


def lines(count, word="x"):
    return [json.dumps({"index": number, "output": word * 10}).encode() + b"\n" for number in range(count)]


@pytest.fixture
def folder(tmp_path):
    return ObjectStoragePath(f"file://{tmp_path}")


def land(folder, count, job, word="x"):
    manifest = {"parts": write_parts(lines(count, word), folder, job), "job": job}
    commit(manifest, folder)
    return manifest


def contents(tmp_path):
    return {path.name: path.read_bytes() for path in tmp_path.iterdir()}


def test_parts_hold_so_many_rows_and_the_manifest_lists_them(monkeypatch, tmp_path, folder):
    monkeypatch.setattr(module, "MAX_ROWS", 3)
    manifest = land(folder, 7, "abc")
    assert [(part["name"], part["rows"]) for part in manifest["parts"]] == [
        ("part-abc-00000.jsonl", 3),
        ("part-abc-00001.jsonl", 3),
        ("part-abc-00002.jsonl", 1),
    ]
    files = contents(tmp_path)
    assert json.loads(files.pop("manifest.json")) == manifest
    assert b"".join(files[name] for name in sorted(files)) == b"".join(lines(7))
    assert [part["bytes"] for part in manifest["parts"]] == [len(files[name]) for name in sorted(files)]


def test_parts_hold_so_many_bytes(monkeypatch, folder):
    monkeypatch.setattr(module, "MAX_BYTES", 100)
    monkeypatch.setattr(module, "GATHERED_BYTES", 50)
    some = [b"x" * 49 + b"\n", b"x" * 49 + b"\n", b"y\n", b"z" * 500 + b"\n", b"a\n"]
    parts = write_parts(iter(some), folder, "abc")
    assert [(part["rows"], part["bytes"]) for part in parts] == [(2, 100), (1, 2), (1, 501), (1, 2)]
    assert b"".join((folder / part["name"]).read_bytes() for part in parts) == b"".join(some)


@pytest.mark.parametrize("together", [1, 2, 3, 5, 40])
def test_lines_that_come_together_are_divided_as_they_are_alone(monkeypatch, tmp_path, folder, together):
    monkeypatch.setattr(module, "MAX_ROWS", 4)
    monkeypatch.setattr(module, "MAX_BYTES", 200)
    some = [b"x" * size + b"\n" for size in [*range(40), 500, 3, 199, 1, *[30] * 7, 200]]
    alone = write_parts(some, folder, "abc")
    before = contents(tmp_path)
    blocks = [b"".join(some[start : start + together]) for start in range(0, len(some), together)]
    assert write_parts(blocks, folder, "abc") == alone
    assert contents(tmp_path) == before


def whole(folder, name, count, word="x", first=0):
    """A file of whole answers, as a job keeps them."""
    path = folder / name
    path.write_bytes(b"".join(lines(count, word)))
    return WholeFile(1, first, count, path.stat().st_size, path)


def test_a_large_file_is_a_part_of_its_own_and_is_not_copied(monkeypatch, tmp_path, folder):
    """Landed twice, it is the same file still, and nothing is left beside it."""
    monkeypatch.setattr(module, "MAX_ROWS", 6)
    files = [whole(folder, "small", 2), whole(folder, "large", 3, "z"), whole(folder, "larger", 7)]
    some = [files[0], *lines(3, "y"), files[1], b"w\n", files[2]]
    names = {"small", "large", "larger"}
    for _ in range(2):
        manifest = {"parts": write_parts(small_files_opened(some), folder, "abc"), "job": "abc"}
        commit(manifest, folder)
        assert [part["rows"] for part in manifest["parts"]] == [5, 3, 6, 2]
        files = contents(tmp_path)
        assert set(files) == names | {"manifest.json"} | {part["name"] for part in manifest["parts"]}
        landed = [files[part["name"]] for part in manifest["parts"]]
        assert [part["bytes"] for part in manifest["parts"]] == [*map(len, landed)]
        assert b"".join(landed) == b"".join([*lines(2), *lines(3, "y"), *lines(3, "z"), b"w\n", *lines(7)])
        assert (tmp_path / "large").samefile(tmp_path / "part-abc-00001.jsonl")


def test_what_is_no_output_yet_is_never_taken_for_old(monkeypatch, tmp_path, folder):
    """Though the answers were kept long ago."""
    monkeypatch.setattr(module, "MAX_ROWS", 6)
    kept = whole(folder, "large", 3)
    os.utime(tmp_path / "large", (1, 1))

    def some():
        yield kept
        yield b"x\n"
        remove_unlisted({"parts": []}, folder)  # another job in the same folder
        yield b"y\n"

    assert [part["rows"] for part in write_parts(some(), folder, "abc")] == [3, 2]


def test_where_nothing_can_be_linked_it_is_copied(monkeypatch, tmp_path, folder):
    monkeypatch.setattr(module, "MAX_ROWS", 6)
    kept = whole(folder, "large", 5)

    def refused(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    before = (tmp_path / "large").read_bytes()
    for function in ("link", "utime"):
        with monkeypatch.context() as patch:
            patch.setattr(os, function, refused)
            (part,) = write_parts([kept], folder, function)
        copied = tmp_path / part["name"]
        assert copied.read_bytes() == (tmp_path / "large").read_bytes() == before
        assert not copied.samefile(tmp_path / "large")


def test_a_second_landing_gives_the_same_bytes(monkeypatch, tmp_path, folder):
    monkeypatch.setattr(module, "MAX_ROWS", 3)
    land(folder, 7, "abc")
    first = contents(tmp_path)
    land(folder, 7, "abc")
    assert contents(tmp_path) == first


def test_another_output_takes_the_place_of_the_one_before_and_of_nothing_else(monkeypatch, tmp_path, folder):
    monkeypatch.setattr(module, "MAX_ROWS", 3)
    kept = ["part-of-mine.jsonl", "part-a-0000.jsonl", "part-a-00000.jsonl.gz", "x-part-a-00000.jsonl", "_groq_abc"]
    for name in kept:
        (tmp_path / name).write_text("mine")
    land(folder, 7, "old")
    manifest = land(folder, 4, "new", "y")
    assert set(contents(tmp_path)) == {*kept, "manifest.json", *(part["name"] for part in manifest["parts"])}


def test_what_a_killed_process_left_goes_once_nobody_can_be_writing_it(tmp_path, folder):
    """That of the same job when it is landed; that of another job only after a day."""
    own = [f".part-abc-00000.jsonl.{'0' * 32}.part", f".manifest.json.{'1' * 32}.part"]
    others = [f".part-a-00000.jsonl.{'0' * 32}.part", ".mine.part"]
    for name in [*own, *others]:
        (tmp_path / name).write_text("half")
    manifest = land(folder, 1, "abc")
    assert set(contents(tmp_path)) == {*others, "manifest.json", "part-abc-00000.jsonl"}
    long_ago = time.time() - 90_000
    for name in others:
        os.utime(tmp_path / name, (long_ago, long_ago))
    remove_unlisted(manifest, folder)
    assert set(contents(tmp_path)) == {".mine.part", "manifest.json", "part-abc-00000.jsonl"}


def test_of_two_tries_that_land_at_once_neither_fails(monkeypatch, tmp_path, folder):
    """The one removes what the other has not finished, which is the same."""
    monkeypatch.setattr(module, "MAX_ROWS", 2)

    def interrupted():
        yield from lines(5)[:3]
        land(folder, 5, "abc")
        yield from lines(5)[3:]

    manifest = {"parts": write_parts(interrupted(), folder, "abc"), "job": "abc"}
    commit(manifest, folder)
    assert contents(tmp_path).keys() == {"manifest.json", *(f"part-abc-0000{number}.jsonl" for number in range(3))}


def test_an_error_leaves_the_output_before_and_nothing_beside_it(monkeypatch, tmp_path, folder):
    monkeypatch.setattr(module, "MAX_ROWS", 3)
    land(folder, 7, "old")
    before = contents(tmp_path)

    def broken():
        yield from lines(5, "y")
        raise RuntimeError("such as an answers file cut off")

    with pytest.raises(RuntimeError):
        write_parts(broken(), folder, "new")
    assert contents(tmp_path) == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full is Linux's")
def test_a_full_disk_leaves_the_output_before(monkeypatch, tmp_path, folder):
    land(folder, 7, "old")
    before = contents(tmp_path)
    real = ObjectStoragePath.open

    def full(path, mode="r", **arguments):
        if path.name.startswith(".part-new"):
            real(path, mode, **arguments).close()
            return Path("/dev/full").open("wb")
        return real(path, mode, **arguments)

    monkeypatch.setattr(ObjectStoragePath, "open", full)
    with pytest.raises(OSError, match="No space left"):
        write_parts(lines(7), folder, "new")
    assert contents(tmp_path) == before


@pytest.fixture(scope="module")
def s3():
    storage = ObjectStorage("aws_parts")
    yield storage
    storage.stop()


@pytest.fixture
def bucket(s3):
    return s3.bucket()


def test_in_object_storage_too(monkeypatch, s3, bucket):
    monkeypatch.setattr(module, "MAX_ROWS", 3)
    out = ObjectStoragePath(s3.uri(bucket, "out"))
    land(out, 7, "old")
    manifest = land(out, 4, "new", "y")
    found = s3.contents(bucket)
    assert set(found) == {f"out/{name}" for name in ["manifest.json", *(part["name"] for part in manifest["parts"])]}
    assert found["out/part-new-00000.jsonl"] + found["out/part-new-00001.jsonl"] == b"".join(lines(4, "y"))


@pytest.mark.parametrize("is_local", [True, False])
def test_a_large_file_is_a_part_of_its_own_in_object_storage_too(monkeypatch, folder, s3, bucket, is_local):
    """Whether it was kept on a local disk or there."""
    monkeypatch.setattr(module, "MAX_ROWS", 6)
    kept = whole(folder if is_local else ObjectStoragePath(s3.uri(bucket, "work")), "large", 5)
    parts = write_parts([kept, b"x\n"], ObjectStoragePath(s3.uri(bucket, "out")), "abc")
    assert [part["rows"] for part in parts] == [5, 1]
    assert s3.contents(bucket)["out/part-abc-00000.jsonl"] == b"".join(lines(5))


def test_an_error_publishes_nothing_in_object_storage(monkeypatch, s3, bucket):
    """Though the file is closed, which publishes what was written."""
    monkeypatch.setattr(module, "MAX_ROWS", 3)
    monkeypatch.setattr(module, "GATHERED_BYTES", 10)
    out = ObjectStoragePath(s3.uri(bucket, "out"))
    land(out, 7, "old")
    before = s3.contents(bucket)

    def broken():
        yield from lines(5, "y")
        raise RuntimeError("such as an answers file cut off")

    with pytest.raises(RuntimeError):
        write_parts(broken(), out, "new")
    assert s3.contents(bucket) == before


CHILD = """
import json, os, signal, sys
from airflow.sdk import ObjectStoragePath
from airflows import get_hook_lineage_collector
from airflow_provider_groq.jobs.output import parts
from airflow_provider_groq.jobs.output.manifest import read_manifest
from jobs.output.test_parts import land, lines

# What takes Airflow its time at the first use, once for all children.
if sys.argv[1].startswith("s3:"):
    import airflow.providers.amazon.aws.hooks.base_aws, s3fs
    from airflow.providers.amazon.aws.fs import s3 as _
    from airflow.sdk.io.fs import has_fs
    assert has_fs("s3")
get_hook_lineage_collector()
parts.MAX_ROWS = 3
uri, moments = sys.argv[1], sys.argv[2:]

def apart(function, *arguments):
    # The first process touches no storage, so that its children may.
    pid = os.fork()
    if not pid:
        function(*arguments)
        os._exit(0)
    return os.waitpid(pid, 0)[1]

def killed(moment):
    # Kills itself at the n-th step of the landing: a file opened, written, put into its place or removed.
    left = [moment]
    def step(*_):
        left[0] -= 1
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
    def before(function):
        def stepped(*arguments, **keywords):
            step()
            return function(*arguments, **keywords)
        return stepped
    for name in ("open", "replace", "unlink"):
        setattr(ObjectStoragePath, name, before(getattr(ObjectStoragePath, name)))
    def some():
        for line in lines(7, "new"):
            step()
            yield line
    folder = ObjectStoragePath(uri)
    parts.commit({"parts": parts.write_parts(some(), folder, "new"), "job": "new"}, folder)

def check():
    folder = ObjectStoragePath(uri)
    manifest = json.loads((folder / "manifest.json").read_bytes())
    found = b"".join((folder / part["name"]).read_bytes() for part in manifest["parts"])
    count, word = {"old": (8, "old"), "new": (7, "new")}[manifest["job"]]
    assert found == b"".join(lines(count, word)), (manifest, found)
    print("found", manifest["job"], flush=True)

def again():
    land(ObjectStoragePath(uri), 8, "old", "old")

for moment in map(int, moments):
    assert apart(again) == 0
    ended = apart(killed, moment)
    assert apart(check) == 0, moment
    if not ended:
        break
    assert ended == signal.SIGKILL, ended
"""


def outputs_after_kills(uri, moments):
    """What a reader finds after a landing was killed at each of these moments, one after another."""
    environment = os.environ | {"PYTHONPATH": str(TESTS)}
    command = [sys.executable, "-c", CHILD, uri, *map(str, moments)]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment).stdout
    return [line.split()[1] for line in said.splitlines() if line.startswith("found ")]


def test_a_reader_finds_the_old_output_or_the_new_whenever_a_landing_is_killed(tmp_path):
    found = outputs_after_kills(f"file://{tmp_path}", range(1, 100))
    assert found.count("old") >= 14
    assert found == ["old"] * found.count("old") + ["new"] * found.count("new")
    assert 2 <= found.count("new") < len(found) < 99


def test_so_it_does_in_object_storage(s3, bucket):
    """In the middle of a part, between parts, before the manifest, and after it."""
    found = outputs_after_kills(s3.uri(bucket, "out"), [5, 12, 14, 15, 99])
    assert found[0] == found[1] == "old"
    assert found[-1] == "new"
