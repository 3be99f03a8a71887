"""A JSON schema in the form that models can be held to, and back from what they then answer.

Groq wants every property required, no others allowed, and an object at the top, and refuses what it does not know,
such as ``minItems``: https://console.groq.com/docs/structured-outputs. What a schema says beside that is left out here,
and checked in the answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from airflow_provider_groq.batches.options import shown
from airflow_provider_groq.exceptions import GroqInputError

WRAPPED = "value"
"""The only property of the object that holds what is none itself."""

KEPT = ("title", "description", "type", "enum")
"""The keywords that stay as they are."""

TOLD = (
    *("format", "pattern", "minLength", "maxLength", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    *("multipleOf", "minItems", "maxItems", "uniqueItems"),
)
"""The keywords that the description tells the model of, in place of the schema."""

DEFINITIONS = ("$defs", "definitions")

CANNOT = {
    **dict.fromkeys(("patternProperties", "propertyNames", "unevaluatedProperties"), "free keys"),
    **dict.fromkeys(("not", "if", "then", "else", "dependentSchemas", "dependentRequired"), "conditions"),
    **dict.fromkeys(("prefixItems", "contains"), "lists with another type at each place, or tuples"),
}
"""What the strict form has no way to say."""

HINTS = {
    "free keys": "name the keys as fields, or use a list of objects with a key and a value",
    "conditions": "use anyOf (a union of types)",
    "lists with another type at each place, or tuples": "use an object with named fields",
}

NULL = {"type": "null"}

Schema = Mapping[str, Any]


def strict_form(schema: Schema) -> dict[str, Any]:
    """The strict form of a schema.

    Raises:
        GroqInputError: It has none; names the place in the schema.
    """
    definitions = {
        key: {name: _strict(item, f"{key}.{name}", schema) for name, item in schema[key].items()}
        for key in DEFINITIONS
        if key in schema
    }
    for place, reference in _references(schema, "the top"):
        if resolve({"$ref": reference}, schema) is None:
            raise _cannot(place, f"has the $ref {reference!r}, which is not in its $defs")
    top = {key: value for key, value in schema.items() if key not in DEFINITIONS}
    strict = _strict(resolve(top, schema) or top if is_object(schema) else top, "the top", schema)
    if not is_object(schema):
        strict = {
            "type": "object",
            "properties": {WRAPPED: strict},
            "required": [WRAPPED],
            "additionalProperties": False,
        }
    return {**strict, **definitions}


def is_object(schema: Schema) -> bool:
    """Whether a schema is one of objects at its top, as Groq wants it."""
    top = resolve(schema, schema) or {}
    return top.get("type") == "object" and not any(key in top for key in ("anyOf", "oneOf", "allOf"))


def resolve(schema: Schema, whole: Schema) -> Schema | None:
    """A schema, or what it refers to; None if there is no such definition."""
    seen: set[str] = set()
    found: Any = schema
    while isinstance(found, Mapping) and "$ref" in found:
        named = re.fullmatch(r"#/(\$defs|definitions)/([^/]+)", str(found["$ref"]))
        if named is None or named[0] in seen:
            return None
        seen.add(named[0])
        name = named[2].replace("~1", "/").replace("~0", "~")
        found = whole.get(named[1], {}).get(name)
    return found if isinstance(found, Mapping) else None


def drop_nulls(value: Any, schema: Schema, whole: Schema) -> Any:
    """An answer without the nulls that stand for fields which may be left out, so that their defaults hold.

    Args:
        value: The answer, or a part of it.
        schema: What it should be; not in the strict form, in which no field may be left out.
        whole: The schema that has the definitions.
    """
    if isinstance(value, list):
        items = {"anyOf": [branch["items"] for branch in _branches(schema, whole) if "items" in branch]}
        return [drop_nulls(item, items, whole) for item in value]
    if not isinstance(value, dict):
        return value
    branch = _fitting(value, [branch for branch in _branches(schema, whole) if "properties" in branch], whole)
    properties, required = branch.get("properties", {}), branch.get("required", ())
    return {
        key: drop_nulls(item, properties.get(key, {}), whole)
        for key, item in value.items()
        if item is not None or key in required or key not in properties or _has_null(properties[key], whole)
    }


def _fitting(value: dict[str, Any], branches: list[Schema], whole: Schema) -> Schema:
    """The one of several kinds of object that a value is: if it can be several, that which has all of its keys."""
    fitting = [branch for branch in branches if _fits(value, branch, whole)] or branches
    return max(fitting, key=lambda branch: value.keys() == branch["properties"].keys(), default={})


def _fits(value: dict[str, Any], branch: Schema, whole: Schema) -> bool:
    """Whether a value has no other keys, null only where it may stand, and the right constants."""
    properties, required = branch["properties"], branch.get("required", ())
    if not value.keys() <= properties.keys():
        return False
    nulls = [name for name, item in value.items() if item is None and name in required]
    if not all(_has_null(properties[name], whole) for name in nulls):
        return False
    constants = {name: _constants(item, whole) for name, item in properties.items()}
    return all(value.get(name) in (*right, None) for name, right in constants.items() if right)


def _constants(schema: Schema, whole: Schema) -> list[Any]:
    found = resolve(schema, whole) or {}
    return [found["const"]] if "const" in found else list(found.get("enum", ()))


def _branches(schema: Schema, whole: Schema, seen: frozenset[str] = frozenset()) -> Iterator[Schema]:
    """A schema, or those of which a value must fit one; of a definition that has itself as a branch, the others."""
    found = resolve(schema, whole)
    if found is None or schema.get("$ref") in seen:
        return
    if "$ref" in schema:
        seen |= {schema["$ref"]}
    inner = [item for key in ("anyOf", "oneOf", "allOf") for item in found.get(key, ())]
    if not inner:
        yield found
    for item in inner:
        if isinstance(item, Mapping):
            yield from _branches(item, whole, seen)


def _has_null(schema: Schema, whole: Schema) -> bool:
    """Whether null is a value of its own there."""
    return any(
        not branch.keys() & {"type", "enum", "const", "properties", "items"}
        or "null" in _types(branch)
        or ("type" not in branch and None in _constants(branch, whole))
        for branch in _branches(schema, whole)
    )


def _types(schema: Schema) -> list[str]:
    kinds = schema.get("type", [])
    return [kinds] if isinstance(kinds, str) else list(kinds)


def _references(schema: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(schema, Mapping):
        if isinstance(schema.get("$ref"), str):
            yield place, schema["$ref"]
        for key, value in schema.items():
            if key not in {"enum", "const", "default", "examples"}:
                yield from _references(value, f"{place}.{key}")
    elif isinstance(schema, list):
        for value in schema:
            yield from _references(value, place)


def _strict(schema: Any, place: str, whole: Schema) -> dict[str, Any]:
    """The strict form of a part of a schema."""
    schema = _said_plainly(schema, place)
    strict = {key: schema[key] for key in KEPT if key in schema}
    if "$ref" in schema:
        return {"$ref": schema["$ref"], **{key: strict[key] for key in ("description",) if key in strict}}
    if told := ", ".join(f"{key}: {schema[key]}" for key in TOLD if key in schema):
        strict["description"] = f"{schema['description']} ({told})" if "description" in schema else told
    if "const" in schema:
        strict["enum"] = [schema["const"]]
    for key in ("anyOf", "oneOf"):
        if key in schema:
            strict["anyOf"] = [
                _strict(item, f"{place}.{key}[{number}]", whole) for number, item in enumerate(schema[key])
            ]
    if not strict.keys() & {"type", "enum", "anyOf"}:
        raise _cannot(place, "has no type, so anything fits", "give it a type")
    if "object" in _types(schema):
        strict |= _strict_object(schema, place, whole)
    if "array" in _types(schema):
        strict["items"] = _strict(schema.get("items"), f"the items of {place}", whole)
    return strict


def _said_plainly(schema: Any, place: str) -> Schema:
    """The schema, if the strict form has words for all of it that matters."""
    if not isinstance(schema, Mapping):
        raise _cannot(place, f"is {shown(schema)}, which allows anything or nothing", "give it a type")
    for key, what in CANNOT.items():
        if key in schema:
            raise _cannot(place, f"has {key}, and {what} cannot be expressed in one", HINTS[what])
    if "allOf" not in schema:
        return schema
    if len(schema["allOf"]) > 1:
        raise _cannot(place, "has allOf, and several schemas at once cannot be expressed", "merge them into one")
    (only,) = schema["allOf"]
    _said_plainly(only, f"{place}.allOf[0]")
    return _said_plainly({**{key: value for key, value in schema.items() if key != "allOf"}, **only}, place)


def _strict_object(schema: Schema, place: str, whole: Schema) -> dict[str, Any]:
    if schema.get("additionalProperties", False) is not False or "properties" not in schema:
        raise _cannot(place, "is an object with free keys, which cannot be expressed in one", HINTS["free keys"])
    required = schema.get("required", ())
    properties = {}
    for name, item in schema["properties"].items():
        field = f"the field {name!r}" if place == "the top" else f"{place}.{name}"
        properties[name] = _strict(item, field, whole)
        if name not in required and not _has_null(item, whole) and "null" not in _types(properties[name]):
            properties[name] = {"anyOf": [properties[name], NULL]}
    return {"properties": properties, "required": list(properties), "additionalProperties": False}


def _cannot(place: str, problem: str, hint: str = "") -> GroqInputError:
    advice = f": {hint}" if hint else ""
    return GroqInputError(f"output_type has no strict schema. At {place}, it {problem}{advice}.")
