"""The form that a JSON schema must have for `strict: true`: each property required, and no others allowed."""

from collections.abc import Iterator
from typing import Any

LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
MAPPINGS = ("properties", "$defs", "definitions")


def problem_of_strict(schema: object, name: object) -> str | None:
    """Say why Groq would refuse a schema with `strict: true`, or None if it would not."""
    if not isinstance(name, str) or not name:
        return "response_format: `json_schema.name` is missing"
    start = f"invalid JSON schema for response_format: '{name}': "
    if not isinstance(schema, dict):
        return f"{start}`schema` must be an object"
    if schema.get("type") != "object" and "$ref" not in schema:
        return f'{start}the schema must have `type: "object"` at its root'
    for path, part in _parts(schema, ""):
        problem = _problem_of_object(part)
        if problem:
            return f"{start}{f'{path}: ' if path else ''}{problem}"
    return None


def _parts(schema: dict[str, Any], path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield a schema and those in it, each with where it stands."""
    waiting = [(path, schema)]
    while waiting:
        path, part = waiting.pop()
        yield path, part
        inner = [(f"{path}/items", part.get("items"))]
        for name in LISTS:
            members = part.get(name)
            inner += [(f"{path}/{name}/{n}", m) for n, m in enumerate(members if isinstance(members, list) else [])]
        for name in MAPPINGS:
            members = part.get(name)
            inner += [(f"{path}/{name}/{n}", m) for n, m in (members.items() if isinstance(members, dict) else [])]
        waiting += [(where, member) for where, member in reversed(inner) if isinstance(member, dict)]


def _problem_of_object(schema: dict[str, Any]) -> str | None:
    kind = schema.get("type")
    if kind != "object" and not (isinstance(kind, list) and "object" in kind) and "properties" not in schema:
        return None
    if schema.get("additionalProperties") is not False:
        return "additionalProperties:false must be set on every object"
    properties = schema.get("properties", {})
    if not isinstance(properties, dict):
        return "`properties` must be an object"
    required = schema.get("required", [])
    missing = [name for name in properties if not isinstance(required, list) or name not in required]
    if missing:
        return (
            "`required` is required to be supplied and to be an array including every key in properties. "
            f"Missing '{missing[0]}'"
        )
    return None
