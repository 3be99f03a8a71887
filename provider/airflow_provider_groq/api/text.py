"""What servers say, made fit for a line of the log."""

from __future__ import annotations


def one_line(text: str, longest: int) -> str:
    """The text in one line, of at most so many characters, and without any that cannot be printed.

    Else a server could write lines of its own into the log, or colour them, and a lone surrogate cannot
    be written at all.
    """
    words = " ".join(text[: 8 * longest].split())[:longest].rstrip()
    return "".join(character if character.isprintable() else "\ufffd" for character in words)
