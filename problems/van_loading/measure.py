"""Call the candidate with each list of a trial; the data are figures, and no answers."""

from .generate import cases
from .verify import figures

HELD_OUT = 5  # times as many lists as a search has


def measure(candidate, trial):
    times = HELD_OUT if trial.split == "held-out" else 1
    count = trial.settings["cases"] * times
    given = cases(trial.rng("lists"), count, trial.settings["parcels"])
    # a program that has failed once is not valid: the rest need not be run
    outcomes = candidate.map(given, stop=lambda outcome: not outcome.ok)
    return [
        figures(case, outcome.data) if outcome.ok else {"failed": outcome.reason}
        for case, outcome in zip(given, outcomes, strict=False)
    ]
