"""Settings of a problem: typed values that its code and its texts use.

`settings:` of problem.yaml declares them, each by its default or by a mapping that says more:

    settings:
      cases: 10
      level: {default: small, choices: [small, large], help: Size of the inputs.}
      noise: {default: 0.1, min: 0, max: 1}

A value has its default's type: a truth value, a whole number, a number or a text. `--set KEY=VALUE`
gives others.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

Value: TypeAlias = bool | int | float | str
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_KEYS = ("default", "choices", "min", "max", "help")
_TYPES: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
}
_TRUTH = {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}
_WHOLE = re.compile(r"[+-]?[0-9]+")
_MOST_DIGITS = 4000  # Python refuses to read or write more than 4,300
_EXPONENT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)[eE][+-]?[0-9]+")
_USE = re.compile(r"\{\{\s*settings\.([A-Za-z_][A-Za-z0-9_-]*)\s*\}\}")


class SettingError(ValueError):
    """A setting is declared or set in a wrong way.

    Args:
        key: The key below `settings`, with dots.
        why: What is wrong with it.
    """

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key}: {why}")
        self.key = key
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One setting, as problem.yaml declares it.

    Attributes:
        default: Its value where none is given; its type is that of all values.
        choices: The values that it may have; empty if any of the type will do.
        low: The least value of a number; None without a bound.
        high: The greatest value of a number; None without a bound.
        help: What it is, in words.
    """

    default: Value
    choices: tuple[Value, ...] = ()
    low: float | None = None
    high: float | None = None
    help: str = ""

    def read(self, key: str, value: object) -> Value:
        """Return a value of this setting's type; a text is read as the command line gives it.

        Raises:
            SettingError: If it is of another type, or is not among the choices or in the bounds.
        """
        kind = type(self.default)
        found = _read(kind, value)
        if found is None:
            got = f"the default is {shown(self.default)}, and this is {value!r:.80}"
            raise SettingError(key, f"expected {_TYPES[kind]}: {got}")
        if self.choices and found not in self.choices:
            known = ", ".join(map(shown, self.choices))
            raise SettingError(key, f"expected one of {known} (got {shown(found)})")
        if not isinstance(found, str):
            self._bound(key, found)
        return found

    def _bound(self, key: str, value: float) -> None:
        if self.low is not None and value < self.low:
            raise SettingError(key, f"must be at least {self.low!r} (got {shown(value)})")
        if self.high is not None and value > self.high:
            raise SettingError(key, f"must be at most {self.high!r} (got {shown(value)})")


def declared(raw: Mapping[str, object]) -> dict[str, Setting]:
    """Read the `settings:` section of a problem.yaml.

    Raises:
        SettingError: If a name, a default or anything else in it is wrong.
    """
    return {key: _declared(key, value) for key, value in raw.items()}


def chosen(settings: Mapping[str, Setting], given: Mapping[str, object]) -> dict[str, Value]:
    """Return the given values in the settings' own types.

    Args:
        settings: What the problem declares.
        given: Values by name; texts are read as the command line gives them.

    Raises:
        SettingError: If there is no such setting, or a value does not fit.
    """
    for key in given:
        if key not in settings:
            known = f"known: {', '.join(settings)}" if settings else "the problem has none"
            raise SettingError(key, f"unknown setting; {known}")
    return {key: settings[key].read(key, value) for key, value in given.items()}


def filled(text: str, values: Mapping[str, Value]) -> str:
    """Replace each `{{ settings.NAME }}` in a text by the setting's value.

    Raises:
        SettingError: If the text names a setting that there is not.
    """

    def value_of(found: re.Match[str]) -> str:
        if found[1] not in values:
            known = f"known: {', '.join(values)}" if values else "the problem declares none"
            raise SettingError(found[1], f"unknown setting; {known}")
        return str(values[found[1]])

    return _USE.sub(value_of, text)


def shown(value: Value) -> str:
    """Return a value as the command line takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _declared(key: str, value: object) -> Setting:
    if not _NAME.fullmatch(key):
        raise SettingError(key, "a name has letters, digits and _, and begins with no digit")
    if not isinstance(value, Mapping):
        return Setting(default=_default(key, value))
    for name in value:
        if name not in _KEYS:
            unknown = f"{key}.{name}"
            raise SettingError(unknown, f"unknown key; known: {', '.join(_KEYS)}")
    keys = {name: f"{key}.{name}" for name in _KEYS}
    if "default" not in value:
        raise SettingError(keys["default"], "is missing")
    bare = Setting(default=_default(keys["default"], value["default"]))
    words = value.get("help", "")
    if not isinstance(words, str):
        raise SettingError(keys["help"], f"expected a text (got {words!r:.80})")
    made = Setting(
        default=bare.default,
        choices=_choices(keys["choices"], bare, value.get("choices")),
        low=_limit(keys["min"], bare, value.get("min")),
        high=_limit(keys["max"], bare, value.get("max")),
        help=words,
    )
    made.read(keys["default"], bare.default)
    return made


def _default(key: str, value: object) -> Value:
    if isinstance(value, str) and _EXPONENT.fullmatch(value):
        why = f"YAML takes {value} for a text: write a number with a point, such as 1.0e-3"
        raise SettingError(key, why)
    if isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    why = f"expected a truth value, a finite number or a text (got {value!r:.80})"
    raise SettingError(key, why)


def _choices(key: str, setting: Setting, value: object) -> tuple[Value, ...]:
    if value is None:
        return ()
    if not isinstance(value, list) or not value:
        raise SettingError(key, f"expected a list of values (got {value!r:.80})")
    for place, one in enumerate(value):
        if isinstance(one, str) and not isinstance(setting.default, str):
            where = f"{key}[{place}]"
            raise SettingError(where, f"must be of the default's type (got {one!r:.80})")
    return tuple(setting.read(f"{key}[{place}]", one) for place, one in enumerate(value))


def _limit(key: str, setting: Setting, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(setting.default, bool | str):
        raise SettingError(key, "goes with numbers alone")
    number = None if isinstance(value, str) else _read(float, value)
    if not isinstance(number, float):
        raise SettingError(key, f"expected a number (got {value!r:.80})")
    return int(number) if number.is_integer() else number


def _read(kind: type, value: object) -> Value | None:
    """Return a value of this type; None for a value of another one."""
    if isinstance(value, str):
        return value if kind is str else _of_text(kind, value)
    if isinstance(value, bool):
        return value if kind is bool else None
    if isinstance(value, int) and kind in (int, float):
        return value if kind is int else _finite(value)
    return _finite(value) if isinstance(value, float) and kind is float else None


def _of_text(kind: type, text: str) -> Value | None:
    plain = text.strip()
    if kind is bool:
        return _TRUTH.get(plain.lower())
    if kind is int:
        short = len(plain) <= _MOST_DIGITS
        return int(plain) if short and _WHOLE.fullmatch(plain) else None
    if "_" in plain:  # which Python, but nobody else, takes for a separator
        return None
    return _finite(plain)


def _finite(value: str | float) -> float | None:
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
