"""What can be wrong with the links of a page, and with the paths that it names."""

import re
from urllib.parse import unquote

from docs.pages import ROOT, page

ELSEWHERE = re.compile(r"[a-z][a-z0-9+.-]*:")
PATH = re.compile(r"(?:docs|example_dags|provider|tests)/[\w./-]*\w")
"""A path of the repository, in a code span."""


def problems(each):
    """Links of a page that lead nowhere."""
    for line, target in each.links():
        if not ELSEWHERE.match(target) and (wrong := wrong_link(each, unquote(target))):
            yield f"{each.name}:{line}: {wrong}"


def wrong_link(each, target):
    """Why a relative link leads nowhere; "" if it does not."""
    path, _, anchor = target.partition("#")
    there = (each.path.parent / path).resolve() if path else each.path
    if path and not (there.exists() and there.is_relative_to(ROOT)):
        return f"{target}: the repository has no {path}"
    if not anchor:
        return ""
    if there.suffix != ".md":
        return f"{target}: only a page has anchors"
    found = page(there).anchors() if path else each.anchors()
    return "" if anchor in found else f"{target}: the page has no heading for #{anchor}"


def missing_paths(each):
    """Paths of the repository that the page names, and that are not there."""
    for line, code in each.code_spans():
        for path in PATH.findall(code.split("::")[0]) if PATH.match(code) else ():
            if "_build" not in path and not (ROOT / path).exists():
                yield f"{each.name}:{line}: there is no {path}"


def missing_targets(each, makefile):
    """Targets of make that the page names in its text, and that the Makefile does not have."""
    targets = set(re.findall(r"^([\w.-]+):", makefile, re.MULTILINE))
    for line, code in each.code_spans():
        if (named := re.match(r"make ([a-z]+)", code)) and named[1] not in targets:
            yield f"{each.name}:{line}: the Makefile has no {named[1]}"
