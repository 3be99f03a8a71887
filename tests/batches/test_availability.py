"""Whether the models of an input are available."""

from airflow_provider_groq.batches.availability import unavailable

LIVING = ["openai/gpt-oss-120b", "openai/gpt-oss-20b", "qwen/qwen3.8-27b", "whisper-large-v3"]


def test_models_that_are_there_are_no_problem():
    assert unavailable({}, LIVING) is None
    assert unavailable({"openai/gpt-oss-20b": 1, "whisper-large-v3": 7}, LIVING) is None


def test_each_lacking_model_is_told_with_its_line_and_the_nearest_names():
    told, line = unavailable({"qwen/qwen3-32b": 1_200, "openai/gpt-oss-20b": 1, "gpt-oss-20B": 30}, LIVING)
    assert line == 30
    assert told == (
        "line 30: body.model is 'gpt-oss-20B' (nearest: openai/gpt-oss-20b, openai/gpt-oss-120b, qwen/qwen3.8-27b); "
        "line 1,200: body.model is 'qwen/qwen3-32b' (nearest: qwen/qwen3.8-27b, openai/gpt-oss-20b, "
        "openai/gpt-oss-120b)"
    )


def test_no_model_for_text_is_near_one_for_speech():
    told, _ = unavailable({"whisper-large-v2": 1, "llama-3.1-8b-instant": 2}, LIVING)
    assert "'whisper-large-v2' (nearest: whisper-large-v3);" in told
    assert told.count("whisper") == 2


def test_many_are_counted():
    told, _ = unavailable({f"model-{number}": number for number in range(1, 11)}, LIVING)
    assert told.endswith("; and 7 more models")


def test_a_key_without_models_has_no_nearest():
    assert unavailable({"m": 1}, []) == ("line 1: body.model is 'm' (nearest: none)", 1)
