"""The public names: what semantic versioning covers, so that no change of them goes unseen.

A name is public if the reference in `docs` describes it, or if Airflow, common-ai, pytest, pip or a shell finds it.
`tests/public_names.txt` lists them all. `.venv/bin/python tests/test_public_names.py` writes it anew.
"""

import difflib
import importlib
import inspect
import os
import re
import sys
import tempfile
import tomllib
from enum import Enum
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from airflow_provider_groq.provider_info import get_provider_info

ROOT = Path(__file__).parents[1]
LIST = Path(__file__).with_name("public_names.txt")
PACKAGE = "airflow_provider_groq"

DIRECTIVE = re.compile(rf"^\.\. auto(class|function|module):: ({PACKAGE}\S*)\n((?:   :.*\n)*)", re.MULTILINE)
OPTION = re.compile(r"^ +:(members|exclude-members):(.*)$", re.MULTILINE)

ALSO = {f"{PACKAGE}.triggers.batch.GroqBatchEventTrigger": f"{PACKAGE}.triggers.events.GroqBatchEventTrigger"}
"""Other names under which the documentation imports what the reference describes."""

LEFT_OUT = () if find_spec("airflow.providers.common.ai") else (f"{PACKAGE}.common_ai.",)
"""What cannot be imported here; the adapter needs common-ai, which needs a newer Airflow than others."""

ADVICE = """
The public names differ from tests/public_names.txt:

{difference}

If you meant that:
  1. If a name is gone, or an argument is new and required, Dags break. Keep the old name and warn, as CONTRIBUTING.md
     says under Deprecations.
  2. Add a line to CHANGELOG.md under Unreleased: Added, Changed, Deprecated or Removed.
  3. Write the list anew: .venv/bin/python tests/test_public_names.py
"""


class Described(NamedTuple):
    """What the reference describes: a class or function, and which members; None for all."""

    name: str
    value: object
    members: frozenset[str] | None
    less: frozenset[str] = frozenset()


def described():
    """What the reference describes, wherever in the documentation it stands."""
    for page in sorted((ROOT / "docs").rglob("*.md")):
        for kind, name, options in DIRECTIVE.findall(page.read_text(encoding="utf-8")):
            if name.startswith(LEFT_OUT):
                continue
            chosen = {key: frozenset(re.findall(r"\w+", value)) for key, value in OPTION.findall(options)}
            members, less = chosen.get("members", {"none"}) or None, chosen.get("exclude-members", frozenset())
            if kind == "module":
                found = inspect.getmembers(importlib.import_module(name), inspect.isclass)
                yield from (
                    Described(f"{name}.{key}", value, members)
                    for key, value in found
                    if value.__module__ == name and key not in less
                )
            else:
                yield Described(name, find(name), members, less)


def find(name):
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def arguments(function):
    """The arguments of a function, as a call would have them: `name` if it is required, else `name=default`."""
    for name, argument in inspect.signature(function).parameters.items():
        if name not in {"self", "cls"}:
            shown = "..." if callable(argument.default) else repr(argument.default)
            default = "" if argument.default is argument.empty else f"={shown}"
            stars = {argument.VAR_POSITIONAL: "*", argument.VAR_KEYWORD: "**"}.get(argument.kind, "")
            yield f"{stars}{name}{default}"


def fields(kind):
    """The fields of a model, a struct or a tuple."""
    return getattr(kind, "model_fields", getattr(kind, "__struct_fields__", getattr(kind, "_fields", ())))


def members(thing):
    """The members of a class that are public: methods with their arguments, properties, values, fields of a model."""
    ours = [base for base in thing.value.__mro__ if base.__module__.startswith(PACKAGE)]
    names = {name for base in ours for name in vars(base) if not name.startswith("_")}
    chosen = names if thing.members is None else names & thing.members
    own = set() if takes_arguments(thing.value) else set(fields(thing.value))
    for name in sorted((chosen | own) - thing.less):
        value = inspect.getattr_static(thing.value, name, None)
        value = getattr(value, "__func__", value)  # of static and class methods
        if inspect.isfunction(value):
            yield f"{thing.name}.{name}({', '.join(arguments(value))})"
        elif isinstance(value, property | Enum) or name in own:
            yield f"{thing.name}.{name}"


def takes_arguments(kind):
    """Whether it is public how a class is called: pydantic and Python itself make models, statuses and errors."""
    ours = (base for base in kind.__mro__ if base.__module__.startswith(PACKAGE))
    foreign = issubclass(kind, BaseModel | Enum | Exception)
    return not foreign or any("__init__" in vars(base) for base in ours)


def lines_of(thing):
    """A class, each of its arguments, and its members; or a function with its arguments."""
    if not inspect.isclass(thing.value):
        yield f"{thing.name}({', '.join(arguments(thing.value))})"
        return
    yield thing.name
    if takes_arguments(thing.value):
        yield from (f"{thing.name}({argument})" for argument in arguments(thing.value))
    yield from members(thing)


def found_by_others():
    """What is found without an import: by Airflow, common-ai, pytest, pip and people at a shell."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    yield from (f"extra {name}" for name in project["optional-dependencies"])
    yield from (f"entry point {group} {name}" for group, names in project["entry-points"].items() for name in names)
    yield from (f"command python -m {PACKAGE}.{path.parent.name}" for path in (ROOT / "provider").rglob("__main__.py"))
    info = get_provider_info()
    for connection in info["connection-types"]:
        kind = connection["connection-type"]
        yield f"connection type {kind}"
        yield from (f"connection type {kind}: extra {name}" for name in connection["conn-fields"])
    yield from (f"decorator @task.{decorator['name']}" for decorator in info["task-decorators"])
    for section, content in info["config"].items():
        yield from (f"configuration [{section}] {option}" for option in content["options"])
    yield from (f"asset scheme {scheme}://" for uri in info["asset-uris"] for scheme in uri["schemes"])
    fixtures = vars(importlib.import_module(f"{PACKAGE}.pytest_plugin"))
    yield from (f"pytest fixture {name}" for name in fixtures if name.startswith("groq_"))


def public_names():
    """All public names, one a line, in order."""
    lines = {line for thing in described() for line in lines_of(thing)}
    lines |= {f"{other} = {name}" for other, name in ALSO.items() if find(other) is find(name)}
    return sorted(lines | set(found_by_others()))


def compare(listed, found):
    """The lines that only one of the two has; empty if they are the same."""
    lines = difflib.unified_diff(listed, found, lineterm="", n=0)
    return "\n".join(line for line in lines if not line.startswith(("---", "+++", "@@")))


def test_no_public_name_changes_unseen():
    listed = [line for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith(LEFT_OUT)]
    difference = compare(listed, public_names())
    assert not difference, ADVICE.format(difference=difference)


def test_what_airflow_lists_is_in_the_reference():
    info = get_provider_info()
    entries = (entry for kind in ("hooks", "operators", "sensors", "triggers") for entry in info[kind])
    modules = {module for entry in entries for module in entry["python-modules"]}
    classes = {
        value
        for module in map(importlib.import_module, modules)
        for name, value in inspect.getmembers(module, inspect.isclass)
        if name.startswith("Groq") and value.__module__ in modules
    }
    assert {"GroqHook", "GroqBatchSensor", "GroqBatchTrigger"} <= {kind.__name__ for kind in classes}
    assert classes <= {thing.value for thing in described()}


def test_a_class_an_argument_and_a_method_are_each_a_line():
    class Thing:
        def __init__(self, *, name, size=1, **more): ...

        def act(self, how="so"): ...

        def help(self): ...

    Thing.__module__ = PACKAGE
    thing = Described("Thing", Thing, frozenset({"act"}))
    assert [*lines_of(thing)] == ["Thing", "Thing(name)", "Thing(size=1)", "Thing(**more)", "Thing.act(how='so')"]
    assert "Thing.help()" in [*lines_of(thing._replace(members=None))]


def test_a_difference_is_shown_line_by_line():
    assert compare(["a", "b", "c"], ["a", "c", "d"]) == "-b\n+d"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as home:
        os.environ["AIRFLOW_HOME"] = home  # Airflow makes itself one when it is imported, which comes now
        LIST.write_text("".join(f"{line}\n" for line in public_names()), encoding="utf-8")
    sys.stdout.write(f"{LIST}\n")
