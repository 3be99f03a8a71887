"""Every page of the documentation is in a table of contents, and opens with what it is for.

`make docs` (`sphinx -W`) fails for a page in no toctree, and for a toctree that names no page, too.
"""

import pytest
from docs.pages import DOCS, Page, all_pages

from docs import structure

PAGES = [page for page in all_pages() if page.path.is_relative_to(DOCS)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_page_opens_with_its_title_and_a_paragraph(page):
    assert structure.opening_problem(page) == ""


def test_each_page_is_in_a_toctree():
    assert structure.unlisted(PAGES) == []
    assert len(PAGES) > 20


def a_page(text, name="a_page"):
    return Page(DOCS / f"{name}.md", text)


@pytest.mark.parametrize(
    "text",
    [
        "A paragraph.\n\n# Title\n",
        "## Section\n\nA paragraph.\n",
        "# Title\n\n## Section\n\nA paragraph.\n",
        "# Title\n\n| a |\n|---|\n",
        "# Title\n\n```python\na = 1\n```\n",
        "# Title\n\nA paragraph.\n\n# Another\n",
        "# Title\n",
        "",
    ],
)
def test_the_check_finds_a_page_that_opens_otherwise(text):
    assert structure.opening_problem(a_page(text)) != ""


def test_a_comment_may_come_first():
    assert structure.opening_problem(a_page("# Title\n\n<!-- Made by a command. -->\n\nA paragraph.\n")) == ""


def test_the_check_finds_a_page_in_no_toctree():
    index = a_page("# Index\n\nAll.\n\n```{toctree}\n:hidden:\n\none\nA title <how-to/two>\n```\n", "index")
    pages = [a_page("# One\n", "one"), a_page("# Two\n", "how-to/two"), a_page("# Three\n", "three")]
    assert structure.unlisted([index, *pages]) == ["docs/three.md"]
