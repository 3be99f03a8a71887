"""What is sent, and what is refused before anything is."""

import pytest
from common_ai.conftest import LARGE, LOOSE, SMALL, imported

exceptions = imported("exceptions")
build_output_spec = imported("batch.output_schema").build_output_spec


@pytest.fixture
def validate(adapter):
    def check(*requests, **options):
        options = {"model": SMALL, "output_spec": build_output_spec(str), "idempotency_key": "key"} | options
        adapter.validate_requests([*requests], **options)

    return check


def test_a_request_has_a_model_a_system_prompt_and_parameters_of_its_own(tries):
    own = {
        "prompt": "one",
        "model": f"groq:{LARGE}",
        "system_prompt": "Sing.",
        "max_tokens": 9,
        "params": {"reasoning_effort": "high", "temperature": 1},
    }
    tries.run([own, {"prompt": "two"}], system_prompt="Speak.", request_params={"temperature": 0})
    first, second = tries.bodies()
    assert first == {
        "model": LARGE,
        "messages": [{"role": "system", "content": "Sing."}, {"role": "user", "content": "one"}],
        "temperature": 1,
        "reasoning_effort": "high",
        "max_completion_tokens": 9,
    }
    assert second["messages"][0]["content"] == "Speak."
    assert (second["model"], second["temperature"], second["max_completion_tokens"]) == (SMALL, 0, 1024)


@pytest.mark.parametrize(
    ("request_", "options", "says"),
    [
        ({"prompt": " "}, {}, r"Request 0: prompt is ' ', but must be non-empty text"),
        ({"prompt": "x", "max_tokens": "many"}, {}, "Request 0: max_tokens is 'many'"),
        ({"prompt": "x"}, {"max_tokens": -1}, "Request 0: max_tokens is -1"),
        ({"prompt": "x", "max_tokens": True}, {}, "Request 0: max_tokens is True"),
        ({"prompt": "x", "params": ["temperature"]}, {}, "params of request 0 must be a dict"),
        ({"prompt": "x", "params": {"temperature": object()}}, {}, "Request 0: .*cannot be written as JSON"),
        ({"prompt": "x", "params": {"model": LARGE}}, {}, "params of request 0 has 'model'.*model_id"),
        ({"prompt": "x"}, {"request_params": {"messages": []}}, "request_params has 'messages'"),
        ({"prompt": "x"}, {"request_params": {"max_tokens": 7}}, "request_params has 'max_tokens'"),
        ({"prompt": "x"}, {"request_params": {"stream": True}}, "request_params has 'stream'.*cannot stream"),
        (
            {"prompt": "x"},
            {"request_params": {"response_format": {"type": "text"}}, "output_spec": build_output_spec(int)},
            "response_format.*output_type",
        ),
        ({"prompt": "x", "system_prompt": 7}, {}, "Request 0: system_prompt is 7"),
        ({"prompt": "x"}, {"idempotency_key": "k" * 64}, "64-character limit"),
    ],
)
def test_a_wrong_request_is_named_and_refused(groq_emulator, validate, request_, options, says):
    with pytest.raises(exceptions.LLMBatchInputError, match=says):
        validate(request_, **options)
    assert not groq_emulator.requests()


@pytest.mark.parametrize("model", ["openai:gpt-5", SMALL, "groq:"])
def test_a_model_of_another_service_is_refused(validate, model):
    with pytest.raises(exceptions.LLMBatchModelMismatchError, match="Request 1"):
        validate({"prompt": "x"}, {"prompt": "y", "model": model})


def test_a_format_of_ones_own_is_sent_where_no_type_is_asked_for(tries):
    tries.run(request_params={"response_format": {"type": "json_object"}})
    assert {body["response_format"]["type"] for body in tries.bodies()} == {"json_object"}


def test_more_bytes_than_a_file_may_have_are_refused_before_anything_is_sent(groq_emulator, validate):
    prompt = {"prompt": "x" * 1_000_000}
    with pytest.raises(
        exceptions.LLMBatchLimitExceededError, match=r"at most 100,000,000 bytes.*request 99 of 101.*expand"
    ):
        validate(*[prompt] * 101)
    assert not groq_emulator.requests()


def test_50_000_requests_are_taken(validate):
    validate(*[{"prompt": "x"}] * 50_000)


def test_a_wrong_window_is_refused_before_anything_is_sent(tries):
    with pytest.raises(exceptions.LLMBatchInputError, match="completion_window"):
        tries.run(completion_window="1h")
    assert not tries.emulator.requests()


def test_a_longer_window_is_sent(tries):
    tries.run(completion_window="7d")
    assert tries.emulator.batches()[0]["completion_window"] == "7d"


def test_prompts_are_data(tries):
    prompt = "{{ 1 }} \u2028 {x} \x00"
    tries.run([prompt])
    assert tries.bodies()[0]["messages"][0]["content"] == prompt


def test_a_loose_model_stands_beside_a_strict_one(tries):
    tries.run([{"prompt": "x", "model": f"groq:{LOOSE}"}, "y"], output_type=list[int])
    strict = [body["response_format"]["json_schema"]["strict"] for body in tries.bodies()]
    assert strict == [False, True]
