"""Landing: a reader sees the old files or the new ones, never a part."""

import json
import uuid

import pytest

from airflow_provider_groq.batches.results import Tally, landing

OUTPUT = b"".join(
    json.dumps({"custom_id": f"r{number}", "response": {"status_code": 200, "body": {"a": 1}}}).encode() + b"\n"
    for number in range(5)
)
ERRORS = b'{"custom_id": "r9", "response": {"status_code": 400, "body": {}}, "error": null}\n'


@pytest.fixture(params=["file", "memory"])
def folder(request, tmp_path, memory_storage):
    from airflow.sdk import ObjectStoragePath

    storage = tmp_path.as_uri() if request.param == "file" else f"{memory_storage}/{uuid.uuid4().hex}"
    folder = ObjectStoragePath(f"{storage}/results/today")
    folder.mkdir(parents=True)
    yield folder
    folder.fs.rm(folder.path, recursive=True)


class LostError(Exception):
    """What a download raises."""


def download(content, *, piece=7, fails_after=None):
    def into(file):
        for start in range(0, len(content), piece):
            if fails_after is not None and start >= fails_after:
                raise LostError
            file.write(content[start : start + piece])
        return len(content)

    return into


def land(folder, output, errors, tally=None):
    targets = {folder / "output.jsonl": output, folder / "errors.jsonl": errors}
    with landing(targets, tally or Tally()) as sizes:
        return {path.name: size for path, size in sizes.items()}


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_files_land_whole_and_nothing_beside_them(folder):
    tally = Tally()
    sizes = land(folder, download(OUTPUT), download(ERRORS), tally)
    assert sizes == {"output.jsonl": len(OUTPUT), "errors.jsonl": len(ERRORS)}
    assert contents(folder) == {"output.jsonl": OUTPUT, "errors.jsonl": ERRORS}
    assert tally.rows == {"succeeded": 5, "failed": 1}


def test_files_without_an_end_of_line_are_counted_each(folder):
    tally = Tally()
    land(folder, download(OUTPUT.rstrip()), download(ERRORS.rstrip()), tally)
    assert tally.rows == {"succeeded": 5, "failed": 1}


def test_a_repeated_landing_gives_the_same_bytes(folder):
    for piece in (7, 1, 1000):
        land(folder, download(OUTPUT, piece=piece), download(ERRORS, piece=piece))
        assert contents(folder) == {"output.jsonl": OUTPUT, "errors.jsonl": ERRORS}


@pytest.mark.parametrize(("output", "errors"), [(OUTPUT, None), (None, ERRORS), (None, None)])
def test_a_file_of_an_earlier_landing_that_is_not_there_this_time_is_removed(folder, output, errors):
    land(folder, download(b"old\n"), download(b"older\n"))
    sizes = land(folder, output and download(output), errors and download(errors))
    new = {"output.jsonl": output, "errors.jsonl": errors}
    assert contents(folder) == {name: content for name, content in new.items() if content}
    assert sizes == {name: len(content) for name, content in contents(folder).items()}


def test_an_empty_file_lands_too(folder):
    assert land(folder, download(b""), None) == {"output.jsonl": 0}
    assert contents(folder) == {"output.jsonl": b""}


@pytest.mark.parametrize("before", [{}, {"output.jsonl": b"old\n", "errors.jsonl": b"older\n"}])
@pytest.mark.parametrize("failing", ["output at once", "output midway", "errors midway"])
def test_nothing_lands_if_a_download_breaks(folder, before, failing):
    if before:
        land(folder, *(download(content) for content in before.values()))
    output = download(OUTPUT, fails_after={"output at once": 0, "output midway": 20}.get(failing))
    errors = download(ERRORS, fails_after=10 if failing == "errors midway" else None)
    with pytest.raises(LostError):
        land(folder, output, errors)
    assert contents(folder) == before
    land(folder, download(OUTPUT), None)
    assert contents(folder) == {"output.jsonl": OUTPUT}


def test_nothing_lands_if_the_block_raises(folder):
    with pytest.raises(LostError), landing({folder / "output.jsonl": download(OUTPUT)}, Tally()):
        raise LostError
    assert contents(folder) == {}


def test_nothing_is_in_place_before_the_block_ends(folder):
    with landing({folder / "output.jsonl": download(OUTPUT)}, Tally()):
        assert "output.jsonl" not in contents(folder)
    assert contents(folder) == {"output.jsonl": OUTPUT}


def test_what_else_is_in_the_folder_stays(folder):
    (folder / "notes.txt").write_bytes(b"mine")
    land(folder, download(OUTPUT), None)
    assert contents(folder) == {"notes.txt": b"mine", "output.jsonl": OUTPUT}


def test_two_landings_at_once_do_not_mix(folder):
    target = folder / "output.jsonl"
    with landing({target: download(OUTPUT)}, Tally()):
        with landing({target: download(ERRORS)}, Tally()):
            pass
        assert target.read_bytes() == ERRORS
    assert contents(folder) == {"output.jsonl": OUTPUT}
