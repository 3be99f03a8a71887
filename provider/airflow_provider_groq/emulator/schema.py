"""A JSON value that satisfies a JSON schema and has to do with the text it answers."""

import functools
import itertools
import math
import re
import string
import zlib
from collections.abc import Iterator
from typing import Any

from airflow_provider_groq.emulator.pattern import matching_text

MAX_DEPTH = 8
"""Below this depth only what is required is filled in, so that a schema that contains itself ends."""
MAX_TRIES = 1000
"""So many values are drawn at most for a list without repetitions."""
LAST_DEPTH = 3 * MAX_DEPTH
"""Below this nothing is, for a schema that only an endless value satisfies."""
COMPOSED = frozenset({"$ref", "allOf", "anyOf", "oneOf"})
BLANKS = str.maketrans(dict.fromkeys(string.punctuation.replace("_", "") + string.whitespace, " "))
MIN_WORD = 3
MIN_STEM = 4
ECHOED_CHARS = 80
COMMON_WORDS = frozenset({"and", "are", "for", "from", "into", "not", "one", "other", "the", "this", "with"})
STRING_FORMATS = {
    "date": "2025-01-01",
    "date-time": "2025-01-01T00:00:00Z",
    "time": "00:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "hostname": "example.com",
    "duration": "P1D",
}

Schema = dict[str, Any]


class SchemaAnswer:
    """Fills in a schema from a text.

    An `enum` gets the option whose words the text speaks of most; what the text does not decide
    comes from the digest, so that the same request has the same answer. A keyword that makes no sense is
    passed over.

    Args:
        schema: The JSON schema. Not honoured: `not`, `if`, `dependent…`, and what `pattern.py` does not know.
        text: What the user said.
        digest: A hash of the request.
    """

    def __init__(self, schema: object, text: str, digest: bytes) -> None:
        self._root = _mapping(schema)
        self._text = text
        self._said: str | None = None
        self._seed = int.from_bytes(digest[:4])

    def value(self) -> object:
        """Return the value."""
        return self._fill(self._root, "$", 0)

    def _fill(self, schema: object, path: str, depth: int) -> object:
        schema = self._resolved(_mapping(schema), depth)
        if "const" in schema:
            return schema["const"]
        options = _sequence(schema.get("enum"))
        if options:
            return self._ranked(options, path)[0]
        match self._kind(schema, depth):
            case "object":
                value: object = self._object(schema, path, depth)
            case "array":
                value = self._array(schema, path, depth)
            case "number" | "integer" as kind:
                value = self._number(schema, path, whole=kind == "integer")
            case "boolean":
                value = bool(self._draw(path, 2))
            case "null":
                value = None
            case _:
                value = self._string(schema, path)
        return value

    def _resolved(self, schema: Schema, depth: int) -> Schema:
        """Follow `$ref`, join `allOf`, and pick from `anyOf` and `oneOf`."""
        if COMPOSED.isdisjoint(schema):
            return schema
        if depth > LAST_DEPTH:
            return {}
        reference = schema.get("$ref")
        if isinstance(reference, str):
            return self._resolved(_joined(self._target(reference), _without(schema, "$ref")), depth + 1)
        parts = _sequence(schema.get("allOf"))
        if parts:
            return _joined(_without(schema, "allOf"), *(self._resolved(_mapping(part), depth + 1) for part in parts))
        for name in ("anyOf", "oneOf"):
            choices = [_mapping(choice) for choice in _sequence(schema.get(name))]
            if choices:
                # Deep down a null ends a schema that contains itself.
                choices.sort(key=lambda choice: (choice.get("type") == "null") is (depth < MAX_DEPTH))
                return self._resolved(_joined(_without(schema, name), choices[0]), depth + 1)
        return schema

    def _target(self, reference: str) -> Schema:
        node: object = self._root
        for name in reference.removeprefix("#").strip("/").split("/"):
            if name:
                node = _mapping(node).get(name.replace("~1", "/").replace("~0", "~"))
        return _mapping(node)

    def _kind(self, schema: Schema, depth: int) -> str:
        kind = schema.get("type")
        if isinstance(kind, list):
            if "null" in kind and depth >= MAX_DEPTH:
                return "null"
            kind = next((name for name in kind if name != "null"), "null")
        if isinstance(kind, str):
            return kind
        if "properties" in schema:
            return "object"
        return "array" if "items" in schema else "string"

    def _object(self, schema: Schema, path: str, depth: int) -> dict[str, object]:
        if depth > LAST_DEPTH:
            return {}
        properties = _mapping(schema.get("properties"))
        required = [name for name in _sequence(schema.get("required")) if isinstance(name, str)]
        names = dict.fromkeys(required if depth >= MAX_DEPTH else [*properties, *required])
        return {name: self._fill(properties.get(name), f"{path}.{name}", depth + 1) for name in names}

    def _array(self, schema: Schema, path: str, depth: int) -> list[object]:
        fewest = int(_number(schema.get("minItems"), 0))
        count = fewest if depth >= MAX_DEPTH else max(fewest, 1)
        count = 0 if depth > LAST_DEPTH else int(min(count, _number(schema.get("maxItems"), count)))
        first = [_mapping(item) for item in _sequence(schema.get("prefixItems"))]
        count = max(count, len(first)) if depth <= LAST_DEPTH else 0
        items = self._resolved(_mapping(schema.get("items")), depth)
        options = _sequence(items.get("enum"))
        if options:
            return list(itertools.islice(itertools.cycle(self._ranked(options, path)), count))
        places = itertools.chain(first, itertools.repeat(items))
        values = (self._fill(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(places))
        return list(itertools.islice(_distinct(values) if schema.get("uniqueItems") else values, count))

    def _number(self, schema: Schema, path: str, *, whole: bool) -> float:
        step = _number(schema.get("multipleOf"), 0) or (1 if whole else 0.01)
        above, below = (_number(schema.get(name), math.nan) for name in ("exclusiveMinimum", "exclusiveMaximum"))
        low = _number(schema.get("minimum"), above)
        high = _number(schema.get("maximum"), below)
        if math.isnan(low):
            low = 0 if math.isnan(high) else high - 100 * step
        high = low + 100 * step if math.isnan(high) else high
        first, last = math.ceil(low / step), math.floor(high / step)
        first += first * step <= above
        last -= last * step >= below
        number = (first + self._draw(path, max(last - first + 1, 1))) * step
        return int(number) if whole else round(number, 9)

    def _string(self, schema: Schema, path: str) -> str:
        known = STRING_FORMATS.get(str(schema.get("format")))
        if known is not None:
            return known
        shortest = int(_number(schema.get("minLength"), 0))
        longest = int(_number(schema.get("maxLength"), max(shortest, ECHOED_CHARS)))
        if "pattern" in schema:
            matching = matching_text(schema["pattern"], lambda place, below: self._draw(f"{path}~{place}", below))
            if matching is not None and shortest <= len(matching) <= longest:
                return matching
        return self._text[: min(ECHOED_CHARS, longest)].ljust(shortest, ".")

    def _ranked(self, options: list[object], path: str) -> list[object]:
        """Return the options, those that the text speaks of most first; where that is even, from one that is drawn."""
        start = self._draw(path, len(options))
        return sorted([*options[start:], *options[:start]], key=self._score, reverse=True)

    def _score(self, option: object) -> float:
        """Return how often the text speaks of an option, per word of the option's."""
        if not isinstance(option, str):
            return 0.0
        if self._said is None:
            self._said = f" {self._text.lower().translate(BLANKS)} "
        said, forms = self._said, _forms(option)
        # Most words are nowhere in the text, which their beginning says at once.
        counts = [sum(map(said.count, kin)) if start in said else 0 for start, kin in forms]
        return sum(counts) / len(counts) if counts else 0.0

    def _draw(self, path: str, below: int) -> int:
        return zlib.crc32(path.encode(errors="surrogatepass"), self._seed) % below


@functools.lru_cache
def _forms(option: str) -> list[tuple[str, list[str]]]:
    """Return for each word of an option that says something how it begins, and what to count for it and its kin.

    Kin are words of which one begins with the other (database, databases). In the text in which they are counted,
    words stand between blanks.
    """
    words = [word for word in re.findall(r"[^\W_]+", option.lower()) if word not in COMMON_WORDS]
    forms = []
    for word in [word for word in words if len(word) >= MIN_WORD] or words:
        kin = [f" {word[:length]} " for length in range(MIN_STEM, len(word))]
        forms.append((f" {word[:MIN_STEM]}", [f" {word}", *kin] if len(word) >= MIN_STEM else [f" {word} "]))
    return forms


def _distinct(values: Iterator[object]) -> Iterator[object]:
    """Yield values so that no two are equal, as far as that is possible: a text gets a number before it."""
    seen: list[object] = []
    for number, value in enumerate(itertools.islice(values, MAX_TRIES)):
        told = f"{number} {value}"[: len(value)] if value in seen and isinstance(value, str) else value
        if told not in seen:
            seen.append(told)
            yield told


def _joined(*schemas: Schema) -> Schema:
    """Return one schema that asks for what all of them ask for."""
    joined: Schema = {}
    for schema in schemas:
        properties = {**_mapping(joined.get("properties")), **_mapping(schema.get("properties"))}
        required = [*_sequence(joined.get("required")), *_sequence(schema.get("required"))]
        joined = {**joined, **schema}
        if properties:
            joined["properties"] = properties
        if required:
            joined["required"] = required
    return joined


def _without(schema: Schema, name: str) -> Schema:
    return {key: value for key, value in schema.items() if key != name}


def _mapping(value: object) -> Schema:
    return value if isinstance(value, dict) else {}


def _sequence(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: object, default: float) -> float:
    return value if isinstance(value, (int, float)) and math.isfinite(value) else default
