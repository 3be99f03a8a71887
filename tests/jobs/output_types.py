"""Types that answers may have."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, Optional

from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypedDict

STRICT = ("openai/gpt-oss-20b", "openai/gpt-oss-120b")
NULL = {"type": "null"}


class Sentiment(BaseModel):
    label: Literal["good", "bad"]
    score: float = Field(0.5, ge=0, le=1, description="How sure you are")


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"]
    lives: int | None = 1
    friends: list["Cat | Dog"] = []


class Color(Enum):
    RED = "red"


class Many(BaseModel):
    text: str
    number: int = 7
    maybe: Optional[int] = 5  # noqa: UP045 - as people write it
    day: date | None = None
    price: Decimal = Decimal("1.5")
    color: Color = Color.RED
    pets: list[Cat] = []
    pet: Annotated[Cat | Dog, Field(discriminator="kind")] = Dog(kind="dog")


class Node(BaseModel):
    value: int
    next: Optional["Node"] = None
    kids: list["Node"] = []


@dataclass
class Point:
    x: int
    y: int = 0


class Person(TypedDict, total=False):
    name: str


class Free(BaseModel):
    scores: dict[str, int]


class Deep(BaseModel):
    frees: list[Free]


class Extra(BaseModel):
    model_config = ConfigDict(extra="allow")


class Tuple(BaseModel):
    pair: tuple[int, str]


class Anything(BaseModel):
    it: Any


class NoSchema:
    pass


class Unsaid(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    it: NoSchema


SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
