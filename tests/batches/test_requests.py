"""The input of a batch: what is refused, and that all else arrives byte for byte."""

import hashlib
import io
import json
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_groq.batches.json_lines import Reader
from airflow_provider_groq.batches.requests import Summary, copy_checked, encode, read_lines
from airflow_provider_groq.exceptions import GroqInputError

MODEL = "openai/gpt-oss-20b"
CHAT = "/v1/chat/completions"


def copy(content, *, max_bytes=10_000_000, max_lines=50_000):
    target = io.BytesIO()
    lines = read_lines(io.BytesIO(content), max_bytes=max_bytes)
    summary = copy_checked(lines, target, max_bytes=max_bytes, max_lines=max_lines)
    return summary, target.getvalue()


def refusal(content, **limits):
    with pytest.raises(GroqInputError) as caught:
        copy(content, **limits)
    return caught.value


BAD_FIELDS = [
    ({"custom_id": ...}, "custom_id is missing; it must be non-empty text"),
    ({"custom_id": ""}, "custom_id is '', but must be non-empty text"),
    ({"custom_id": None}, "custom_id is None, but must be non-empty text"),
    ({"custom_id": 7}, "custom_id is 7, but must be non-empty text"),
    ({"custom_id": "r1"}, "custom_id 'r1' was already used in line 1, but must be unique"),
    ({"method": ...}, "method is missing; it must be 'POST'"),
    ({"method": "GET"}, "method is 'GET', but must be 'POST'"),
    ({"method": "post"}, "method is 'post', but must be 'POST'"),
    ({"url": ...}, "url is missing; it must be one of /v1/chat/completions, /v1/audio/transcriptions, /v1/audio/tra"),
    ({"url": "/chat/completions"}, "url is '/chat/completions', but must be one of /v1/chat/completions, "),
    ({"url": "https://api.groq.com/v1/chat/completions"}, "url is 'https://api.groq.com/v1/chat/completions', but"),
    ({"url": ["/v1/chat/completions"]}, "url is ['/v1/chat/completions'], but must be one of"),
    ({"body": ...}, "body is missing; it must be a JSON object"),
    ({"body": None}, "body is None, but must be a JSON object"),
    ({"body": "text"}, "body is 'text', but must be a JSON object"),
    ({"body": [1]}, "body is [1], but must be a JSON object"),
    ({"body": {}}, "body.model is None, but must name a model"),
    ({"body": {"model": ""}}, "body.model is '', but must name a model"),
    ({"body": {"model": 5}}, "body.model is 5, but must name a model"),
    ({"body": {"model": MODEL, "stream": True}}, "body.stream is True, but a batch cannot stream: remove it"),
    ({"body": {"model": MODEL, "stream": "yes"}}, "body.stream is 'yes', but a batch cannot stream"),
    ({"method": "x" * 1000}, f"method is '{'x' * 56}..., but must be 'POST'"),
]


@pytest.mark.parametrize(("changes", "message"), BAD_FIELDS)
def test_a_bad_field_is_named_with_its_line_and_value(request_line, changes, message):
    error = refusal(request_line("r1") + b"\n" + request_line(**{"custom_id": "r2"} | changes) + b"\n")
    assert str(error).startswith(f"Line 2: {message}")
    assert error.line == 2
    assert not error.retryable


BAD_LINES = {
    "word": (b"hello", "is not JSON (Expecting value: line 1 column 1 (char 0)): 'hello'"),
    "cut": (b'{"custom_id": "r2"', "is not JSON (Expecting ',' delimiter"),
    "two in one": (b"{} {}", "is not JSON (Extra data"),
    "carriage returns": (b"{}\r{}", "is not JSON (Extra data"),
    "single quotes": (b"{'custom_id': 1}", "is not JSON (Expecting property name"),
    "NaN": (b'{"custom_id": NaN}', "is not JSON (NaN is not a JSON value): '{\"custom_id\": NaN}'"),
    "infinity": (b'{"custom_id": -Infinity}', "is not JSON (-Infinity is not a JSON value)"),
    "deep": (b"[" * 100_000, "is not JSON (maximum recursion depth exceeded"),
    "no UTF-8": (b'{"custom_id": "\xff"}', "is not JSON ('utf-8' codec can't decode byte 0xff"),
    "half a letter": (b'{"custom_id": "\xd7"}', "is not JSON ('utf-8' codec can't decode byte 0xd7"),
    "UTF-16": ('{"custom_id": 1}'.encode("utf-16"), "is not JSON ('utf-8' codec can't decode byte 0xff"),
    "UTF-16 without a mark": ('{"custom_id": 1}'.encode("utf-16-le"), "is not JSON (Expecting property name"),
    "null bytes": (b"\0\0\0", "is not JSON (Expecting value"),
    "a mark within": (b"\xef\xbb\xbf{}", "is not JSON (Unexpected UTF-8 BOM"),
    "list": (b"[1, 2]", "must be a JSON object, but is [1, 2]"),
    "text": (b'"r2"', "must be a JSON object, but is 'r2'"),
    "null": (b"null", "must be a JSON object, but is None"),
    "long number": (b"1" * 5000, "is not JSON (Exceeds the limit (4300"),
    "long line": (b'{"a": ' + b"x" * 1_000_000, 'is not JSON (Expecting value: line 1 column 7 (char 6)): \'{"a": xxx'),
}


@pytest.mark.parametrize("kind", BAD_LINES)
def test_a_line_that_is_no_json_object_is_named_and_its_beginning_shown(request_line, kind):
    line, message = BAD_LINES[kind]
    error = refusal(b"\n".join([request_line("r1"), request_line("r0"), line, request_line("r3")]))
    assert str(error).startswith(f"Line 3: {message}")
    assert error.line == 3
    assert len(str(error)) < 300


@pytest.mark.parametrize("blank", [b"\n", b"\r\n", b"   \t\n", b"\n\n\n"])
def test_a_blank_line_between_requests_is_named(request_line, blank):
    error = refusal(request_line("r1") + b"\n" + blank + request_line("r2"))
    assert str(error) == "Line 2: is empty, and requests follow it: remove the empty line."
    assert error.line == 2


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n\r\n", b"  ", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_an_input_of_no_requests(content):
    error = refusal(content)
    assert str(error) == "The input has no requests."
    assert error.line is None


@pytest.mark.parametrize("end", [b"\n", b"\n\n", b"\n \r\n\t\n", b"\r\n", b""])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_byte_order_mark_and_blank_lines_at_the_end_are_left_out(request_line, mark, end):
    line = request_line("r1") + (b"\r\n" if end == b"\r\n" else b"\n")
    summary, written = copy(mark + request_line("r1") + end)
    assert written == line
    digest = hashlib.sha256(line).hexdigest()
    assert summary == Summary(lines=1, bytes=len(line), models={MODEL: 1}, first_lines={MODEL: 1}, digest=digest)


HARD_TEXTS = {
    "template": b"{{ ds }} {% raw %} ${HOME} %s {0}",
    "right to left": "שלום \u200f\u202b مرحبا".encode(),
    "null": rb"a\u0000b",
    "lone surrogate": rb"a\ud800b",
    "escapes": rb"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00",
    "emoji": "👩‍👩‍👧‍👦 e\u0301 \u2028 \u2029 \x85".encode(),
    "megabyte": b"x" * 1_000_000,
    "deep": b'", "deep": ' + b"[" * 200 + b"]" * 200 + b', "b": "',
    "large numbers": b'", "n": [1e999, -0.0, 1.10, 123456789012345678901234567890], "b": "',
}


@pytest.mark.parametrize("kind", HARD_TEXTS)
def test_prompts_arrive_byte_for_byte(kind):
    template = b'{ "custom_id":"r%d",\t"method":"POST", "url":"/v1/chat/completions","body":{"model":"m","a":"%s"}}\r\n'
    content = b"".join(template % (number, HARD_TEXTS[kind]) for number in range(3))
    summary, written = copy(content)
    assert written == content
    assert (summary.lines, summary.bytes) == (3, len(content))


def test_what_the_body_holds_besides_is_not_judged(request_line):
    fields = {"model": "m", "stream": False, "temperature": None, "tools": [{"stream": True}]}
    line = request_line("r1", body=fields, url="/v1/audio/transcriptions", extra=1) + b"\n"
    assert copy(line)[1] == line


def test_the_summary_says_how_many_requests_each_model_gets(request_line):
    models = ["b", "a", "a"]
    lines = [request_line(f"r{number}", body={"model": model}) for number, model in enumerate(models)]
    summary, written = copy(b"\n".join(lines))
    assert str(summary) == f"3 requests (2 for a, 1 for b), {len(written)} bytes"


def test_the_summary_says_where_each_model_is_named_first(request_line):
    models = ["b", "a", "b", "c", "a"]
    lines = [request_line(f"r{number}", body={"model": model}) for number, model in enumerate(models)]
    assert copy(b"\n".join(lines))[0].first_lines == {"b": 1, "a": 2, "c": 4}


def test_just_the_largest_file_is_taken(request_line):
    content = request_line("r1") + b"\n" + request_line("r2") + b"\n"
    assert copy(content, max_bytes=len(content))[1] == content
    error = refusal(content, max_bytes=len(content) - 1)
    assert str(error).startswith(f"The input is larger than {len(content) - 1} bytes, reached in line 2.")
    assert error.line == 2


def test_a_line_larger_than_the_file_may_be_is_not_read_to_its_end():
    source = io.BytesIO(b"x" * 10_000_000)
    with pytest.raises(GroqInputError, match="larger than 1,000 bytes, reached in line 1"):
        copy_checked(read_lines(source, max_bytes=1000), io.BytesIO(), max_bytes=1000)
    assert source.tell() < 2000


def test_just_the_most_lines_are_taken(request_line):
    content = b"".join(request_line(f"r{number}") + b"\n" for number in range(3))
    assert copy(content + b"\n\n", max_lines=3)[0].lines == 3
    error = refusal(content, max_lines=2)
    assert str(error) == "Line 3: is over the limit of 2 requests: split the input."


@given(
    st.lists(
        st.binary(max_size=20)
        | st.sampled_from([b"{}", b"null", b"\xef\xbb\xbf", b"\r"])
        | st.integers(0, 3).map(
            lambda number: (
                b'{"custom_id":"r%d","method":"POST","url":"%s","body":{"model":"m"}}' % (number, CHAT.encode())
            )
        ),
        max_size=5,
    ).map(b"\n".join),
    st.integers(1, 400),
)
def test_any_bytes_are_copied_whole_or_refused(content, max_bytes):
    try:
        summary, written = copy(content, max_bytes=max_bytes, max_lines=3)
    except GroqInputError as error:
        assert str(error)  # noqa: PT017 - either is right
        return
    assert summary.bytes == len(written) <= max_bytes
    assert written.splitlines() == content.removeprefix(b"\xef\xbb\xbf").rstrip().splitlines()
    assert [json.loads(line)["method"] for line in written.splitlines()] == ["POST"] * summary.lines


VALUES = st.sampled_from(
    ["a", "b", "", "m", CHAT, "POST", "PUT", "\ud800", None, True, False, 0, 0.0, 5, 1e999, [], {}, [1]]
)
BODIES = st.dictionaries(st.sampled_from(["model", "stream", "x"]), VALUES)
REQUESTS = st.fixed_dictionaries(
    {
        "custom_id": st.sampled_from(["a", "b", "c"]) | VALUES,
        "method": st.just("POST") | VALUES,
        "url": st.just(CHAT) | VALUES,
        "body": BODIES.map(lambda body: {"model": "m"} | body) | BODIES | VALUES,
    },
    optional={"x": VALUES},
)
PIECES = st.sampled_from([*map(bytes, zip(b'{}",\\ \n\r\x00\xff')), b"NaN", b'"stream":0,', b'"url":1,'])
CHANGES = st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 2), PIECES), max_size=2)


def changed(content, changes):
    for where, removed, added in changes:
        at = where % (len(content) + 1)
        content = content[:at] + added + content[at + removed :]
    return content


def outcome(content):
    try:
        return copy(content)
    except GroqInputError as error:
        return str(error), error.line


@given(st.lists(REQUESTS.map(json.dumps).map(str.encode), min_size=1, max_size=4).map(b"\n".join), CHANGES)
def test_reading_fast_changes_nothing(content, changes):
    """The json module alone takes the same requests, and refuses the same ones in the same words."""
    content = changed(content, changes)
    found = outcome(content)
    with mock.patch.object(Reader, "read", return_value=None):
        assert outcome(content) == found


def test_requests_are_read_fast(request_line):
    with mock.patch.object(json, "loads", side_effect=AssertionError):
        assert copy(request_line("r1") + b"\n" + request_line("r2", extra=["שלום", 1.5, None]))[0].lines == 2


@pytest.mark.parametrize("size", [1, 100, 257, 300, 1000, 262_143, 262_144, 262_145, 600_000])
def test_lines_of_any_size_are_read_in_blocks(size):
    """And the file gives no other way to read it, as on some object storages."""

    class File:
        def __init__(self, content):
            self.read = io.BytesIO(content).read

    lines = [b"a" * size + b"\n", b"\n", b"b" * size + b"\r\n", b"c" * size]
    assert list(read_lines(File(b"".join(lines)), max_bytes=10_000_000)) == lines


ROW = {"custom_id": "r1", "body": {"model": "m"}}


def test_a_request_needs_neither_method_nor_url():
    (line,) = encode([ROW], endpoint="/v1/audio/translations")
    assert json.loads(line) == {"method": "POST", "url": "/v1/audio/translations", **ROW}
    assert line.endswith(b"\n")


def test_what_a_request_says_itself_holds():
    (line,) = encode([ROW | {"url": CHAT, "method": "PUT"}], endpoint="/v1/audio/translations")
    assert (json.loads(line)["url"], json.loads(line)["method"]) == (CHAT, "PUT")


@pytest.mark.parametrize("text", ["{{ ds }}", "שלום", "a\x00b", "\ud800", "line\nbreak\u2028", "x" * 1_000_000])
def test_text_in_a_request_comes_out_as_it_went_in(text):
    lines = list(encode(iter([{"custom_id": text, "body": {"model": "m", "a": [text]}}]), endpoint=CHAT))
    target = io.BytesIO()
    assert copy_checked(lines, target, max_bytes=10_000_000).lines == 1
    (line,) = target.getvalue().splitlines()
    assert json.loads(line)["body"]["a"] == [text]


def test_text_in_a_request_is_not_swollen_by_escapes():
    (line,) = encode([ROW | {"a": "שלום"}], endpoint=CHAT)
    assert "שלום".encode() in line


@pytest.mark.parametrize("end", ["\u2028", "\u2029", "\x85"])
def test_text_that_ends_a_line_elsewhere_is_escaped(end):
    """Some servers split a file there."""
    (line,) = encode([ROW | {"a": f"x{end}y", end: "שלום"}], endpoint=CHAT)
    assert line.decode().splitlines() == [line.decode().removesuffix("\n")]
    assert json.loads(line)["a"] == f"x{end}y"
    assert json.loads(line)[end] == "שלום"
    assert "שלום".encode() in line


@pytest.mark.parametrize("requests", ["text", b"bytes", {"custom_id": "r1"}, None, 5])
def test_requests_that_are_no_list(requests):
    with pytest.raises(GroqInputError, match=r"^requests must be a list of request objects, but is "):
        list(encode(requests, endpoint=CHAT))


CIRCLE: list = []
CIRCLE.append(CIRCLE)


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ("text", "a request must be a JSON object, but is 'text'"),
        (None, "a request must be a JSON object, but is None"),
        ([ROW], "a request must be a JSON object, but is [{'custom_id'"),
        (ROW | {"a": {1, 2}}, "cannot be written as JSON: Object of type set is not JSON serializable"),
        (ROW | {"a": b"x"}, "cannot be written as JSON: Object of type bytes is not JSON serializable"),
        (ROW | {"a": float("nan")}, "cannot be written as JSON: Out of range float values are not JSON compliant"),
        (ROW | {"a": CIRCLE}, "cannot be written as JSON: Circular reference detected"),
        (ROW | {b"a": 1}, "cannot be written as JSON: keys must be str"),
    ],
)
def test_a_request_that_cannot_be_written_is_named_by_its_number(request_, message):
    with pytest.raises(GroqInputError) as caught:
        list(encode([ROW, request_], endpoint=CHAT))
    assert str(caught.value).startswith(f"Line 2: {message}")
    assert caught.value.line == 2
