"""Reading YAML that people write, and telling them what is wrong with it."""

from typing import Any

import yaml
from pydantic import ValidationError

from ttrl_cli.records import Json


def parse_yaml(text: str) -> Json:
    """What a YAML text holds; a key that comes twice is refused.

    Raises:
        ValueError: If it is not YAML, saying why.
    """
    try:
        return yaml.load(text, Loader=_UniqueKeyLoader)
    except (yaml.YAMLError, TypeError, RecursionError) as error:
        # TypeError: a key that is a list, which a mapping of Python cannot hold
        raise ValueError(str(error)) from error


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a key that comes twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping, if its keys all differ."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen and isinstance(key.value, str):
                line = key.start_mark.line + 1
                problem = f"the key {key.value!r} comes twice (line {line})"
                raise yaml.constructor.ConstructorError(problem=problem)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def first_error(error: ValidationError) -> tuple[str, str]:
    """The key that a model refused first, with dots, and why."""
    errors = error.errors()
    # pydantic tries both members of `verifier`, and puts them into the location; a user knows only
    # the key, and a mapping was meant to be a command
    meant = [e for e in errors if not (e["loc"][-1:] == ("str",) and isinstance(e["input"], dict))]
    first = meant[0]
    key = ".".join(str(part) for part in first["loc"] if part not in ("str", "Command"))
    if first["type"] == "extra_forbidden":
        return key, "unknown key"
    if first["type"] == "missing":
        return key, "is missing"
    return key, f"{first['msg']} (got {first.get('input')!r})"
