"""What can be wrong with a block of shell commands."""

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from functools import cache

from docs.data_blocks import unknown_option
from docs.pages import ROOT
from packaging.requirements import InvalidRequirement, Requirement

ASSIGNMENT = re.compile(r"(\w+)=(.*)", re.DOTALL)
OF_THE_SYSTEM = {".", "apt-get", "cd", "mkdir", "python3", "twine"}
"""Commands that are none of ours: only their form is checked."""
EMULATOR = "http://127.0.0.1:8123/_emulator"
WITH_HELP = ("airflow_provider_groq.emulator", "airflow_provider_groq.demo")


def problems(text, files=()):
    """What is wrong with the commands.

    Args:
        text: The block.
        files: Files that its page has.
    """
    form = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)  # noqa: S607
    if form.returncode:
        return [f"does not parse: {form.stderr.strip()}"]
    return [f"{shlex.join(words)}: {wrong}" for words in commands(text) for wrong in command_problems(words, files)]


def commands(text):
    """The words of each command; a quoted text may have several lines."""
    pending = ""
    for line in text.splitlines(keepends=True):
        pending += line
        if line.endswith("\\\n"):
            continue
        try:
            words = shlex.split(pending, comments=True)
        except ValueError:  # a quotation goes on
            continue
        pending = ""
        if words:
            yield words
    if pending.strip():
        yield shlex.split(pending)


def command_problems(words, files):
    if words[0] == "export":
        words = words[1:]
    while words and (assigned := ASSIGNMENT.fullmatch(words[0])):
        yield from variable_problems(*assigned.groups())
        words = words[1:]
    if not words:
        return
    name, arguments = words[0], words[1:]
    check = {"airflow": airflow, "make": make, "pip": pip, "python": python, "curl": curl}.get(name)
    if check:
        yield from check(arguments, files)
    elif name not in OF_THE_SYSTEM:
        yield f"{name} is unknown: teach {__name__} to check it"


def variable_problems(name, value):
    """What is wrong with a setting or a connection in the environment."""
    if name.startswith("AIRFLOW_CONN_"):
        yield from connection_problems(value)
    elif option := re.fullmatch(r"AIRFLOW__([A-Z0-9_]+?)__([A-Z0-9_]+)", name):
        yield from unknown_option(*(part.lower() for part in option.groups()))


def connection_problems(value):
    """What Airflow and the hook say of a connection in the environment, as JSON or a URI."""
    from airflow_provider_groq.hooks.connection import settings_of
    from airflow_provider_groq.hooks.groq import GroqHook

    os.environ["AIRFLOW_CONN_OF_THE_DOCS"] = value
    try:
        connection = GroqHook.get_connection("of_the_docs")
        settings_of("connection 'of_the_docs'", connection, connection.extra_dejson)
    except Exception as error:  # noqa: BLE001 - each version of Airflow has another for what it cannot read
        yield f"is no connection: {error}"
    finally:
        del os.environ["AIRFLOW_CONN_OF_THE_DOCS"]


def airflow(arguments, _):
    """What Airflow's own parser says."""
    from airflow.cli import cli_parser

    try:
        cli_parser.get_parser().parse_args(arguments)
    except SystemExit:
        yield "is refused by Airflow's parser"


def make(arguments, _):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([\w.-]+):", makefile, re.MULTILINE))
    yield from (f"the Makefile has no {name}" for name in arguments if "=" not in name and name not in targets)


def pip(arguments, _):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    for argument in arguments[1:]:
        if argument.startswith("-") or argument == ".":
            continue
        try:
            wanted = Requirement(argument)
        except InvalidRequirement as error:
            yield f"{argument}: {error}"
            continue
        if wanted.name == "airflow-provider-groq":
            yield from (f"there is no extra {extra}" for extra in sorted(wanted.extras - set(extras)))


def python(arguments, files):
    """Flags of our commands, and files that the page has."""
    if arguments[0] == "-m":
        module = arguments[1]
        if module in WITH_HELP:
            flags = [argument.partition("=")[0] for argument in arguments[2:] if argument.startswith("-")]
            yield from (f"{module} has no {flag}" for flag in flags if flag not in flags_of(module))
        elif module.startswith("airflow_provider_groq"):
            yield f"{module} is unknown: teach {__name__} to check it"
    elif arguments[0] == "-c":
        try:
            compile(arguments[1], "-c", "exec")
        except SyntaxError as error:
            yield f"does not parse: {error}"
    elif arguments[0] not in files and not (ROOT / arguments[0]).exists():
        yield f"neither the page nor the repository has {arguments[0]}"


@cache
def flags_of(module):
    command = [sys.executable, "-m", module, "--help"]
    helped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return set(re.findall(r"(?<!\w)--?[a-z][\w-]*", helped))


def curl(arguments, _):
    """Calls of the emulator: a body is JSON, and the emulator has the path and the method."""
    from starlette.routing import Match

    from airflow_provider_groq.emulator.control import CONTROL

    body = arguments[arguments.index("-d") + 1] if "-d" in arguments else None
    if body is not None:
        try:
            json.loads(body)
        except ValueError as error:
            yield f"its body is no JSON: {error}"
    method = arguments[arguments.index("-X") + 1] if "-X" in arguments else "GET" if body is None else "POST"
    for url in (argument for argument in arguments if argument.startswith(EMULATOR)):
        path = url.removeprefix(EMULATOR)
        call = {"type": "http", "path": path, "method": method, "root_path": ""}
        if all(route.matches(call)[0] is not Match.FULL for route in CONTROL.routes):
            yield f"the emulator has no {method} {path}"
