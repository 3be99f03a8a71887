"""Ids as Groq makes them: a prefix and a ULID in lower case."""

import hashlib
import secrets

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
RANDOM_BYTES = 10
LENGTH = 26


def ulid(moment: float, randomness: bytes) -> str:
    """Return the ULID of a time in Unix seconds and ten bytes of randomness."""
    number = int(moment * 1000) << 80 | int.from_bytes(randomness)
    letters = []
    for _ in range(LENGTH):
        letters.append(ALPHABET[number & 31])
        number >>= 5
    return "".join(reversed(letters))


def new_id(prefix: str, moment: float) -> str:
    """Return an id nobody has seen before."""
    return f"{prefix}_{ulid(moment, secrets.token_bytes(RANDOM_BYTES))}"


def derived_id(prefix: str, moment: float, seed: str) -> str:
    """Return an id that is always the same for the same time and seed."""
    digest = hashlib.blake2b(seed.encode(errors="surrogatepass"), digest_size=RANDOM_BYTES).digest()
    return f"{prefix}_{ulid(moment, digest)}"
