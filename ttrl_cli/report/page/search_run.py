"""A search as the data of a page: small columns to draw from, and packed texts to look at."""

import json
import statistics
from collections.abc import Mapping, Sequence

from ttrl_cli.problem import Problem
from ttrl_cli.prompts import solve_messages
from ttrl_cli.records import Json, State
from ttrl_cli.report.page.about import about, columns
from ttrl_cli.report.page.findings import (
    Found,
    best_sentences,
    health_sentences,
    held_out_sentences,
    signs_json,
)
from ttrl_cli.report.page.lineage import Node, nodes, read_states
from ttrl_cli.report.page.texts import MAX_CHARACTERS, Texts
from ttrl_cli.report.summary import summarise
from ttrl_cli.rundir import RunDir
from ttrl_cli.sampler.registry import is_replay


def search_run(run: RunDir) -> tuple[dict[str, Json], list[str]]:
    """Return the data of a search, and its packed texts.

    Raises:
        UsageError: If the run is damaged, or is not one of `ttrl solve`.
    """
    config = run.solve_config
    problem = run.problem()
    states = read_states(run)
    all_nodes = list(nodes(run, problem, states))
    number_of = {node.id: index for index, node in enumerate(all_nodes)}
    first = sum(node.status in ("seed", "earlier") for node in all_nodes)
    metrics = columns(run.lines("metrics.jsonl"))
    metrics["spread"] = reward_spread(all_nodes[first:])
    said, seen = health_sentences(metrics, trained=config.train, replayed=is_replay(config.sampler))
    best = _best(run, problem, all_nodes, number_of)
    texts, prompts = _texts(problem, all_nodes, states)
    summary = summarise(run, problem.spec.best_known)
    data = {
        **about(run, summary),
        "direction": problem.spec.direction,
        "form": problem.spec.solution.kind,
        "statement": problem.statement,
        "best_known_source": problem.spec.best_known_source,
        "nodes": _node_columns(all_nodes, number_of),
        "first": first,
        "prompts": prompts,
        "metrics": metrics,
        "best": best,
        "unverified": problem.spec.evaluator is not None,
        "findings": [
            *_findings(best, all_nodes, number_of, first, problem),
            *held_out_sentences(summary),
        ],
        "health": {"text": said, "signs": signs_json(seen)},
    }
    return data, texts.parts()


def reward_spread(attempts: Sequence[Node]) -> list[float | None]:
    """Return for each step the mean over its groups of the rewards' standard deviation.

    Only valid attempts have a reward; a step none of whose groups has two is None.
    """
    groups: dict[int, dict[tuple[str, str | None], list[float]]] = {}
    for node in attempts:
        rewards = groups.setdefault(node.step, {}).setdefault(
            (node.id.rpartition(".")[0], node.parent), []
        )
        if node.reward is not None:
            rewards.append(node.reward)
    return [
        statistics.fmean(spreads)
        if (spreads := [statistics.pstdev(r) for r in of_step.values() if len(r) > 1])
        else None
        for _, of_step in sorted(groups.items())
    ]


def _node_columns(all_nodes: Sequence[Node], number_of: Mapping[str, int]) -> dict[str, list[Json]]:
    return {
        "id": [node.id for node in all_nodes],
        "parent": [
            -1 if node.parent is None else number_of.get(node.parent, -1) for node in all_nodes
        ],
        "step": [node.step for node in all_nodes],
        "score": [node.score for node in all_nodes],
        "status": [node.status for node in all_nodes],
        "advantage": [node.advantage for node in all_nodes],
        "tokens": [node.tokens for node in all_nodes],
        "finished": [node.finished for node in all_nodes],
        "kept": [node.kept for node in all_nodes],
    }


def _texts(
    problem: Problem, all_nodes: Sequence[Node], states: Mapping[str, State]
) -> tuple[Texts, dict[str, int]]:
    """Pack the nodes' texts, then the prompt of each parent; return them and the prompts' numbers.

    Prompts are not stored in a run: they are rendered again, as the run rendered them, from its own
    copy of the problem.
    """
    texts = Texts()
    for node in all_nodes:
        texts.add(node.texts)
    prompts: dict[str, int] = {}
    for node in all_nodes:
        if node.parent is None or node.parent in prompts or node.status == "earlier":
            continue
        parent = states[node.parent]
        before = None if parent.parent is None else states[parent.parent].score
        messages = solve_messages(problem, parent, before)
        turns = [{"role": one.role, "content": one.content} for one in messages]
        prompts[node.parent] = texts.add({"messages": turns})
    return texts, prompts


def _best(
    run: RunDir, problem: Problem, all_nodes: Sequence[Node], number_of: Mapping[str, int]
) -> dict[str, Json] | None:
    """Describe the best solution; one of a step that was not committed has no node."""
    verdict = run.best.verdict()
    if verdict is None:
        return None
    held_out = run.best.held_out()
    return {
        "id": verdict["id"],
        "node": number_of.get(verdict["id"], _best_node(problem, all_nodes)),
        "score": verdict["score"],
        "error": verdict.get("error"),
        "metrics": verdict["metrics"],
        "held_out": None if held_out is None else held_out.as_json(),
        "certificate": _certificate(run),
        "data": _short(run.best.data()),
    }


def _best_node(problem: Problem, all_nodes: Sequence[Node]) -> int | None:
    """Return the number of the node with the best score, of equals the first; None without one."""
    scored = [(n.score, index) for index, n in enumerate(all_nodes) if n.score is not None]
    if not scored:
        return None
    return max(scored, key=lambda pair: (problem.signed(pair[0]), -pair[1]))[1]


def _certificate(run: RunDir) -> dict[str, Json] | None:
    certificate = run.best.certificate()
    if certificate is None:
        return None
    return {"claim": certificate.get("claim"), "text": _short(certificate)}


def _short(value: Json) -> str:
    text = json.dumps(value)
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]} ..."


def _findings(
    best: Mapping[str, Json] | None,
    all_nodes: Sequence[Node],
    number_of: Mapping[str, int],
    first: int,
    problem: Problem,
) -> list[str]:
    index = None if best is None else best["node"]
    if index is None:
        return ["There is no valid solution yet."]
    node = all_nodes[index]
    generations, above = 0, node
    while above.parent is not None and above.parent in number_of:
        generations, above = generations + 1, all_nodes[number_of[above.parent]]
    found = Found(
        node=node,
        sample=max(0, index - first + 1),
        samples=len(all_nodes) - first,
        parent=None if node.parent is None else all_nodes[number_of[node.parent]],
        generations=generations,
    )
    spec = problem.spec
    return best_sentences(
        found,
        direction=spec.direction,
        best_known=spec.best_known,
        unverified=spec.evaluator is not None,
    )
