"""Make a language model better at the one problem in front of it.

    problem = ttrl_cli.Problem(statement=..., verify=..., score=..., seeds=[...])
    summary = ttrl_cli.solve(problem, steps=20)
    summary = ttrl_cli.vote(["What is 2 + 3?"], group_size=16)
    answers = ttrl_cli.votes(summary)

`Invalid` is what a problem's verifier raises to refuse a solution. The others are imported when
they are first asked for: a verifier needs none of them.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ttrl_cli.errors import Invalid, TtrlError

if TYPE_CHECKING:
    from ttrl_cli.api.python import resume, solve, verify, vote, votes
    from ttrl_cli.api.python_problem import Problem

_MODULES = {
    "Problem": "python_problem",
    "resume": "python",
    "solve": "python",
    "verify": "python",
    "vote": "python",
    "votes": "python",
}

__all__ = [
    "Invalid",
    "Problem",
    "TtrlError",
    "__version__",
    "resume",
    "solve",
    "verify",
    "vote",
    "votes",
]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(f"{__name__}.api.{_MODULES[name]}"), name)
