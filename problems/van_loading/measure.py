"""Call the candidate with each list of a trial; the data are the lists and what it answered."""

from .generate import cases

HELD_OUT = 5  # as many times the lists of a search


def measure(candidate, trial):
    times = HELD_OUT if trial.split == "held-out" else 1
    count = trial.settings["cases"] * times
    given = cases(trial.rng("lists"), count, trial.settings["parcels"])
    # a program that failed once is not valid: the rest need not be run
    outcomes = candidate.map(given, stop=lambda outcome: not outcome.ok)
    answers = [
        {"vans": outcome.data if outcome.ok else None, "failed": outcome.reason}
        for outcome in outcomes
    ]
    return [case | answer for case, answer in zip(given, answers, strict=False)]
