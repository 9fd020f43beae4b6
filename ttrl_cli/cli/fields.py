"""Options of the command line that are fields of a configuration: said once, in config.py.

A field's name, type, default, docstring and section become an option's name, type, help and panel.
They are read from the source of config.py, without importing it: `--help` need not wait for its
models to be built. Whether a value is within its bounds is for the configuration to say.
"""

import ast
import functools
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

Command = Callable[..., None]

_TYPES: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of a configuration.

    Attributes:
        name: Its key.
        kind: The type of its values.
        choices: Its values, where they are a few names.
        default: Its value if it is not given.
        help: Its docstring, in one line.
        panel: The comment above its section of the configuration.
    """

    name: str
    kind: type
    choices: tuple[str, ...]
    default: object
    help: str
    panel: str


@functools.cache
def fields_of(kind: str) -> Mapping[str, Field]:
    """Read the fields of a configuration, those of the class it is made from first.

    Args:
        kind: The name of a class of config.py.
    """
    source = _source()
    tree = ast.parse(source)
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    aliases = {
        node.targets[0].id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    found: dict[str, Field] = {}
    for base in classes[kind].bases:
        if isinstance(base, ast.Name) and base.id in classes:
            found |= fields_of(base.id)
    body = classes[kind].body
    for node, after in itertools.pairwise(body):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            field = _field(node, after, aliases, _heading(source, node.lineno))
            inherited = found.get(field.name, field)
            found[field.name] = replace(field, panel=inherited.panel)
    return found


def with_options(
    fields: Iterable[Field], *, names: Mapping[str, str] | None = None, panel: str | None = None
) -> Callable[[Command], Command]:
    """Give a command an option for each field, which it takes together, as `chosen`.

    Args:
        fields: The fields. An option that was not given is None.
        names: Options of another name than their field's, by field.
        panel: The panel of all options, in place of the fields' own.
    """
    given = {(names or {}).get(field.name, field.name): field for field in fields}

    def decorate(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True).parameters
        parameters = [p for name, p in own.items() if name != "chosen"]
        parameters += [_parameter(name, field, panel) for name, field in given.items()]

        @functools.wraps(command)
        def run(**values: Any) -> None:
            chosen = {field.name: values.pop(name) for name, field in given.items()}
            command(**values, chosen=chosen)

        made: Any = run
        made.__signature__ = inspect.Signature(parameters)
        made.__annotations__ = {p.name: p.annotation for p in parameters}
        return run

    return decorate


def option_of(name: str, field: Field, panel: str | None = None) -> Any:
    """Return what typer is told of an option.

    Args:
        name: The option's name, as a command's keyword.
        field: The field that it is about.
        panel: Its panel, in place of the field's own.
    """
    flag = "--" + name.replace("_", "-")
    declared = f"{flag}/--no-{flag[2:]}" if field.kind is bool else flag
    return typer.Option(
        declared, help=_help(field), rich_help_panel=panel or field.panel, show_default=False
    )


def _parameter(name: str, field: Field, panel: str | None) -> inspect.Parameter:
    """Return a keyword of a command that is an option, by default None."""
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=None,
        annotation=Annotated[field.kind | None, option_of(name, field, panel)],
    )


def _help(field: Field) -> str:
    """Return a field's help, with choices and default where its docstring does not name them."""
    text = field.help
    if field.choices and not all(choice in text for choice in field.choices):
        text = f"{text} One of {', '.join(field.choices)}."
    if field.default is None or "default" in text:
        return text
    default = str(field.default)
    if field.kind is bool:
        default = "yes" if field.default else "no"
    return f"{text} (default {default})" if " " not in default else f'{text} (default "{default}")'


def _source() -> str:
    spec = find_spec("ttrl_cli.config")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).read_text(encoding="utf-8")


def _heading(source: str, line: int) -> str:
    """Return the comment that stands alone above a line of a class, as a title."""
    for text in reversed(source.splitlines()[: line - 1]):
        if text.startswith("class "):
            break
        if text.startswith("    # "):
            title = text.removeprefix("    # ")
            return title[0].upper() + title[1:]
    return "Options"


def _field(
    node: ast.AnnAssign, after: ast.stmt, aliases: Mapping[str, ast.expr], panel: str
) -> Field:
    assert isinstance(node.target, ast.Name)
    assert node.value is not None
    kind, choices = _type(node.annotation, aliases)
    default = ast.literal_eval(node.value)
    if default is not None and _may_be_none(node.annotation):
        kind = str  # "none" is a value then; the configuration reads the others
    docstring = ""
    if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
        docstring = inspect.cleandoc(str(after.value.value))
    return Field(
        name=node.target.id,
        kind=kind,
        choices=choices,
        default=default,
        help=" ".join(docstring.split()),
        panel=panel,
    )


def _type(node: ast.expr, aliases: Mapping[str, ast.expr]) -> tuple[type, tuple[str, ...]]:
    """Return the type that an annotation stands for, and its values if they are a few names.

    Raises:
        TypeError: If it is of a form that no option has.
    """
    match node:
        case ast.BinOp(left=left, op=ast.BitOr(), right=ast.Constant(value=None)):
            return _type(left, aliases)
        case ast.Name(id=name) if name in _TYPES:
            return _TYPES[name], ()
        case ast.Name(id=name) if name in aliases:
            return _type(aliases[name], aliases)
        case ast.Subscript(
            value=ast.Name(id="Annotated"),
            slice=ast.Tuple(
                elts=[_, ast.Call(func=ast.Name(id="BuiltIn"), args=[ast.Name(id=names)])]
            ),
        ):
            return str, tuple(ast.literal_eval(aliases[names]))
        case ast.Subscript(value=ast.Name(id="Annotated"), slice=ast.Tuple(elts=[first, *_])):
            return _type(first, aliases)
        case ast.Subscript(value=ast.Name(id="Literal"), slice=ast.Tuple(elts=elements)):
            return str, tuple(str(ast.literal_eval(element)) for element in elements)
    msg = f"no option has this type: {ast.unparse(node)}"
    raise TypeError(msg)


def _may_be_none(annotation: ast.expr) -> bool:
    match annotation:
        case ast.BinOp(op=ast.BitOr(), right=ast.Constant(value=None)):
            return True
    return False


def _built_in(metadata: list[ast.expr], aliases: Mapping[str, ast.expr]) -> tuple[str, ...]:
    """Return the names in an annotation's `BuiltIn(NAMES)`; none if it has none."""
    match metadata:
        case [ast.Call(func=ast.Name(id="BuiltIn"), args=[ast.Name(id=names)])]:
            return tuple(ast.literal_eval(aliases[names]))
    return ()
