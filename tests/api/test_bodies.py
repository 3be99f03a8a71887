"""Bodies of answers: unpacked piece by piece, bounded in size and time, and written once."""

import gzip
import io
import time

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_groq.api import bodies, calls
from airflow_provider_groq.api.settings import Settings
from airflow_provider_groq.exceptions import GroqError, GroqResponseError, GroqTransportError

CALL = calls.list_models()


def response(status=200, encoding="gzip"):
    return httpx.Response(status, headers={"content-encoding": encoding})


def unpacked(content, step=100_000, **kind):
    unpacker = bodies.Unpacker(CALL, response(**kind))
    pieces = [
        piece for start in range(0, len(content), step) for piece in unpacker.pieces(content[start : start + step])
    ]
    unpacker.end()
    assert max(map(len, pieces), default=0) <= max(step, bodies.PIECE_BYTES)
    return b"".join(pieces)


@given(st.lists(st.binary(max_size=200), max_size=3), st.integers(1, 50))
def test_gzip_is_unpacked_however_it_is_cut(parts, step):
    """Also where it consists of several."""
    assert unpacked(b"".join(map(gzip.compress, parts)), step) == b"".join(parts)


@pytest.mark.parametrize("size", [bodies.PIECE_BYTES - 1, bodies.PIECE_BYTES, 3 * bodies.PIECE_BYTES, 9_999_999])
def test_what_unpacks_to_much_comes_in_pieces(size):
    assert unpacked(gzip.compress(b" " * size)) == b" " * size


@pytest.mark.parametrize("encoding", ["", "identity", "utf-8", "aws-chunked", "none, identity"])
def test_what_is_not_compressed_is_as_it_came(encoding):
    """Some servers name other things there."""
    assert unpacked(b"[1, 2]", encoding=encoding) == b"[1, 2]"


@pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "gzip,br", "GZIP , Gzip", "compress"])
def test_a_compression_that_was_not_asked_for_is_refused(encoding):
    with pytest.raises(
        GroqResponseError, match=r"GET /models returned a body compressed as \w+.*, which was not requested"
    ):
        unpacked(b"x", encoding=encoding)


@pytest.mark.parametrize("name", ["gzip", "x-gzip", "GZip", "identity, gzip"])
def test_gzip_has_several_names(name):
    assert unpacked(gzip.compress(b"{}"), encoding=name) == b"{}"


BROKEN = {
    "cut": gzip.compress(b"x" * 1000)[:-1],
    "cut in the middle": gzip.compress(bytes(range(256)) * 10)[:100],
    "something behind it": gzip.compress(b"x") + b"more",
    "none": b"{}",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_gzip_that_is_none_or_not_whole_is_refused(kind):
    with pytest.raises(GroqResponseError, match="cannot be decompressed"):
        unpacked(BROKEN[kind])


@given(st.binary(), st.sampled_from(["gzip", "", "br", "x"]) | st.text())
def test_any_bytes_unpack_or_are_refused(content, encoding):
    try:
        value = unpacked(content, encoding=encoding.encode())
    except GroqResponseError:
        return
    assert value == content or b"\x1f\x8b" in content


def body_of(chunks, status=200, timeout=60.0):
    body = bodies.Body(CALL, response(status, ""), Settings("gsk_secret", timeout=timeout))
    for chunk in chunks:
        body.add(chunk)
        if body.full:
            break
    return body.whole()


def test_an_answer_of_just_16_mib_is_read():
    assert len(body_of([b" " * bodies.MAX_BYTES])) == bodies.MAX_BYTES
    with pytest.raises(GroqResponseError, match="more than 16,777,216 bytes; reading stopped"):
        body_of([b" " * bodies.MAX_BYTES, b" "])


def test_of_an_error_the_beginning_is_enough():
    """Its status says the rest."""
    assert len(body_of([b"x" * 65536] * 100, status=500)) == bodies.MAX_ERROR_BYTES + 65536


def drip():
    while True:
        time.sleep(0.02)
        yield b" "


def test_an_answer_that_comes_too_slowly_is_given_up():
    with pytest.raises(
        GroqTransportError, match="GET /models had not completed its response after 0.1 s; reading stopped"
    ):
        body_of(drip(), timeout=0.05)


def test_an_error_that_comes_too_slowly_is_told_by_its_status():
    assert set(body_of(drip(), status=500, timeout=0.05)) == set(b" ")


@given(st.binary(max_size=60), st.lists(st.integers(0, 60), max_size=4), st.integers(1, 7))
def test_content_that_breaks_off_any_number_of_times_is_written_once(content, breaks, step):
    sink = io.BytesIO()
    resume = bodies.Resume(sink)
    for reached in (*breaks, len(content)):
        with resume.again():
            resume.write(
                content[start : min(start + step, reached)] for start in range(0, min(reached, len(content)), step)
            )
    resume.end(CALL)
    assert sink.getvalue() == content
    assert resume.written == len(content)


def test_content_that_ends_before_what_is_there_already_is_refused():
    resume = bodies.Resume(io.BytesIO())
    resume.write([b"12345"])
    with resume.again():
        resume.write([b"123"])
    with pytest.raises(GroqError, match="returned 3 bytes; before, it had 5 or more"):
        resume.end(CALL)
