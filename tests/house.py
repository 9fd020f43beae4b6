"""Check what `make check` holds and no linter knows.

    python tests/house.py

- No function of the package is longer than 60 lines, docstring included.
- The layers in docs/design.md are those of the import contract, and all modules are among them.
- The shape suffixes of names (rewards_G) are those of the table in CONTRIBUTING.md.
"""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ttrl_cli"
MOST_LINES = 60
DATA = frozenset(("templates", "py"))
"""What lies in the package and is no module."""


def main() -> None:
    """Print what is wrong; the status is 1 if anything is."""
    wrong = [*long_functions(PACKAGE), *wrong_layers(ROOT), *unknown_axes(ROOT)]
    print("\n".join(wrong) or "the house is in order")  # noqa: T201
    sys.exit(bool(wrong))


def long_functions(package: Path) -> Iterator[str]:
    """Name the functions of a folder's modules that are too long."""
    for path in sorted(package.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MOST_LINES:
                    where = f"{path.relative_to(package.parent)}:{node.lineno}"
                    yield f"{where}: {node.name} has {lines} lines, more than {MOST_LINES}"


def wrong_layers(root: Path) -> Iterator[str]:
    """Say where the page, the contract and the package part."""
    contracts = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = [
        contract["layers"]
        for contract in contracts["tool"]["importlinter"]["contracts"]
        if contract["type"] == "layers"
    ]
    enforced = [name.strip().removeprefix("ttrl_cli.") for one in layers for name in one.split("|")]
    page = (root / "docs" / "design.md").read_text(encoding="utf-8")
    block = page.partition("## Layers\n\n")[2].partition("\n\n")[0]
    shown = [line.split()[0] for line in block.splitlines()]
    if shown != enforced:
        yield f"docs/design.md: its layers are {shown}, and the contract's {enforced}"
    inside = {path.stem for path in (root / "ttrl_cli").iterdir() if path.stem[0] not in "_."}
    for name in sorted(inside - set(enforced) - DATA):
        yield f"pyproject.toml: {name} is in no layer"


def unknown_axes(root: Path) -> Iterator[str]:
    """Name variables whose suffix has an axis that the table of notation lacks."""
    table = (root / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Notation")[2]
    rows = [line for line in table.partition("## ")[0].splitlines() if line.startswith("| `_")]
    known = set(re.findall(r"`_([A-Z0-9])`", "".join(row.split("|")[1] for row in rows)))
    for path in sorted((root / "ttrl_cli").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = node.id if isinstance(node, ast.Name) else getattr(node, "arg", None) or ""
            suffix = re.fullmatch(r"[a-z][a-z0-9_]*_([A-Z][A-Z0-9]{0,3})", name)
            if suffix is not None and not known.issuperset(suffix[1]):
                axes = ", ".join(sorted(set(suffix[1]) - known))
                yield f"{path.relative_to(root)}:{node.lineno}: {name}: no axis {axes} is known"


if __name__ == "__main__":
    main()
