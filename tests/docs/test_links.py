"""Every relative link and anchor of README, CHANGELOG, CONTRIBUTING, SECURITY and docs leads somewhere.

`make docs` (`sphinx -W`) fails for links between pages of docs and their anchors, too, and knows no other page: the
links of the pages at the top of the repository are checked only here. Nothing here asks the network.
"""

import pytest
from docs.pages import DOCS, ROOT, Page, all_pages

from docs import targets

PAGES = all_pages()
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_link_leads_somewhere(page):
    assert list(targets.problems(page)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_each_path_and_each_target_of_make_that_a_page_names_is_there(page):
    if page.name == "CHANGELOG.md":
        pytest.skip("it tells of what was there")
    assert [*targets.missing_paths(page), *targets.missing_targets(page, MAKEFILE)] == []


def test_readme_links_to_pages_and_to_sections_of_them():
    found = [target for page in PAGES if page.name == "README.md" for _, target in page.links()]
    assert len([target for target in found if target.startswith("docs/") and "#" in target]) > 1


TEXT = """# A page

[good](index.md), [good](#a-section), [good](../README.md), [good](https://example.com), [good](#the-groq-batch-table-1)

## A section

## The `groq` *batch* table

## The groq batch table

##### Too deep for Sphinx
"""


def a_page(text):
    return Page(DOCS / "a_page.md", text)


def test_the_anchors_are_those_of_github_and_of_sphinx():
    anchors = {"a-page", "a-section", "the-groq-batch-table", "the-groq-batch-table-1"}
    assert a_page(TEXT).anchors() == anchors
    assert Page(ROOT / "A_PAGE.md", TEXT).anchors() == {*anchors, "too-deep-for-sphinx"}
    assert list(targets.problems(a_page(TEXT))) == []


@pytest.mark.parametrize(
    "link",
    [
        "[a](nowhere.md)",
        "[a](index.md#nowhere)",
        "[a](#nowhere)",
        "[a](#too-deep-for-sphinx)",
        "[a](../../outside.md)",
        "[a](conf.py#a-page)",
        "![a](images/nowhere.png)",
        "| a |\n|---|\n| [a](nowhere.md) |",
        "[a][b]\n\n[b]: nowhere.md",
    ],
)
def test_the_check_finds_a_link_that_leads_nowhere(link):
    assert len(list(targets.problems(a_page(f"{TEXT}\n{link}\n")))) == 1


@pytest.mark.parametrize("span", ["tests/nowhere.py", "docs/nowhere", "example_dags/groq_nowhere.py", "make nowhere"])
def test_the_checks_find_what_is_not_there(span):
    found = a_page(f"# A page\n\nRun `{span}`.\n")
    assert len([*targets.missing_paths(found), *targets.missing_targets(found, MAKEFILE)]) == 1
