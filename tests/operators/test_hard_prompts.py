"""The hardest prompts arrive byte for byte, from wherever they come."""

import json

import pytest
from dags.hard import NULL, PROMPTS, SURROGATES, requests_of


def sent(groq_emulator):
    """The bytes that reached Groq."""
    (file,) = groq_emulator.files()
    return groq_emulator.file_content(file["id"])


def prompts(content):
    rows = [json.loads(line) for line in content.split(b"\n") if line]
    return {row["custom_id"]: row["body"]["messages"][0]["content"] for row in rows}


@pytest.mark.parametrize(
    ("dag_id", "hard"), [("hard_inline", PROMPTS | NULL | SURROGATES), ("hard_from_upstream", PROMPTS | NULL)]
)
def test_what_a_dag_or_a_task_says_is_what_groq_reads(run_dag, groq_emulator, dag_id, hard):
    assert run_dag(dag_id).state == "success"
    assert prompts(sent(groq_emulator)) == hard


def escaped(request):
    return json.dumps(request).encode()


def unescaped(request):
    return json.dumps(request, ensure_ascii=False).encode()


@pytest.mark.parametrize("write", [escaped, unescaped])
def test_a_file_is_sent_as_it_is(run_dag, groq_emulator, tmp_path, write):
    hard = PROMPTS | NULL | (SURROGATES if write is escaped else {})
    lines = [write({"method": "POST", "url": "/v1/chat/completions"} | request) for request in requests_of(hard)]
    path = tmp_path / "requests.jsonl"
    path.write_bytes(b"\r\n".join(lines) + b"\n")
    assert run_dag("hard_file", input_path=str(path)).state == "success"
    assert sent(groq_emulator) == path.read_bytes()
    assert prompts(sent(groq_emulator)) == hard
