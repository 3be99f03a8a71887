"""The messages of the package, as its source has them: what it raises, and what it warns of in a log.

A message is a text with ``…`` for what varies. A row of docs/troubleshooting.md names one in the same way, or only the
part by which one finds it.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from docs.pages import ROOT

PACKAGE = ROOT / "provider" / "airflow_provider_groq"
ERROR = re.compile(r"(Error|Exception|Problem|InvalidOutput)$")
LOGGED = {"critical", "error", "exception", "warn", "warning"}
HOLE = re.compile(r"%(?:\(\w+\))?[.\d]*[dfrs]")
LEAST = 10
"""A shorter text is a word, such as what a helper puts into a message."""

FEW = 20
"""Fewer characters than these could be anywhere in a message."""

BETWEEN_PARTS = (
    "emulator/access.py",
    "emulator/clock.py",
    "emulator/control.py",
    "emulator/json_lines.py",
    "emulator/results.py",
    "emulator/routes.py",
    "emulator/state.py",
    "emulator/uploads.py",
    "emulator/wire.py",
)
"""What the emulator answers in Groq's place, in words like Groq's, or by HTTP to who scripts it."""


class Message(NamedTuple):
    """A text of the source, and where it is."""

    text: str
    where: str


def source_files():
    """The package's, without the example Dags."""
    return [path for path in sorted(PACKAGE.rglob("*.py")) if "example_dags" not in path.parts]


def messages() -> Iterator[Message]:
    """What the package raises, and what it logs as a warning or as an error."""
    for path in source_files():
        name = path.relative_to(PACKAGE).as_posix()
        if name not in BETWEEN_PARTS:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                yield from (Message(text, f"{name}:{node.lineno}") for text in told(node))


def told(node):
    """The texts of a statement that raises, of the making of an error, or of a line of a log."""
    if isinstance(node, ast.Raise) and node.exc is not None:
        yield from texts(node.exc)
    elif isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if ERROR.search(name) or (name in LOGGED and isinstance(node.func, ast.Attribute)):
            yield from (text for argument in node.args for text in texts(argument))


@cache
def every_text():
    """Every text of the source that is no docstring, joined where f-strings join them."""
    found = set()
    for path in source_files():
        found |= set(texts(ast.parse(path.read_text(encoding="utf-8"))))
    return found


def texts(node):
    """The texts in a part of the source, the longest there are: not the parts of an f-string."""
    if isinstance(node, ast.JoinedStr):
        parts = (part.value if isinstance(part, ast.Constant) else "…" for part in node.values)
        yield from _long_enough("".join(map(str, parts)))
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                yield from texts(part.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from _long_enough(node.value)
    elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
        for child in ast.iter_child_nodes(node):
            yield from texts(child)


def _long_enough(text):
    text = re.sub("…+", "…", HOLE.sub("…", text))
    if len(text.replace("…", "").strip()) >= LEAST:
        yield text


def covers(named, text):
    """Whether what a page names is in a text: its parts, in their order. A few words without ``…`` must begin it."""
    begins = sum(map(len, named.split("…"))) < FEW and not named.startswith("…")
    parts = [part.strip() for part in named.split("…") if part.strip()]
    position = 0
    for part in parts:
        found = text.find(part, position)
        if found < 0 or (begins and not position and text[:found].strip(" …:")):
            return False
        position = found + len(part)
    return True
