"""`ttrl check PROBLEM`."""

from ttrl_cli.cli import options as o
from ttrl_cli.cli.solve import ProblemPath


def check(problem: ProblemPath, *, sandbox: o.Sandbox = None, as_json: o.AsJson = False) -> None:
    """Run a problem's seeds through its verifier and say what is wrong, with file and key."""
    from ttrl_cli import api
    from ttrl_cli.console import Console
    from ttrl_cli.prompts import number

    checked = api.check(problem, sandbox=sandbox)
    console = Console()
    if checked.warning:
        console.warn(checked.warning)
    spec = checked.problem.spec
    if as_json:
        seeds = [
            {"name": s.name, "score": s.verdict.score, "seconds": s.verdict.seconds}
            for s in checked.seeds
        ]
        console.result_json({"problem": spec.name, "direction": spec.direction, "seeds": seeds})
        return
    console.result(f"{spec.name}: ok, to {spec.direction}")
    for seed in checked.seeds:
        assert seed.verdict.score is not None
        score = number(seed.verdict.score)
        console.result(f"  {seed.name}  score {score}  ({seed.verdict.seconds:.2f} s)")
    if spec.best_known is not None:
        console.result(f"  best known  {number(spec.best_known)}")
