"""What can be wrong with the form of a page, and with its place among the others."""

import re


def opening_problem(page):
    """Whether it begins with one title and a paragraph; "" if so."""
    kinds = [token.type for token in page.tokens() if token.level == 0 and token.type != "html_block"]
    if kinds[:1] != ["heading_open"] or next(page.headings())[0] != 1:
        return f"{page.name} does not begin with its title"
    if [level for level, _ in page.headings()].count(1) != 1:
        return f"{page.name} has several titles"
    if kinds[2:3] != ["paragraph_open"]:
        return f"{page.name} does not open with a paragraph"
    return ""


def listed(index):
    """The pages that a page's toctrees name, as paths without their suffix."""
    toctrees = (block.text for block in index.blocks() if block.directive == "toctree")
    entries = (line.strip() for text in toctrees for line in text.splitlines())
    named = (re.sub(r".*<(.*)>$", r"\1", entry) for entry in entries if entry)
    return {(index.path.parent / name).resolve() for name in named}


def unlisted(pages):
    """Pages that no toctree names."""
    named = {path for page in pages for path in listed(page)}
    return [page.name for page in pages if page.path.stem != "index" and page.path.with_suffix("") not in named]
