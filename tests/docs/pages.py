"""The documentation as Markdown: its pages, their code blocks, headings and links."""

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
BESIDES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
"""Pages at the top of the repository, where they are there."""

MARKDOWN = MarkdownIt("commonmark").enable("table")
OPTION = re.compile(r":([\w-]+): ?(.*)\n")
SPHINX_ANCHORS = 3
"""Down to this level Sphinx gives headings an anchor: ``myst_heading_anchors`` in docs/conf.py."""


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    Attributes:
        where: The page and the line, for messages.
        language: What its fence names, without the directive; "" for none.
        directive: The directive of Sphinx, such as ``literalinclude``; "" for a plain fence.
        text: Its content, without the directive's options.
        options: They, such as ``caption``.
        line: Its line in the page, counted from 1.
    """

    where: str
    language: str
    directive: str
    text: str
    options: dict[str, str] = field(default_factory=dict)
    line: int = 1

    @property
    def caption(self):
        return self.options.get("caption", "")

    def __str__(self):
        return f"{self.where}: {self.directive or self.language or 'no language'}"


@dataclass(frozen=True)
class Page:
    """A page: its path, and its text."""

    path: Path
    text: str

    @property
    def name(self):
        return self.path.relative_to(ROOT).as_posix() if self.path.is_relative_to(ROOT) else self.path.name

    def tokens(self):
        return MARKDOWN.parse(self.text)

    def blocks(self):
        for token in self.tokens():
            if token.type in {"fence", "code_block"}:
                yield block_of(token, self.name)

    def inline(self):
        """All inline elements, with the line that they begin in."""
        for token in self.tokens():
            for child in token.children or ():
                yield token.map[0] + 1, child

    def links(self):
        """Targets of links and images, with their lines."""
        for line, token in self.inline():
            target = token.attrGet("href") or token.attrGet("src")
            if target:
                yield line, str(target)

    def code_spans(self):
        return [(line, token.content) for line, token in self.inline() if token.type == "code_inline"]

    def headings(self):
        """Level and text of each heading, in order."""
        tokens = self.tokens()
        for position, token in enumerate(tokens):
            if token.type == "heading_open":
                inline = tokens[position + 1].children or ()
                yield int(token.tag[1:]), "".join(part.content for part in inline)

    def anchors(self):
        """What a link to this page may name after ``#``: what GitHub makes of headings, and Sphinx of some of them."""
        deepest = SPHINX_ANCHORS if self.path.is_relative_to(DOCS) else 6
        found = []
        for level, heading in self.headings():
            slug = base = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
            number = 0
            while slug in found:
                number += 1
                slug = f"{base}-{number}"
            found.append(slug if level <= deepest else "")
        return {*filter(None, found), *re.findall(r"^\(([\w-]+)\)=$", self.text, re.MULTILINE)}


def block_of(token, name):
    """The block that is a token of Markdown."""
    line = token.map[0] + 1
    where, info, text = f"{name}:{line}", token.info.strip(), token.content
    directive = re.fullmatch(r"\{([\w-]+)\} ?(.*)", info)
    if not directive:
        return Block(where, info, "", text, {}, line)
    options = {}
    while option := OPTION.match(text):
        options[option[1]] = option[2]
        text = text[option.end() :]
    if directive[1] != "code-block":
        return Block(where, directive[2], directive[1], text, options, line)
    return Block(where, directive[2], "", text.removeprefix("\n"), options, line)


@cache
def page(path):
    return Page(path, path.read_text(encoding="utf-8"))


def all_pages():
    """Those of docs, and those at the top of the repository."""
    top = (ROOT / name for name in BESIDES)
    docs = (path for path in DOCS.rglob("*.md") if "_build" not in path.parts)
    return [page(path) for path in (*(path for path in top if path.exists()), *sorted(docs))]


def all_blocks():
    return [block for each in all_pages() for block in each.blocks()]
