"""What the commands call, and what a notebook may: solve, vote, resume, check, new and more.

Each returns a record and prints nothing; progress goes to the reporter it is given. Everything
that can be wrong with the user's input is found before a model is loaded and before a run
directory is made.

A function's module is imported when the function is asked for: a vote need not wait for what
verifies a packing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ttrl_cli.api.checking import check
    from ttrl_cli.api.copying import copy_problem
    from ttrl_cli.api.diagnose import doctor, memory_plan, prompt_note
    from ttrl_cli.api.exporting import export
    from ttrl_cli.api.listing import problems
    from ttrl_cli.api.measuring import measure
    from ttrl_cli.api.reporting import report
    from ttrl_cli.api.scaffolding import new
    from ttrl_cli.api.shortlisting import shortlist
    from ttrl_cli.api.solution_package import export_solution
    from ttrl_cli.api.solving import best_known, require_solution, resume, solve
    from ttrl_cli.api.trials import read_trials
    from ttrl_cli.api.verifying import check_certificate, verify
    from ttrl_cli.api.voting import vote, vote_figures, votes

_MODULES = {
    "best_known": "solving",
    "check": "checking",
    "check_certificate": "verifying",
    "copy_problem": "copying",
    "doctor": "diagnose",
    "export": "exporting",
    "measure": "measuring",
    "export_solution": "solution_package",
    "memory_plan": "diagnose",
    "new": "scaffolding",
    "problems": "listing",
    "prompt_note": "diagnose",
    "read_trials": "trials",
    "report": "reporting",
    "require_solution": "solving",
    "resume": "solving",
    "shortlist": "shortlisting",
    "solve": "solving",
    "verify": "verifying",
    "vote": "voting",
    "vote_figures": "voting",
    "votes": "voting",
}

__all__ = [
    "best_known",
    "check",
    "check_certificate",
    "copy_problem",
    "doctor",
    "export",
    "export_solution",
    "measure",
    "memory_plan",
    "new",
    "problems",
    "prompt_note",
    "read_trials",
    "report",
    "require_solution",
    "resume",
    "shortlist",
    "solve",
    "verify",
    "vote",
    "vote_figures",
    "votes",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
