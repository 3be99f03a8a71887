"""Reading JSON lines fast: nothing is taken that the json module does not take, and for nothing else."""

import io
import json
import sys
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from airflow_provider_groq.batches.json_lines import DEEP, Reader, write

LIMIT = sys.get_int_max_str_digits()


class Inner(msgspec.Struct):
    model: str
    usage: dict[str, Any] | None = None


class Form(msgspec.Struct):
    custom_id: str
    body: Inner


reader = Reader(Form)


def refuse(name):
    raise ValueError(name)


def by_json(line):
    """What the json module makes of a line; None if it refuses it."""
    try:
        return json.loads(line.decode(), parse_constant=refuse)
    except (ValueError, RecursionError):
        return None


def agree(line):
    """Whether the line was read fast, after it has been seen that the json module reads the same."""
    fast = reader.read(line)
    if fast is None:
        return False
    slow = by_json(line)
    assert slow is not None
    assert (fast.custom_id, fast.body.model) == (slow["custom_id"], slow["body"]["model"])
    assert fast.body.usage == slow["body"].get("usage")
    return True


def line_of(skipped):
    return b'{"custom_id":"a","body":{"model":"m","x":' + skipped + b'},"y":[' + skipped + b"]}\n"


TAKEN = {
    "nothing odd": b'{"a":[1,-2.5e3,true,false,null,"text"]}',
    "escapes": rb'"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00"',
    "large numbers": b"[1e999,-0.0,-0,1.10,123456789012345678901234567890]",
    "text of any script": '"שלום 👩‍👩‍👧‍👦 e\u0301 \u2028 \u2029 \x85 \x7f"'.encode(),
    "white space": b" \t[ \r 1 ,\t2 ]\r\t",
    "many digits": b"1" * (LIMIT // 2 - 1),
    "very many digits in text": (b'"' + b"12345678 " * LIMIT + b'"'),
    "an exponent of many digits": b"1e" + b"9" * 100,
    "many brackets in text": b'"' + b"[{" * 200 + b'"',
    "rather deep": b"[" * 200 + b"]" * 200,
}


@pytest.mark.parametrize("kind", TAKEN)
def test_what_is_json_is_read_fast(kind):
    assert agree(line_of(TAKEN[kind]))


LEFT = {
    "many digits": b"1" * LIMIT,
    "too many digits": b"1" * (LIMIT + 1),
    "too many digits, negative": b"-" + b"1" * (LIMIT + 1),
    "far too many digits": b"1" * 100_000,
    "digits in text": b'"' + b"1" * 2 * LIMIT + b'"',
    "no UTF-8": b'"\xff"',
    "half a letter": b'"\xd7"',
    "a letter in too many bytes": b'"\xc1\x81"',
    "half of a pair in UTF-8": b'"\xed\xa0\x80"',
    "half of a pair, escaped": rb'"\ud800"',
    "the other half": rb'"\udc00"',
    "the halves in the wrong order": rb'"\udc00\ud800"',
    "NaN": b"NaN",
    "infinity": b"Infinity",
    "minus infinity": b"-Infinity",
    "a control character in text": b'"\x01"',
    "a tab in text": b'"\t"',
    "a null byte": b'"\x00"',
    "an escape that is none": rb'"\x41"',
    "an escape of too few digits": rb'"\u12"',
    "an escape of other digits": rb'"\u12_4"',
    "a point and no digits": b"1.",
    "no digit before the point": b".5",
    "a zero before digits": b"01",
    "a minus alone": b"-",
    "a minus and a zero before digits": b"-01",
    "a plus": b"+1",
    "an exponent without digits": b"1e",
    "an exponent of a sign": b"1e+",
    "hexadecimal": b"0x1",
    "an underscore": b"1_0",
    "another word": b"None",
    "capitals": b"True",
    "a word cut": b"nul",
    "a word that goes on": b"nullx",
    "a comma at the end of a list": b"[1,]",
    "a comma at the end of an object": b'{"a":1,}',
    "no comma": b"[1 2]",
    "single quotes": b"'a'",
    "a key that is a number": b"{1:2}",
    "a key without quotes": b"{a:2}",
    "a comment": b"1/**/",
    "other white space": b"[\x0b1]",
    "a space of Unicode": b"[\xc2\xa01]",
    "a byte order mark": b"\xef\xbb\xbf1",
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"":' * 5000 + b"1" + b"}" * 5000,
    "deep and not closed": b"[" * 100_000,
}


@pytest.mark.parametrize("kind", LEFT)
def test_all_else_is_left_to_the_json_module(kind):
    assert not agree(line_of(LEFT[kind]))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"\n",
        b"{}",
        b"[1]",
        b"null",
        b'{"custom_id":"a","body":{"model":"m"}} {}',
        b'{"custom_id":"a","body":{"model":"m"}}{"custom_id":"a","body":{"model":"m"}}',
        b'{"custom_id":"a","body":{"model":"m"}}\x0c',
        b'{"custom_id":"a","body":{"model":"m"}}\x00',
        b'\xef\xbb\xbf{"custom_id":"a","body":{"model":"m"}}',
        b'{"custom_id":"a","body":{"model":"m"}',
        b'{"custom_id":5,"body":{"model":"m"}}',
        b'{"custom_id":"a","body":{"model":"m"},}',
        b'{"custom_id":"a","body":[]}',
        '{"custom_id":"a","body":{"model":"m"}}'.encode("utf-16"),
        '{"custom_id":"a","body":{"model":"m"}}'.encode("utf-16-le"),
    ],
)
def test_lines_of_another_form_are_left_too(line):
    assert not agree(line)


@pytest.mark.parametrize(
    "line",
    [
        b'{"custom_id":"a","custom_id":"b","body":{"model":"m"}}',
        b'{"custom_id":"a","body":{"model":"m"},"body":{"model":"n"}}',
        b'{"custom_id":"a","body":{"model":"m","usage":{"a":1}},"body":{"model":"n"}}',
        b'{"custom_id":"a","body":{"model":"m","model":"n","usage":{"a":1,"b":2,"a":3}}}',
        b'{"custom_id":"a","body":{"model":"m","usage":{"a":1},"usage":null}}',
        rb'{"custom\u005fid":"\u0061\ud83d\ude00","body":{"mod\u0065l":"\u006d"}}',
    ],
)
def test_of_fields_that_stand_twice_the_same_one_holds(line):
    assert agree(line)


@pytest.mark.parametrize(("begin", "end"), [(b"[", b"]"), (b'{"":', b"}")])
def test_at_no_depth_more_is_taken(begin, end):
    """The json module gives up somewhere below a depth of 1,000, msgspec a few levels later."""
    depths = [50, 200, *range(300, 1_100)]
    line = b'{"custom_id":"a","body":{"model":"m","x":%b1%b}}'
    taken = [depth for depth in depths if agree(line % (begin * depth, end * depth))]
    assert taken[:2] == [50, 200]


@pytest.mark.parametrize("before", ["", "x", "x" * (LIMIT // 3), "x" * (LIMIT - 1)])
@pytest.mark.parametrize("digits", [LIMIT - 1, LIMIT, LIMIT + 1, LIMIT + 2, 2 * LIMIT])
def test_a_number_of_too_many_digits_is_found_wherever_it_stands(before, digits):
    agree(b'{"custom_id":"a","body":{"model":"m"},"x":["%s",%s]}' % (before.encode(), b"1" * digits))


def test_callers_may_stand_deep_themselves():
    """Where msgspec gives up too."""

    def call(deeper):
        return call(deeper - 1) if deeper else agree(b'{"custom_id":"a","x":%b1%b}' % (b"[" * 450, b"]" * 450))

    assert not call(sys.getrecursionlimit() - 350)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
USAGES = st.dictionaries(st.sampled_from(["a", "b", "total_tokens"]), JSON, max_size=3)
LINES = st.builds(
    lambda value, *, ascii_only, spaced: json.dumps(
        value, ensure_ascii=ascii_only, separators=(", ", ": ") if spaced else (",", ":")
    ).encode("utf-8", "surrogatepass"),
    st.fixed_dictionaries(
        {
            "custom_id": st.text(max_size=5),
            "body": st.fixed_dictionaries({"model": st.text(max_size=5)}, optional={"usage": USAGES, "x": JSON}),
        },
        optional={"y": JSON},
    ),
    ascii_only=st.booleans(),
    spaced=st.booleans(),
)
TOKENS = [*(bytes([byte]) for byte in b'{}[]",:\\/-+.eE019tfnu \t\n\r\x00\x0c\x1f\x7f\x80\xff'), b"\\ud800", b"\\u0061"]
TOKENS += [b"NaN", b"Infinity", b"null", b"true", b"\xc3\xa9", b"\xed\xa0\x80", b"\xef\xbb\xbf", b'"custom_id":"b",']
PIECES = st.sampled_from(TOKENS) | st.binary(max_size=3)
CHANGES = st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 3), PIECES), max_size=4)


def changed(line, changes):
    for where, removed, added in changes:
        at = where % (len(line) + 1)
        line = line[:at] + added + line[at + removed :]
    return line


@given(LINES, CHANGES)
@example(b'{"custom_id":"a","body":{"model":"m","x":"y"}}', [(42, 0, b"\xff")])
def test_whatever_the_bytes_the_json_module_agrees(line, changes):
    agree(changed(line, changes))


@given(LINES)
def test_lines_as_the_json_module_writes_them_are_read_fast(line):
    assert agree(line) or rb"\ud" in line or b"\xed" in line


ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
TEXTS = st.text() | st.text(st.sampled_from([*ENDS, "a", "é", "\ud800", '"', "\\"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)


@given(VALUES)
@example({"a\u2028b": ["c\u2029\x85d\ud800"]})
def test_what_is_written_is_one_line_whoever_splits_it(value):
    line = write(value)
    assert len(line.decode().splitlines()) == len(line.splitlines()) == 1
    assert line.endswith(b"\n")
    assert json.loads(line) == value


def test_other_text_is_written_as_it_is():
    assert write({"a": "שלום"}) == '{"a":"שלום"}\n'.encode()


LINES = [line_of(skipped) for skipped in (*TAKEN.values(), *LEFT.values())]
ODD = [b"\n", b" \r\n", b'{"custom_id":"a",\n"body":{"model":"m"}}\n', b'{"custom_id":"a","body":{"model":"m"}} {}\n']


@given(
    st.lists(st.sampled_from([*LINES, *ODD, b'{"custom_id":"b","body":{"model":"m"}}\n']), max_size=5), st.booleans()
)
def test_a_block_is_read_as_its_lines_are_or_not_at_all(lines, ended):
    block = b"".join(lines)
    block = block if ended else block.removesuffix(b"\n")
    read = [reader.read(line) for line in io.BytesIO(block)]
    assert reader.read_block(block) in ([None] if None in read else [None, read])
    has_many_brackets = any(line.count(b"[") + line.count(b"{") > DEEP for line in lines)
    if all(line == lines[0] for line in lines) and None not in read and not has_many_brackets:
        assert reader.read_block(block) == read


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_block_of_many_lines_is_read_though_they_hold_as_many_values_as_a_deep_one(end):
    lines = [line_of(b'{"a":[1]}') for _ in range(600)]
    assert len(reader.read_block(b"".join(lines)[:-1] + end)) == 600
    assert reader.read_block(b"".join([*lines, line_of(b"[" * 600 + b"]" * 600)])) is None
