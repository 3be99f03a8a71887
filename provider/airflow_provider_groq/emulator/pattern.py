"""A text that matches a simple regular expression: literals and classes, each with how often it comes."""

import re
import string
from collections.abc import Callable

TOKEN = re.compile(r"(\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[^\\\[\](){}|*+?^$])(?:\{(\d+)(?:,\d*)?\}|([*+?]))?")
MAX_TIMES = 1000
CANDIDATES = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_. @/:"


def matching_text(pattern: object, draw: Callable[[int, int], int]) -> str | None:
    """Return a text that matches, or None where the expression is not simple.

    Args:
        pattern: The regular expression.
        draw: Takes the place of a character and a number; returns a number below it.
    """
    if not isinstance(pattern, str):
        return None
    inner = pattern.removeprefix("^").removesuffix("$")
    text, position = "", 0
    try:
        while position < len(inner):
            token = TOKEN.match(inner, position)
            if token is None:
                return None
            fitting = re.findall(token[1], CANDIDATES) or [token[1][-1]]
            times = int(token[2] or 1) if token[3] not in ("*", "?") else 0
            if times > MAX_TIMES:
                return None
            for _ in range(times):
                text += fitting[draw(len(text), len(fitting))]
            position = token.end()
        return text if re.search(pattern, text) else None
    except re.error:
        return None
