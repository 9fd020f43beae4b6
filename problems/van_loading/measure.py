"""Call the candidate with each list of a trial; the data are the lists and what it answered."""

from .generate import cases

HELD_OUT = 5  # times as many lists as a search has


def measure(candidate, trial):
    times = HELD_OUT if trial.split == "held-out" else 1
    count = trial.settings["cases"] * times
    given = cases(trial.rng("lists"), count, trial.settings["parcels"])
    # a program that has failed once is not valid: the rest need not be run
    outcomes = candidate.map(given, stop=lambda outcome: not outcome.ok)
    return [case | _answer(outcome) for case, outcome in zip(given, outcomes, strict=False)]


def _answer(outcome):
    data = outcome.data
    return {
        "vans": data.tolist() if hasattr(data, "tolist") else data,  # of numpy
        "failed": "" if outcome.ok else outcome.reason or outcome.status,
    }
