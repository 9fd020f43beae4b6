"""Call the candidate with each case of a trial; the data are the score and the times of each."""

import numpy as np

from ttrl_cli.contests.cases import case_seeds, inputs
from ttrl_cli.contests.judging import Judge

from . import generate, polygon


def measure(candidate, trial):
    seeds = case_seeds(trial, trial.settings["cases"])
    with trial.untimed():
        given = inputs("ahc039", generate.text, read, seeds)
    judge = Judge(seeds, lambda place, output: polygon.score(given.cases[place], output))
    candidate.map(given.texts, stop=judge)
    return {"cases": judge.cases, "inputs_seconds": given.seconds}


def read(text):
    """Return the points of a case, [10000, 2], the mackerels first."""
    return np.array(text.split()[1:], np.int64).reshape(-1, 2)
