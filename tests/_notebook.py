"""Run the Python of a page as a notebook runs its cells: python -m tests._notebook PAGE.

Each block is a cell. As IPython does it, a cell's statements are compiled one by one under a name
that no file has, its text is kept in linecache, and `__main__` is a module without a file.
"""

import ast
import linecache
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType


def blocks(page: str) -> list[str]:
    """Return the blocks of Python in a page of Markdown."""
    return re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def run_cell(cell: str, module: ModuleType, name: str) -> None:
    """Run a cell in a module."""
    lines = cell.splitlines(keepends=True)
    linecache.cache[name] = (len(cell), None, lines, name)
    for statement in ast.parse(cell).body:
        exec(compile(ast.Module([statement], []), name, "exec"), module.__dict__)


def run_cells(cells: Iterable[str]) -> ModuleType:
    """Run cells one behind the other in a new `__main__`, and return it."""
    module = sys.modules["__main__"] = ModuleType("__main__")
    for place, cell in enumerate(cells):
        run_cell(cell, module, f"<cell-{place}-{abs(hash(cell)):x}>")
    return module


if __name__ == "__main__":
    run_cells(blocks(Path(sys.argv[1]).read_text(encoding="utf-8")))
