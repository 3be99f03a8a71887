"""What can be wrong with a block of Python."""

import ast
import importlib
import importlib.util
import inspect
import re
import textwrap
from functools import cache

from docs.pages import DOCS

PUBLIC = re.compile(r"auto(?:class|function):: (\S+)\.(\w+)")
PACKAGE = "airflow_provider_groq"
OPTIONAL = f"{PACKAGE}.common_ai"
"""What needs a package that an extra brings."""

TASKS_OWN = {"rows", "input_path"}
"""What the decorator does not take: the function returns the rows."""
MAPPING = {"expand", "expand_kwargs", "override", "partial"}


def problems(text):
    """What is wrong with a file, or a snippet of one."""
    try:
        tree = parsed(text)
    except SyntaxError as error:
        return [f"does not parse: {error}"]
    return [*wrong_imports(tree), *wrong_keywords(tree)]


def parsed(text):
    """The tree of a file; of a snippet that is cut out of a block, or is a decorator without its function, too."""
    text = textwrap.dedent(text)
    try:
        return ast.parse(text)
    except SyntaxError:
        if text.lstrip().startswith("@"):
            return ast.parse(f"{text}\ndef function(): ...")
        raise


def is_whole_dag(text):
    """Whether it is a file for a Dags folder."""
    return "from airflow.sdk import" in text and re.search(r"\bDAG\(", text) is not None


def missing_packages(text):
    """Packages that it imports, are not ours, and are not installed."""
    names = set()
    for node in ast.walk(parsed(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module)
    return sorted(name for name in names if not name.startswith(PACKAGE) and not _is_there(name))


def _is_there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def wrong_imports(tree):
    """Names of this package that it imports, and that are not there."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE:
            try:
                module = importlib.import_module(node.module)
            except ImportError:
                yield f"imports {node.module}, which is not there"
                continue
            yield from (
                f"imports {alias.name}, which {node.module} does not have"
                for alias in node.names
                if not hasattr(module, alias.name)
            )


def wrong_keywords(tree):
    """Keywords that it gives to our public classes and functions, and that these do not take."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and (name := _called(node.func)) in public():
            taken = public()[name]
            given = {keyword.arg for keyword in node.keywords if keyword.arg}
            yield from (f"gives {name} the argument {word}, which it does not take" for word in sorted(given - taken))


def _called(function):
    """The name of what is called, also by ``.partial()`` and ``.expand()`` of it."""
    if isinstance(function, ast.Attribute):
        if function.attr in MAPPING:
            inner = function.value.func if isinstance(function.value, ast.Call) else function.value
            return _called(inner)
        return f"task.{function.attr}" if getattr(function.value, "id", "") == "task" else ""
    return getattr(function, "id", "")


@cache
def public():
    """The keywords of each class and function that docs/reference/api.md names, and of the decorator."""
    from airflow.sdk import BaseOperator

    from airflow_provider_groq import exceptions
    from airflow_provider_groq.operators.inference import GroqBatchInferenceOperator

    reference = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    found = dict(filter(None, (_named(*names) for names in PUBLIC.findall(reference))))
    found |= {name: value for name, value in vars(exceptions).items() if inspect.isclass(value)}
    every = set(inspect.signature(BaseOperator.__init__).parameters) - {"self"}
    taken = {name: keywords(value, every) for name, value in found.items()}
    job = keywords(GroqBatchInferenceOperator, every) - TASKS_OWN
    return taken | {"task.groq_batch": job | {"multiple_outputs"}}


def _named(module, name):
    """A public name and what it stands for; None for what needs a package that is not installed."""
    try:
        return name, getattr(importlib.import_module(module), name)
    except ImportError:
        if module.startswith(OPTIONAL):
            return None
        raise


def keywords(value, every):
    """What a class or a function takes by keyword."""
    classes = value.__mro__ if inspect.isclass(value) else [value]
    own = {name for each in classes if each is not object for name in _parameters(each)}
    operator = inspect.isclass(value) and any(each.__name__ == "BaseOperator" for each in classes)
    return own | every if operator else own


def _parameters(value):
    try:
        return set(inspect.signature(value).parameters)
    except (TypeError, ValueError):
        return set()
