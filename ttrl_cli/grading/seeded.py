"""Whether a program takes `seed`, judged by its text: if not, one run of it is as good as many."""

import ast
from collections.abc import Iterator

from ttrl_cli.problem import Solution

_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def takes_seed(text: str, solution: Solution) -> bool:
    """Decide whether a program may take `seed`, an argument of its entry or a key on its input.

    Where the text does not tell, as with an entry that is decorated or imported, it may.

    Args:
        text: The program; not a model's, which could be written to stop the parser.
        solution: Its language and entry.
    """
    if solution.language == "cpp":
        return "seed" in text  # it would have to look for this key in what it reads
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True  # the problem's own interpreter may be newer
    bound = list(_binding(tree, solution.entry))
    return not bound or any(_may_take(node) for node in bound)


def _binding(tree: ast.Module, name: str) -> Iterator[ast.AST]:
    """Yield the nodes that bind a name, at whatever depth."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() if node.name == name:
                yield node
            case ast.Name(id=bound, ctx=ast.Store()) if bound == name:
                yield node
            case ast.alias() if (node.asname or node.name) in (name, "*"):
                yield node


def _may_take(node: ast.AST) -> bool:
    if not isinstance(node, _FUNCTION) or node.decorator_list:
        return True
    named = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
    return "seed" in named or node.args.kwarg is not None
