"""Call the candidate with each case of a trial; the data are the score and the times of each."""

from ttrl_cli.contests.cases import case_seeds, inputs
from ttrl_cli.contests.judging import Judge

from . import game, generate


def measure(candidate, trial):
    seeds = case_seeds(trial, trial.settings["cases"])
    with trial.untimed():
        given = inputs("ahc058", generate.text, read, seeds)
    judge = Judge(seeds, lambda place, output: game.score(*given.cases[place], output))
    candidate.map(given.texts, stop=judge)
    return {"cases": judge.cases, "inputs_seconds": given.seconds}


def read(text):
    """Return what the machines of a case make, by kind, and cost, by level and kind."""
    _, makes, *costs = ([int(word) for word in line.split()] for line in text.splitlines())
    return makes, costs
