"""docs/troubleshooting.md and the messages of the package: each is on the page, and each on the page is one of them."""

import pytest
from docs.pages import DOCS, Page, page

from docs import messages

PAGE = page(DOCS / "troubleshooting.md")
WHOLE = 30
"""A shorter text of the source is a part of a message, not the beginning of one."""

GROQS = {"not_available_for_plan"}
"""What Groq says, not this package."""


def rows(each):
    """The messages in the first column of the page's tables, row by row, with the other cells."""
    tokens = each.tokens()
    cells = []
    for position, token in enumerate(tokens):
        if token.type == "tr_open":
            cells = []
        elif token.type == "td_open":
            cells.append(tokens[position + 1])
        elif token.type == "tr_close" and cells:
            named = [part.content for part in cells[0].children if part.type == "code_inline"]
            yield named, [cell.content for cell in cells[1:]]


NAMED = [name for names, _ in rows(PAGE) for name in names if name not in GROQS]


def unknown(names):
    """Of these messages those that the source does not have."""
    return [name for name in names if not any(messages.covers(name, text) for text in messages.every_text())]


def missing(names, told):
    """Of the messages of the package those that a page with these names does not cover."""
    return [each for each in told if not any(messages.covers(name, each.text) for name in names)]


def whole_messages():
    return [each for each in messages.messages() if len(each.text) >= WHOLE]


def test_each_message_of_the_page_is_one_of_the_package():
    assert len(NAMED) > 200
    assert unknown(NAMED) == []


def test_each_message_of_the_package_is_on_the_page():
    told = whole_messages()
    assert len(told) > 250
    assert missing(NAMED, told) == []


def test_no_row_lacks_what_to_do():
    assert [names for names, cells in rows(PAGE) if names and not cells[-1]] == []


@pytest.mark.parametrize("name", ["There is no API-key", "Batch … ended badly", "must be …, but was"])
def test_the_check_finds_a_message_that_is_not_of_the_package(name):
    assert unknown([name, "There is no API key"]) == [name]


def test_the_check_finds_a_message_that_is_not_on_the_page():
    new = messages.Message("The moon is full, so nothing was sent.", "somewhere.py:1")
    assert missing(NAMED, [*whole_messages(), new]) == [new]


def test_rows_are_read_from_the_first_column_only():
    read = Page(PAGE.path, "# A\n\n| message | means |\n|---|---|\n| `one`, `two` | `three` |\n")
    assert list(rows(read)) == [(["one", "two"], ["`three`"])]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("raise ValueError(f'{a} is not {b!r} at all.')", ["… is not … at all."]),
        ("raise ValueError('a text ' 'in two parts')", ["a text in two parts"]),
        ("log.warning('Batch %s is %d s old.', a, b)", ["Batch … is … s old."]),
        ("return GroqError(f'a problem: {a}')", ["a problem: …"]),
        ("print('not a message of ours')", []),
        ("log.info('not a warning of ours')", []),
    ],
)
def test_the_messages_are_read_from_the_source(source, expected):
    import ast

    tree = ast.parse(source) if not source.startswith("return") else ast.parse(f"def f():\n    {source}")
    found = [text for node in ast.walk(tree) for text in messages.told(node)]
    assert list(dict.fromkeys(found)) == expected
