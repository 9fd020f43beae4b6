"""`ttrl check PROBLEM`."""

from typing import TYPE_CHECKING

from ttrl_cli.cli import options as o
from ttrl_cli.cli.names import ProblemPath
from ttrl_cli.errors import ProblemError

if TYPE_CHECKING:
    from ttrl_cli.api.checking import Check, SeedCheck
    from ttrl_cli.records import Json


def check(
    problem: ProblemPath,
    *,
    limits: o.Limits = None,
    sandbox: o.Sandbox = None,
    settings: o.Settings = None,
    as_json: o.AsJson = False,
) -> None:
    """Run a problem's seeds through its verifier, attack that, and say what is wrong.

    The verifier is tried with data that are not finite, of wrong types, lengths and nesting, huge,
    tiny, or that claim a score. Exit code 2 if it crashes instead of refusing, accepts what is not
    finite, believes a claim, or gives another value on a second call.

    A problem with `measure` is tried instead with calls that fail, are late, huge or no text; and
    its first seed is measured twice, to see whether that gives the same.

    Example: ttrl check my-problem
    """
    from ttrl_cli import api
    from ttrl_cli.console import Console

    checked = api.check(
        problem,
        limits=o.parse_limits(limits),
        sandbox=sandbox,
        settings=o.parse_settings(settings),
    )
    console = Console()
    if checked.warning:
        console.warn(checked.warning)
    if as_json:
        console.result_json(_as_json(checked))
    else:
        console.result(_describe(checked))
    if checked.findings:
        why = f"{len(checked.findings)} of {checked.attacks} attacks found a fault in it"
        key = "verifier" if checked.problem.spec.measure is None else "measure"
        raise ProblemError(checked.problem.file, key, why)


def _describe(checked: "Check") -> str:
    from ttrl_cli.figures import number

    spec = checked.problem.spec
    width = max(len(seed.name) for seed in checked.seeds)
    code = "verifier" if spec.measure is None else "measure"
    fault = f"its {code} is at fault" if checked.findings else "ok"
    lines = [f"{spec.name}: {fault}, to {spec.direction}"]
    lines += [f"  {seed.name:<{width}}  {_figures(seed)}" for seed in checked.seeds]
    if spec.best_known is not None:
        source = f"  ({spec.best_known_source})" if spec.best_known_source else ""
        lines.append(f"  best known  {number(spec.best_known)}{source}")
    if spec.evaluator is not None:
        lines.append("  scores are unverified: the evaluator runs each program by itself")
        return "\n".join(lines)
    if checked.differs:
        lines.append(f"  two measurements on one trial differ: {checked.differs}")
    lines.append(f"  {checked.attacks} attacks on the {code}, {len(checked.findings)} findings")
    lines += [f"    {found.attack}: {found.what}" for found in checked.findings]
    return "\n".join(lines)


def _figures(seed: "SeedCheck") -> str:
    from ttrl_cli.figures import marked, number, shown_score

    assert seed.verdict.score is not None
    unverified = seed.verdict.unverified
    score = f"score {shown_score(seed.verdict.score, unverified=unverified)}"
    if len(seed.scores) > 1:
        low, high = number(min(seed.scores)), number(max(seed.scores))
        mark = marked(unverified=unverified)
        score = f"score {low} to {high}{mark} in {len(seed.scores)} roots"
    if seed.certificate is not None:
        which = "the first certified" if len(seed.scores) > 1 else "certified"
        score += f"  {which} {seed.certificate.decimal}"
    return f"{score}  ({seed.verdict.seconds:.2f} s)"


def _as_json(checked: "Check") -> "dict[str, Json]":
    spec = checked.problem.spec
    seeds = [
        {
            "name": seed.name,
            "score": seed.verdict.score,
            "certified": None if seed.certificate is None else seed.certificate.value,
            "seconds": seed.verdict.seconds,
            **({"roots": [*seed.scores]} if seed.scores else {}),
            **({"unverified": True} if seed.verdict.unverified else {}),
        }
        for seed in checked.seeds
    ]
    return {
        "problem": spec.name,
        "direction": spec.direction,
        "seeds": seeds,
        "attacks": checked.attacks,
        "findings": [{"attack": f.attack, "what": f.what} for f in checked.findings],
        **({} if spec.measure is None else {"differs": checked.differs}),
    }
