"""Dags whose prompts are as hard to carry as prompts can be."""

from airflow.sdk import DAG, task

from airflow_provider_groq.operators.batch import GroqCreateBatchOperator

PROMPTS = {
    "template": "{{ 1 + 1 }} {% if %} {# no comment #} {{ undefined_name.field }} {%",
    "other templates": "${HOME} $(id) %(x)s %s {0} `ls` {{{{ }}}} <% %> #{x}",
    "right to left": "\u200f\u05e9\u05dc\u05d5\u05dd \u202b\u0645\u0631\u062d\u0628\u0627\u202c \u202eabc",
    "control characters": "".join(map(chr, range(1, 32))) + "\x7f\x85\u2028\u2029",
    "emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 e\u0301 \ufeff",
    "a megabyte": "x" * 1_000_000,
    "quotes": "\"' \\ \\n \\u0041 </script> \r\n",
}
NULL = {"null": "a\0b"}
SURROGATES = {"lone surrogates": "\ud800 \udfff\ud800", "both": "\0\udc00"}
"""What no XCom carries: it is kept as UTF-8."""


def requests_of(prompts):
    return [
        {
            "custom_id": name,
            "body": {"model": "openai/gpt-oss-20b", "messages": [{"role": "user", "content": prompt}]},
        }
        for name, prompt in prompts.items()
    ]


@task
def upstream():
    return requests_of(PROMPTS | NULL)


with DAG("hard_inline", schedule=None):
    GroqCreateBatchOperator(
        task_id="create", requests=requests_of(PROMPTS | NULL | SURROGATES), wait_for_completion=False
    )

with DAG("hard_from_upstream", schedule=None):
    GroqCreateBatchOperator(task_id="create", requests=upstream(), wait_for_completion=False)

with DAG("hard_file", schedule=None):
    GroqCreateBatchOperator(task_id="create", input_path="{{ dag_run.conf['input_path'] }}", wait_for_completion=False)
