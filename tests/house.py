"""Check what `make check` holds and no linter knows.

    python tests/house.py

- No function of the package is longer than 60 lines, docstring included.
- The layers in docs/design.md are those of the import contract, and all modules are among them.
- Each folder of the package, of tests and of docs has a line there.
- The terms in docs/design.md have the names that the code has.
- Each package that pyproject.toml asks for has a line there, and no other.
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
SKIPPED = frozenset(("templates", "__pycache__"))
"""Folders whose folders need no line."""


def main() -> None:
    """Print what is wrong; the status is 1 if anything is."""
    wrong = [
        *long_functions(PACKAGE),
        *wrong_layers(ROOT),
        *unlisted_folders(ROOT),
        *unknown_terms(ROOT),
        *unexplained_packages(ROOT),
        *unknown_axes(ROOT),
    ]
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
    shown = [line.split()[0] for line in block.splitlines() if not line.startswith(" " * 5)]
    if shown != enforced:
        yield f"docs/design.md: its layers are {shown}, and the contract's {enforced}"
    inside = {path.stem for path in (root / "ttrl_cli").iterdir() if path.stem[0] not in "_."}
    for name in sorted(inside - set(enforced) - DATA):
        yield f"pyproject.toml: {name} is in no layer"


def unlisted_folders(root: Path) -> Iterator[str]:
    """Name folders that have no line of their own in the page's lists."""
    page = (root / "docs" / "design.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^ {4,6}(\w+)(?: |$)", page, re.MULTILINE))
    folders = {path.parent for path in (root / "ttrl_cli").rglob("*.py")}
    folders |= {path for top in ("docs", "tests") for path in (root / top).iterdir()}
    for folder in sorted(folders):
        inside = set(folder.relative_to(root).parts)
        if folder.is_dir() and folder.name not in listed and not inside & SKIPPED:
            yield f"docs/design.md: {folder.relative_to(root)} has no line"


def unknown_terms(root: Path) -> Iterator[str]:
    """Name terms of the page whose names the code does not have."""
    terms = (root / "docs" / "design.md").read_text(encoding="utf-8").partition("## Terms")[2]
    rows = [line.split("|") for line in terms.partition("## ")[0].splitlines() if "|" in line]
    code = {path.read_text(encoding="utf-8") for path in (root / "ttrl_cli").rglob("*.py")}
    words = set(re.findall(r"\w+", " ".join(code)))
    for name in re.findall(r"`(\w+)`", " ".join(row[2] for row in rows)):
        if name not in words:
            yield f"docs/design.md: no {name} is in the code"


def unexplained_packages(root: Path) -> Iterator[str]:
    """Say in which packages the page and pyproject.toml differ."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"].get("optional-dependencies", {}).values()
    asked = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    asked += [requirement for extra in extras for requirement in extra]
    needed = {re.match(r"[\w.-]+", requirement)[0] for requirement in asked}  # type: ignore[index]
    page = (root / "docs" / "design.md").read_text(encoding="utf-8").partition("## Dependencies")[2]
    rows = [line.split("|")[1] for line in page.partition("## ")[0].splitlines() if "|" in line]
    said = {name for row in rows[2:] for name in re.sub(r"\(.*?\)", "", row).split(", ")}
    said = {name.strip() for name in said}
    for name in sorted(needed ^ said):
        part = "pyproject.toml alone" if name in needed else "docs/design.md alone"
        yield f"{name}: is in {part}"


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
