"""Every code block of README, CHANGELOG, CONTRIBUTING, SECURITY and docs is run or parsed.

Whole Dag files are loaded as Airflow loads them; what they do when they run is shown by the tests of their pages and of
the example Dags. `make docs` (`sphinx -W`) checks directives: that an included file is there, and has the lines to
begin and end at.
"""

import json
import re

import pytest
from airflows import dag_bag
from docs.pages import Block, all_blocks, all_pages

from docs import data_blocks, python_blocks, shell_blocks

DIRECTIVES = {"eval-rst", "image", "literalinclude", "note", "toctree", "warning"}
"""Of Sphinx, which checks them."""

CHECKS = {
    "python": python_blocks.problems,
    "json": data_blocks.json_problems,
    "toml": data_blocks.toml_problems,
    "yaml": data_blocks.yaml_problems,
    "ini": data_blocks.ini_problems,
    "text": lambda _: (),  # what something printed
}
SHELL = {"shell", "bash", "console"}
TOO_OLD = "needs Airflow"
"""Of an older Airflow, in the error of a Dag that uses what it does not have."""

OF_PEERS = re.compile(r"airflow\.providers\.(anthropic|openai)|task\.llm_batch")
"""In Dags that `tests/coming_from` loads, where these packages are installed."""

BLOCKS = all_blocks()
DAGS = [
    block
    for block in BLOCKS
    if block.language == "python" and python_blocks.is_whole_dag(block.text) and not OF_PEERS.search(block.text)
]
FILES = {page.name: {block.caption for block in page.blocks()} for page in all_pages()}


def problems(block):
    """What is wrong with a block."""
    if block.directive:
        return [] if block.directive in DIRECTIVES else [f"the directive {block.directive} is unknown"]
    if block.language in SHELL:
        return shell_blocks.problems(block.text, FILES.get(block.where.partition(":")[0], ()))
    if block.language not in CHECKS:
        return ["has no language, or one that nothing checks"]
    return list(CHECKS[block.language](block.text))


@pytest.mark.parametrize("block", [block for block in BLOCKS if not block.directive], ids=str)
def test_each_block_is_right(block):
    assert problems(block) == []


def test_each_directive_is_one_that_sphinx_checks():
    assert {block.directive for block in BLOCKS if block.directive} <= DIRECTIVES


@pytest.fixture
def load(airflow_database, tmp_path):
    """Loads a file as the Dag processor does: its errors, and the ids of its Dags."""

    def load(text):
        path = tmp_path / "a_block.py"
        path.write_text(text, encoding="utf-8")
        bag = dag_bag(path)
        return list(bag.import_errors.values()), list(bag.dags)

    return load


@pytest.mark.parametrize("block", DAGS, ids=str)
def test_each_whole_dag_file_is_loaded_without_errors(load, block):
    if missing := python_blocks.missing_packages(block.text):
        pytest.skip(f"not installed: {', '.join(missing)}")
    errors, dags = load(block.text)
    if any(TOO_OLD in error for error in errors):
        pytest.skip("it uses what this Airflow does not have")
    assert errors == []
    assert dags


def test_there_are_dags_on_the_pages():
    assert len(DAGS) > 8


BAD = {
    "python that does not parse": ("python", "print("),
    "a name that is not there": ("python", "from airflow_provider_groq.hooks.groq import GroqHooks"),
    "a module that is not there": ("python", "from airflow_provider_groq.hook.groq import GroqHook"),
    "a wrong argument of an operator": ("python", "GroqCreateBatchOperator(task_id='a', input_paths='b')"),
    "a wrong argument in partial": ("python", "GroqCreateBatchOperator.partial(task_id='a', model='b').expand(x=[])"),
    "a wrong argument in expand": ("python", "GroqCreateBatchOperator.partial(task_id='a').expand(rows=[])"),
    "a wrong argument of the trigger": ("python", "GroqBatchTrigger(batch_ids=[], end_time=1, deadline=2)"),
    "a wrong argument of the decorator": ("python", "@task.groq_batch(models='a')"),
    "rows of the decorator": ("python", "@task.groq_batch(rows=[])\ndef rows(): ..."),
    "a wrong argument of a function": ("python", "read_answers(manifest, type=int)"),
    "json that does not parse": ("json", '{"a": 1,}'),
    "json of which one line does not parse": ("json", '{"a": 1}\n{"a": }'),
    "toml that does not parse": ("toml", "a = "),
    "yaml that does not parse": ("yaml", "a: [1"),
    "configuration that does not parse": ("ini", "[metrics\n"),
    "an option that is not there": ("ini", "[metrics]\nstatsd_onn = True"),
    "a section that is not there": ("ini", "[groqs]\nprices = {}"),
    "no language": ("", "make demo"),
    "a language that nothing checks": ("ruby", "puts 1"),
    "shell that does not parse": ("shell", "echo 'a"),
    "an unknown command": ("shell", "aiflow version"),
    "a wrong flag of airflow": ("shell", "airflow connections add a --connection-type groq"),
    "a wrong command of airflow": ("shell", "airflow dags run a"),
    "a wrong flag of the emulator": ("shell", "python -m airflow_provider_groq.emulator --second 3"),
    "a wrong flag of the demo": ("shell", "python -m airflow_provider_groq.demo --quick"),
    "a command that the package has not": ("shell", "python -m airflow_provider_groq.simulator"),
    "a file that is not there": ("shell", "python nowhere.py"),
    "a wrong target of make": ("shell", "make demos"),
    "an extra that is not there": ("shell", "pip install 'airflow-provider-groq[s3]'"),
    "a requirement that is none": ("shell", "pip install 'airflow-provider-groq['"),
    "a setting that is not there": ("shell", "AIRFLOW__CORE__TESTS_CONNECTION=Enabled airflow version"),
    "a connection that is none": ("shell", "export AIRFLOW_CONN_GROQ_DEFAULT='{\"conn_type\": '"),
    "a connection that is refused": (
        "shell",
        f"export AIRFLOW_CONN_A='{json.dumps({'conn_type': 'groq', 'password': 'a b'})}'",
    ),
    "a call that the emulator has not": ("shell", "curl http://127.0.0.1:8123/_emulator/request"),
    "a method that the emulator has not": ("shell", "curl -X PUT http://127.0.0.1:8123/_emulator/settings -d '{}'"),
    "a body that does not parse": ("shell", "curl http://127.0.0.1:8123/_emulator/clock -d '{advance: 1}'"),
}


@pytest.mark.parametrize(("language", "text"), BAD.values(), ids=BAD)
def test_the_checks_find(language, text):
    assert problems(Block("a page:1", language, "", f"{text}\n")) != []


def test_the_checks_find_a_directive_that_they_do_not_know():
    assert problems(Block("a page:1", "python", "codeblock", "")) != []


@pytest.mark.parametrize("text", ["raise ValueError('never')", "GroqCreateBatchOperator(task_id='a')"])
def test_a_dag_file_that_cannot_be_loaded_is_found(load, text):
    imports = "from airflow.sdk import DAG\nfrom airflow_provider_groq.operators.batch import GroqCreateBatchOperator\n"
    errors, dags = load(f"{imports}with DAG('a', schedule=None):\n    {text}\n")
    assert (len(errors), dags) == (1, [])
