"""docs/reference/versions.md names each test that tells of a gap of an older Airflow, and no other."""

import ast
import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "reference" / "versions.md"
NAMED = set(re.findall(r"`tests/([\w/]+\.py)::(\w+)`", PAGE.read_text(encoding="utf-8")))


def defined(path):
    """The tests, and classes of tests, of a file, by name."""
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    tree = ast.parse((TESTS / path).read_text(encoding="utf-8"))
    return {node.name: node for node in ast.walk(tree) if isinstance(node, kinds)}


def gaps():
    """The tests that need a newer Airflow, wholly or in some of their cases."""
    return {
        (str(path.relative_to(TESTS)), name)
        for path in TESTS.rglob("test_*.py")
        if "since(" in path.read_text(encoding="utf-8")
        for name, node in defined(path.relative_to(TESTS)).items()
        if any("since(" in ast.unparse(decorator) for decorator in node.decorator_list)
    }


def test_each_gap_is_in_the_table():
    found = gaps()
    assert len(found) > 10
    assert found - NAMED == set()


@pytest.mark.parametrize(("path", "name"), sorted(NAMED))
def test_each_test_of_the_table_is_there(path, name):
    assert name in defined(path)
