"""Count what docs/design.md says of the size of the house, for this tree or another one.

    python tests/house_figures.py [TREE]

- Files and lines of all Python files of the package, templates, comments and blank lines included.
- The longest function, from `def` to its last line, docstring included, decorators not.
- The definitions of an option: of the places in config.py and cli/ that name a field of the
  configuration (as a field, a parameter, a dictionary's key, or a type such as MaxTokens), the mean
  over all fields.
"""

import ast
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path


def main() -> None:
    """Print the figures of a tree."""
    root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent
    package = root / "ttrl_cli"
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(package.rglob("*.py"))}
    lines, where = max(functions(texts))
    counts = definitions(package)
    total = sum(text.count("\n") for text in texts.values())
    shown = f"""\
files                   {len(texts)}
lines                   {total:,}
longest function        {lines} ({where})
definitions per option  {statistics.mean(counts.values()):.1f} ({len(counts)} options)
"""
    sys.stdout.write(shown)


def functions(texts: dict[Path, str]) -> Iterator[tuple[int, str]]:
    """Yield the lines of each function, and its module and name."""
    for path, text in texts.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                yield length, f"{path.parent.name}/{path.name}: {node.name}"


def definitions(package: Path) -> Counter[str]:
    """Count the places that define each field of a run's configuration."""
    config = ast.parse((package / "config.py").read_text(encoding="utf-8"))
    fields = [
        node.target.id
        for owner in config.body
        if isinstance(owner, ast.ClassDef) and owner.name.endswith("Config")
        for node in owner.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    ]
    counts = Counter(fields)
    written = {name.replace("_", "").lower(): name for name in fields}
    for path in sorted((package / "cli").glob("*.py")):
        for name in named(ast.parse(path.read_text(encoding="utf-8"))):
            field = written.get(name.replace("_", "").lower())
            if field is not None:
                counts[field] += 1
    return counts


def named(tree: ast.Module) -> Iterator[str]:
    """Yield the parameters, the keys of dictionaries and the global names of a module."""
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Dict):
            yield from (str(key.value) for key in node.keys if isinstance(key, ast.Constant))
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            yield statement.targets[0].id


if __name__ == "__main__":
    main()
