"""Options of the command line, which are read from the source of the configuration."""

import inspect
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
import typer

from ttrl_cli.cli.fields import fields_of, with_options
from ttrl_cli.cli.main import app
from ttrl_cli.config import BuiltIn, RunConfig, SolveConfig, VoteConfig, resolve
from ttrl_cli.errors import UsageError


def kinds(annotation: Any) -> tuple[type, tuple[str, ...]]:
    """The type of an annotation's values, and the values if they are a few names."""
    if get_origin(annotation) in (types.UnionType, Union, Annotated):
        return kinds(get_args(annotation)[0])
    if get_origin(annotation) is Literal:
        return str, get_args(annotation)
    return annotation, ()


@pytest.mark.parametrize("kind", [RunConfig, SolveConfig, VoteConfig])
def test_fields_are_those_of_the_configuration(kind: type[RunConfig]) -> None:
    """What is read from the source is what pydantic makes of it: names, types, defaults, texts."""
    found = fields_of(kind.__name__)
    assert list(found) == list(kind.model_fields)
    for name, field in kind.model_fields.items():
        assert found[name].default == field.default, name
        kind_, choices = kinds(field.annotation)
        if type(None) in get_args(field.annotation) and field.default is not None:
            kind_ = str  # "none" is a value, too
        choices = next((m.names for m in field.metadata if isinstance(m, BuiltIn)), choices)
        assert (found[name].kind, found[name].choices) == (kind_, choices), name
        assert found[name].help == " ".join(inspect.cleandoc(field.description or "").split()), name


@pytest.mark.parametrize(
    ("command", "kind", "renamed"),
    [("solve", SolveConfig, {}), ("vote", VoteConfig, {"group_size": "n"})],
)
def test_every_field_is_an_option(
    command: str, kind: type[RunConfig], renamed: dict[str, str]
) -> None:
    """With its name or the one that it has there, and with --no- for a truth value."""
    root: Any = typer.main.get_command(app)
    made = {option.name: option for option in root.commands[command].params}
    for name, field in fields_of(kind.__name__).items():
        option = made[renamed.get(name, name)]
        assert bool(option.secondary_opts) is (field.kind is bool)
        assert option.default is None
        assert option.help.startswith(field.help)


def test_a_command_takes_its_options_together() -> None:
    """By field, None where nothing was given; what else it takes stays as it is."""
    taken = []
    kept = [fields_of("VoteConfig")[name] for name in ("group_size", "lr", "train")]

    def command(where: str, *, loud: bool = False, chosen: dict[str, object]) -> None:
        taken.append((where, loud, chosen))

    made = typer.Typer()
    made.command()(with_options(kept, names={"group_size": "n"})(command))
    made(["here", "--n", "4", "--no-train"], standalone_mode=False)
    assert taken == [("here", False, {"group_size": 4, "lr": None, "train": False})]


@pytest.mark.parametrize(
    ("key", "given", "value"),
    [
        ("max_grad_norm", "none", None),
        ("max_grad_norm", "0.5", 0.5),
        ("max_grad_norm", None, 1.0),
        ("minibatch", "none", None),
        ("minibatch", "3", 3),
    ],
)
def test_none_takes_a_value_away(key: str, given: str | None, value: float | None) -> None:
    """On the command line, "none" is null where a field has a value and need not have one."""
    config = resolve(VoteConfig, {}, {key: given}, where="questions.yaml")
    assert getattr(config, key) == value


@pytest.mark.parametrize(("key", "given"), [("max_grad_norm", "0"), ("lr", "none")])
def test_other_values_are_refused_as_before(key: str, given: str) -> None:
    """A norm of 0, and no learning rate at all, are named by their options."""
    with pytest.raises(UsageError, match=f"^--{key.replace('_', '-')}: "):
        resolve(VoteConfig, {}, {key: given}, where="questions.yaml")


def test_a_file_says_null() -> None:
    """`max_grad_norm: null` in a file is no norm; the command line goes first."""
    read = {"max_grad_norm": None}
    assert resolve(SolveConfig, read, {}, where="problem.yaml").max_grad_norm is None
    given = {"max_grad_norm": "2"}
    assert resolve(SolveConfig, read, given, where="problem.yaml").max_grad_norm == 2
