"""Reading YAML that people write, and telling them what is wrong with it."""

import datetime
from collections.abc import Mapping
from typing import Any, get_origin

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from ttrl_cli.config import Written
from ttrl_cli.records import Json

_MEMBERS = frozenset({"str", "Command", "Evaluator", "Measure"})
"""What pydantic calls the members of a union, of which a user knows only the key."""
_CONTAINERS = (dict, list, tuple, Mapping)
_NOT_TEXT = {
    bool: "a truth value",
    int: "a number",
    float: "a number",
    datetime.date: "a date",
    type(None): "no value",
}
"""What YAML makes of a word such as no, 007, 1.10, 2026-08-01 or null without quotes."""


class Section(Written):
    """A part of a file that people write: keys it does not know are refused.

    A section or list that is there and empty (`limits:` with nothing below) is its default.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_default(cls, raw: Any) -> Any:
        """Leave out empty sections and lists; replace a required one by an empty section."""
        if not isinstance(raw, dict):
            return raw
        empty = {key for key, value in raw.items() if value is None and _holds_more(cls, key)}
        required: dict[Any, Any] = {key: {} for key in empty if cls.model_fields[key].is_required()}
        return {key: value for key, value in raw.items() if key not in empty} | required


def _holds_more(section: type[BaseModel], key: object) -> bool:
    """Decide whether a key of a section holds a section, or an optional list or mapping."""
    field = section.model_fields.get(str(key))
    if field is None:
        return False
    kind: Any = field.annotation
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return True
    return not field.is_required() and (get_origin(kind) or kind) in _CONTAINERS


def parse_yaml(text: str) -> Json:
    """Parse a YAML text, and refuse a key that comes twice.

    Raises:
        ValueError: If it is not YAML or a key comes twice; the message says why.
    """
    try:
        return yaml.load(text, Loader=_UniqueKeyLoader)
    except (yaml.YAMLError, TypeError, RecursionError) as error:
        # TypeError: a key that is a list, which a mapping of Python cannot hold
        raise ValueError(str(error)) from error


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a key that comes twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Construct a mapping, and refuse a key that comes twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key.value, str):
                line = key.start_mark.line + 1
                problem = f"the key {key.value!r} comes twice (line {line})"
                raise yaml.constructor.ConstructorError(problem=problem)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def first_error(error: ValidationError) -> tuple[str, str]:
    """Return the key that a model refused first, with dots, and why."""
    errors = error.errors()
    # pydantic tries all members of `verifier` and `measure`, and puts them into the location; a
    # mapping was not meant to be a text
    meant = [e for e in errors if not (e["loc"][-1:] == ("str",) and isinstance(e["input"], dict))]
    first = meant[0]
    key = ".".join(str(part) for part in first["loc"] if part not in _MEMBERS)
    if first["type"] == "extra_forbidden":
        return key, "unknown key"
    if first["type"] == "missing":
        return key, "is missing"
    why = f"{first['msg']} (got {first.get('input')!r})"
    if first["type"] == "string_type":
        taken = [name for kind, name in _NOT_TEXT.items() if isinstance(first["input"], kind)]
        write = "write one, or " if first["input"] is None else ""
        why += f"; YAML takes it for {taken[0]}: {write}put it in quotes" if taken else ""
    return key, why
