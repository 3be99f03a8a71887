"""What is wrong with rows is said with the number of the row, and what is in them is carried or refused."""

from decimal import Decimal
from enum import Enum

import pytest
from jobs.row_requests import MODEL, PLAIN, SPEECH, SYSTEM, TRANSLATION, USER, WHOLE, carried, made, refusal

from airflow_provider_groq.jobs.requests.form import CHAT, RequestForm


class Plain(Enum):
    ONE = 1


class Scalar:
    """As numpy's are, which the package does not need."""

    shape = ()

    def __init__(self, value, kind):
        self.value, self.dtype = value, type("dtype", (), {"kind": kind})

    def item(self):
        return self.value


def test_scalars_of_numpy_are_numbers():
    assert carried({"prompt": "Hi", "a": Scalar(1, "i"), "b": Scalar(0.5, "f"), "c": Scalar(True, "b")}) == {
        "a": 1,
        "b": 0.5,
        "c": True,
    }


@pytest.mark.parametrize(
    ("column", "where"),
    [
        (float("nan"), "column 'x' is nan (float)"),
        (float("inf"), "column 'x' is inf (float)"),
        ([1, {"y": float("nan")}], "column 'x'[1]['y'] is nan (float)"),
        (Decimal("NaN"), "column 'x' is Decimal('NaN') (Decimal)"),
        (b"bytes", "column 'x' is b'bytes' (bytes)"),
        ({1, 2}, "column 'x' is {1, 2} (set)"),
        (Plain.ONE, "column 'x' is <Plain.ONE: 1> (Plain)"),
        (Scalar(float("nan"), "f"), "column 'x' is nan (float)"),
        (Scalar(1, "M"), "(Scalar), which cannot be written as JSON"),
        ({1: 2}, "has the key 1, but the names of columns and all keys must be text"),
        pytest.param(10**5000, "cannot be written as JSON: ", id="long"),
    ],
)
@pytest.mark.parametrize("form", [PLAIN, RequestForm(MODEL, prompt_template="{prompt}")])
def test_a_value_that_json_lacks_is_named_with_row_and_column(column, where, form):
    said = refusal([{"prompt": "Hi"}, {"prompt": "Hi", "x": column}], form)
    assert said.startswith("Row 1 (counted from 0): ")
    assert where in said
    assert said.endswith("Nothing was sent.")


def test_a_value_that_holds_itself_is_refused():
    loop = []
    loop.append(loop)
    assert "column 'x' is nested too deeply" in refusal([{"prompt": "Hi", "x": loop}])


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (None, "is None, but a row must be a text, a mapping of columns, or a tuple of values"),
        (5, "is 5, but a row must be"),
        (b"Hi", "is b'Hi', but a row must be"),
        (("a", "b"), "is ('a', 'b'), but its values have no names: set columns=[...]"),
        ({}, "has no prompt: set prompt_template, or one of prompt, messages, body, audio_url in the row"),
        ({"text": "Hi"}, "has no prompt"),
        ({"prompt": None}, "has no prompt"),
        ("", "prompt is '', but must be non-empty text"),
        ({"prompt": " \n"}, "prompt is ' \\n', but must be non-empty text"),
        ({"prompt": 5}, "prompt is 5, but must be non-empty text"),
        ({"prompt": "Hi", "messages": USER}, "has both prompt and messages, but only one of"),
        ({"body": {}, "audio_url": "u"}, "has both body and audio_url"),
        ({"messages": "Hi"}, "messages is 'Hi', but must be a list of messages"),
        ({"messages": []}, "messages is [], but must be a list of messages"),
        ({"messages": ["Hi"]}, "messages has 'Hi', but a message is a mapping with a role"),
        ({"messages": [{"content": "Hi"}]}, "but a message is a mapping with a role"),
        ({"body": {"top_p": 1}}, "body.messages is None, but must be a list"),
        ({"body": "Hi"}, "body is 'Hi', but must be a mapping"),
        ({"body": {"messages": USER, "stream": True}}, "body.stream is True, but a batch cannot stream"),
        ({"body": {"messages": USER, "model": ""}}, "names the model '', but it must be non-empty text"),
        ({"prompt": "Hi", "request": {"model": 5}}, "names the model 5, but it must be non-empty text"),
        ({"prompt": "Hi", "request": {"stream": True}}, "request sets stream, but a batch cannot stream"),
        ({"prompt": "Hi", "request": {"messages": USER}}, "request sets messages, but the prompt comes from"),
        ({"prompt": "Hi", "request": "x"}, "request is 'x', but must be a mapping"),
        ({"prompt": "Hi", "endpoint": "/v1/embeddings"}, "endpoint is '/v1/embeddings', but must be one of"),
        ({"prompt": "Hi", "endpoint": ["x"]}, "endpoint is ['x'], but must be one of"),
        ({"prompt": "Hi", "endpoint": SPEECH}, "has prompt, but its endpoint is for audio: set audio_url"),
        ({"prompt": "Hi", "system_prompt": ""}, "system_prompt is '', but must be non-empty text"),
        ({"messages": [SYSTEM], "system_prompt": "x"}, "has a system_prompt, and a system message"),
        ({"audio_url": "u"}, f"has audio_url, but its endpoint is {CHAT}: set endpoint='{SPEECH}' or '{TRANSLATION}'"),
        ({"audio_url": "", "endpoint": SPEECH}, "audio_url is '', but must be non-empty text"),
        ({"audio_url": "u", "endpoint": SPEECH, "system_prompt": "x"}, "has a system_prompt, but its endpoint is one"),
        ({"body": {}, "endpoint": SPEECH}, "body.url is None, but must be non-empty text"),
        ({**WHOLE, "method": "GET"}, "method is 'GET', but must be 'POST'"),
        ({**WHOLE, "url": "/x"}, "url is '/x', but must be one of"),
        ({**WHOLE, "body": {}}, "body.model is None, but must name a model"),
        ({**WHOLE, "body": {"model": MODEL, "stream": True}}, "body.stream is True"),
        ({"prompt": "Hi", "custom_id": ""}, "custom_id is '', but must not be empty"),
        ({"prompt": "Hi", "custom_id": " "}, "custom_id is ' ', but must not be empty"),
        ({"prompt": "Hi", "custom_id": None}, "custom_id is None, but must be a text or a number"),
        ({"prompt": "Hi", "custom_id": True}, "custom_id is True, but must be a text or a number"),
        ({"prompt": "Hi", "custom_id": float("nan")}, "custom_id is nan (float), which cannot be written"),
        ({"prompt": "Hi", "custom_id": [1]}, "custom_id is [1], but must be a text or a number"),
        ({"prompt": "Hi", "custom_id": 10**5000}, "custom_id cannot be written as text: Exceeds the limit"),
        ({"prompt": "Hi", "custom_id": "\ud800"}, "custom_id is '\\ud800', which is not valid Unicode"),
        ({**WHOLE, "custom_id": ""}, "custom_id is '', but must not be empty"),
    ],
)
def test_a_wrong_row_is_named_with_what_is_wrong(row, problem):
    said = refusal(["Hi", row])
    assert said.startswith("Row 1 (counted from 0): ")
    assert problem in said


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ({"id": 1, "x": 2}, "has no column 'text', which prompt_template names; its columns are 'id', 'x'"),
        ({"id": 1, "text": None}, "column 'text', which prompt_template names, is None"),
        ((1,), "which has 1 values for the 2 columns ['id', 'text']"),
        ({"text": "x"}, "has no column 'id', which id_column names; its columns are ['text']"),
        ({"id": 1, "text": " "}, "renders prompt_template to an empty prompt"),
    ],
)
def test_a_row_that_lacks_a_column_is_named_with_it(row, problem):
    form = RequestForm(MODEL, prompt_template="{text}", columns=["id", "text"], id_column="id")
    assert problem in refusal([row], form)


def test_a_row_too_large_alone_is_refused():
    size = len(made(["Hi"])[0].line)
    assert len(made(["Hi"], max_bytes=size)) == 1
    assert f"becomes a request of {size} bytes, but a batch's file may have at most {size - 1}" in refusal(
        ["Hi"], max_bytes=size - 1
    )


class Frame:
    """Iterates over its columns, as data frames do."""

    columns, shape = ["a"], (1, 1)

    def __iter__(self):
        return iter(self.columns)


async def coroutine():
    yield "Hi"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (None, "the function returned None. Return a list of rows from the function, or yield them"),
        ("Hi", "The rows are a text, 'Hi'. Return a list"),
        (b"Hi", "The rows are a text, b'Hi'."),
        ({"prompt": "Hi"}, "The rows are one mapping, {'prompt': 'Hi'}. Return a list"),
        (5, "The rows are 5, which is not iterable"),
        (coroutine(), "which is not iterable"),
        (Frame(), "a data frame, which iterates over columns, not rows. Return frame.to_dict('records')"),
        ([], "There are no rows. If this is expected,"),
        (iter(()), "There are no rows"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_are_no_rows_is_refused_with_what_to_return(rows, said):
    assert said in refusal(rows)


def test_what_the_source_raises_says_how_far_it_came():
    def source():
        yield from ("Hi", "Ho")
        raise LookupError("no such table")

    with pytest.raises(LookupError, match="no such table") as caught:
        made(source())
    assert caught.value.__notes__ == ["Raised while reading row 2 (counted from 0). Nothing was sent."]


def test_a_row_of_a_file_is_named_with_file_and_line():
    class Rows:
        place = "line 9 of /data/in.jsonl"

        def __iter__(self):
            return iter(["Hi", {}])

    assert refusal(Rows()).startswith("Row 1 (counted from 0), which is line 9 of /data/in.jsonl: has no prompt")
