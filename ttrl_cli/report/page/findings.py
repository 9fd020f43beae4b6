"""The sentences at the top of a page: what was found and how, whether learning was healthy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ttrl_cli.figures import number, shown_score
from ttrl_cli.records import Json
from ttrl_cli.report.page.changes import change
from ttrl_cli.report.page.health import Series, Sign, signs
from ttrl_cli.report.page.lineage import Node
from ttrl_cli.report.summary import Summary


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The best solution among the nodes of a page.

    Attributes:
        node: The solution.
        sample: Which sample of the run it is, from 1; 0 for what was there before step 1.
        samples: How many samples the run has.
        parent: What it was made from; None for a seed.
        generations: How many solutions lie between it and its seed, that one included.
    """

    node: Node
    sample: int
    samples: int
    parent: Node | None
    generations: int


def best_sentences(
    found: Found, *, direction: str, best_known: float | None, unverified: bool = False
) -> list[str]:
    """Say which solution is the best, at which sample it was found, from what and by which change.

    Args:
        found: The best solution.
        direction: minimize or maximize.
        best_known: The best score that the problem names.
        unverified: Whether scores are what the solutions' own processes said.
    """
    node, parent = found.node, found.parent
    assert node.score is not None
    wanted = "lower" if direction == "minimize" else "higher"
    known = "" if best_known is None else f"; best known {number(best_known)}"
    score = shown_score(node.score, unverified=unverified)
    sentences = [f"The best score is {score} ({wanted} is better{known})."]
    if not found.sample:
        said = f"It is {node.id}, which was there before the first step: no attempt beat it."
        return [*sentences, said]
    sentences.append(
        f"Attempt {node.id} found it, in step {node.step}: sample {found.sample:,} of "
        f"{found.samples:,}."
    )
    if parent is not None:
        had = ""
        if parent.score is not None:
            had = f" (score {shown_score(parent.score, unverified=unverified)})"
        counted = change(_solution(parent), _solution(node))
        by = "" if counted is None else f"; the change: {counted}"
        sentences.append(f"It was made from {parent.id}{had}{by}.")
    sentences.append(f"It is {_times(found.generations)} away from its seed.")
    return sentences


def held_out_sentences(summary: Summary) -> list[str]:
    """Say what held-out trials say of the best solution, and whether the run went on after that."""
    found = None if summary.best is None else summary.best.held_out
    sentences = []
    if found is not None and found.score is not None:
        sentences.append(f"On held-out trials it scores {shown_score(found.score, found.error)}.")
    elif found is not None:
        sentences.append(f"On held-out trials it is not valid: {found.status}: {found.reason}.")
    return [*sentences, *([f"Held-out scores were {summary.went_on}."] if summary.went_on else [])]


def health_sentences(
    metrics: Mapping[str, Series], *, trained: bool, replayed: bool
) -> tuple[str, list[Sign]]:
    """Say in a sentence whether learning was healthy, and list the signs."""
    found = signs(metrics)
    bad = [sign.name for sign in found if not sign.good]
    if replayed:
        said = "Nothing was learned: the completions were scripted."
    elif not trained:
        said = "Nothing was learned: the run only searched, with the untrained model."
    elif not any(sign.name in ("entropy", "signal") for sign in found):
        said = "Nothing was learned yet."
    elif bad:
        said = f"Learning needs a look: {', '.join(bad)}."
    else:
        said = "Learning was healthy: no sign is out of its bounds."
    return said, found


def signs_json(found: Sequence[Sign]) -> list[Json]:
    """Return signs as JSON."""
    return [{"name": sign.name, "good": sign.good, "text": sign.text} for sign in found]


def _solution(node: Node) -> str:
    return node.texts.get("solution") or node.texts.get("text", "")


def _times(generations: int) -> str:
    return "one change" if generations == 1 else f"{generations} changes"


def vote_sentences(figures: Mapping[str, Json] | None) -> list[str]:
    """Say what a vote came to: how right it is, and whether training made one sample as good.

    Args:
        figures: The contents of summary.json; None before any.
    """
    if figures is None:
        return ["There is no finished pass over the questions yet."]
    before = figures.get("before", figures)
    after = figures.get("after")
    sentences = [f"{before['questions']} questions, {before['labelled']} of them with a label."]
    if "before" not in figures or after is None:
        return [*sentences, *_one_pass(before)]
    agreed = f"{_percent(before['majority_ratio'])} -> {_percent(after['majority_ratio'])}"
    sentences.append(f"Samples that agree with their majority: {agreed}.")
    if before["maj@n"] is None or after["maj@n"] is None:
        return [*sentences, "Without labels, nothing says whether the answers are right."]
    sentences.append(
        f"pass@1 {_percent(before['pass@1'])} -> {_percent(after['pass@1'])}, "
        f"maj@n {_percent(before['maj@n'])} -> {_percent(after['maj@n'])}."
    )
    gained = after["pass@1"] >= before["maj@n"]
    sentences.append(
        f"pass@1 after against maj@n before: {_percent(after['pass@1'])} against "
        f"{_percent(before['maj@n'])}; one sample now is "
        f"{'at least as good as' if gained else 'worse than'} the vote that taught it."
    )
    return sentences


def _one_pass(figures: Mapping[str, Json]) -> list[str]:
    agreed = f"Samples that agree with their majority: {_percent(figures['majority_ratio'])}."
    if figures["maj@n"] is None:
        return [agreed, "Without labels, nothing says whether the answers are right."]
    right = f"pass@1 {_percent(figures['pass@1'])}, maj@n {_percent(figures['maj@n'])}."
    return [agreed, right]


def _percent(share: float) -> str:
    return f"{100 * share:.1f}%"
