"""Ids as Groq makes them: a prefix and a ULID in lower case."""

import hashlib
import secrets

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
RANDOM_BYTES = 10
TIME_LETTERS = 10
RANDOM_LETTERS = 16
DIGEST_BYTES = 16
"""In hexadecimal, the random letters of two ids."""


def new_id(prefix: str, moment: float) -> str:
    """Return a new id."""
    randomness = int.from_bytes(secrets.token_bytes(RANDOM_BYTES))
    return f"{prefix}_{_time(moment)}{_letters(randomness, RANDOM_LETTERS)}"


class DerivedIds:
    """Pairs of ids that are always the same for the same time, seed and number.

    Args:
        moment: The time in them (Unix seconds).
        seed: What else they are made from.
        prefixes: The prefix of the first id of each pair, and of the second.
    """

    def __init__(self, moment: float, seed: str, prefixes: tuple[str, str]) -> None:
        self._first, self._second = (f"{prefix}_{_time(moment)}" for prefix in prefixes)
        self._hash = hashlib.blake2b(seed.encode(), digest_size=DIGEST_BYTES)

    def pair(self, number: int) -> tuple[str, str]:
        """Return the two ids of a number."""
        digest = self._hash.copy()
        digest.update(b"%d" % number)
        letters = digest.hexdigest()  # of which all are in the alphabet
        return self._first + letters[:RANDOM_LETTERS], self._second + letters[RANDOM_LETTERS:]


def _time(moment: float) -> str:
    return _letters(int(moment * 1000), TIME_LETTERS)


def _letters(number: int, count: int) -> str:
    letters = []
    for _ in range(count):
        letters.append(ALPHABET[number & 31])
        number >>= 5
    return "".join(reversed(letters))
