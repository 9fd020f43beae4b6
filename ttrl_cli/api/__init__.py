"""What the commands call, and what a notebook may: solve, vote, resume, check, new and more.

Each returns a record and prints nothing; progress goes to the reporter it is given. Everything
that can be wrong with the user's input is found before a model is loaded and before a run
directory is made.
"""

from ttrl_cli.api.checking import check
from ttrl_cli.api.doctoring import doctor
from ttrl_cli.api.exporting import export
from ttrl_cli.api.scaffolding import new
from ttrl_cli.api.solving import best_known, require_solution, resume, solve
from ttrl_cli.api.verifying import check_certificate, verify
from ttrl_cli.api.voting import vote, vote_figures, votes

__all__ = [
    "best_known",
    "check",
    "check_certificate",
    "doctor",
    "export",
    "new",
    "require_solution",
    "resume",
    "solve",
    "verify",
    "vote",
    "vote_figures",
    "votes",
]
