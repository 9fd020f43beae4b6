"""`ttrl verify PROBLEM SOLUTION`, `ttrl verify --certificate FILE`, `ttrl verify RUN --top N`."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ttrl_cli.cli import options as o
from ttrl_cli.cli.names import MaybeProblemPath
from ttrl_cli.cli.shortlist import MeasureCommand, Name, Random, Repeat, Top, print_shortlist
from ttrl_cli.errors import Invalid, NoSolutionError, UsageError
from ttrl_cli.reading import decoded

if TYPE_CHECKING:
    from ttrl_cli.api.verifying import Verification
    from ttrl_cli.bounds.certificate import Certificate
    from ttrl_cli.records import Json

INVALID = NoSolutionError.exit_code


Solution = Annotated[
    Path | None,
    typer.Argument(metavar="SOLUTION", help="A program, text, or JSON; - for standard input."),
]
Certify = Annotated[bool, typer.Option("--certify", help="Compute a bound that is a theorem, too.")]
Out = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Write the certificate here, or the JSON lines of a shortlist."
    ),
]
CertificateFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Check this certificate instead of a solution."),
]
HeldOut = Annotated[
    bool,
    typer.Option("--held-out", help="Measure on held-out trials; of a problem with `measure`."),
]
Trials = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Measure on the trials with these seeds, one a line; of a problem with `measure`.",
    ),
]
AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON object; of a shortlist, one for each solution."),
]


def verify(
    problem: MaybeProblemPath = None,
    solution: Solution = None,
    *,
    certify: Certify = False,
    out: Out = None,
    certificate: CertificateFile = None,
    limits: o.Limits = None,
    sandbox: o.Sandbox = None,
    settings: o.Settings = None,
    secret_file: o.SecretFile = None,
    held_out: HeldOut = False,
    trials: Trials = None,
    top: Top = None,
    random: Random = None,
    repeat: Repeat = None,
    measure: MeasureCommand = None,
    name: Name = None,
    as_json: AsJson = False,
) -> None:
    """Verify a solution: exit code 0 if it is valid, 4 if it is not.

    Data are an array of numbers, {"sequence": [...]}, an array of [x, y, r], {"circles": [...]}, or
    whatever else the problem's verifier takes. Values that a solution claims do not count.

    A certificate is checked alone, in exact arithmetic: exit code 0 if it proves what it says, 4 if
    not. One by a problem's own `certify` needs PROBLEM as well.

    With a run as PROBLEM, --top measures its best solutions again, on fresh trials, and ranks them;
    a shortlist that was stopped goes on where it was.

    Example: ttrl verify ac1_16 solution.json
    """
    shortlist = {"top": top, "random": random, "repeat": repeat, "command": measure, "name": name}
    how: dict[str, Any] = {"limits": o.parse_limits(limits), "sandbox": sandbox}
    how["held_out"] = held_out
    given = o.parse_settings(settings)
    if any(value is not None for value in shortlist.values()):
        run = _run_of(problem, (solution, certify, certificate, given, secret_file, trials))
        print_shortlist(run, {**shortlist, **how}, out=out, as_json=as_json)
    elif certificate is not None:
        others = (solution, certify, out, limits, sandbox, secret_file, held_out, trials)
        _check(certificate, problem, given, others=others, as_json=as_json)
    else:
        how |= {"certify": certify, "settings": given, "secret_file": secret_file}
        _verify(problem, solution, how, trials=trials, out=out, as_json=as_json)


def _verify(
    problem: Path | None,
    solution: Path | None,
    how: Mapping[str, Any],
    *,
    trials: Path | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Verify a solution; `how` has further arguments of `api.verify`."""
    if problem is None or solution is None:
        msg = "expected PROBLEM and SOLUTION, RUN and --top N, or --certificate FILE"
        raise UsageError(msg)
    _require_place(out, certify=how["certify"])
    from ttrl_cli import api

    seeds = () if trials is None else api.read_trials(trials)
    text = read_solution(solution)
    found = api.verify(problem, text, name=solution.name, trials=seeds, **how)
    _tell(found, out, drawn=how["secret_file"] is None, as_json=as_json)


def _run_of(run: Path | None, others: Sequence[object]) -> Path:
    """Return the run of a shortlist; refuse options that do not go with one.

    Raises:
        UsageError: If there is no run, or another option was given.
    """
    if run is None or any(others):
        msg = (
            "a shortlist is made by ttrl verify RUN --top N, with --random, --repeat, --measure, "
            "--held-out, --limits, --sandbox, --name, --out and --json; with nothing else"
        )
        raise UsageError(msg)
    return run


def _require_place(out: Path | None, *, certify: bool) -> None:
    """Refuse a place for the certificate where none can be written, or where none is asked for.

    Raises:
        UsageError: If it is refused.
    """
    if out is None:
        return
    if not certify:
        msg = "--out is where the certificate goes: give --certify with it"
        raise UsageError(msg)
    if out.exists() or not out.parent.is_dir():
        why = "exists already" if out.exists() else "cannot be written: its folder does not exist"
        msg = f"{out} {why}; choose another --out"
        raise UsageError(msg)


def _tell(found: "Verification", out: Path | None, *, drawn: bool, as_json: bool) -> None:
    from ttrl_cli.console import Console

    console = Console()
    if found.warning:
        console.warn(found.warning)
    if found.secret and drawn:
        console.say(f"its trial was drawn from the secret {found.secret}")
    if as_json:
        console.result_json(found.as_json())
    else:
        console.result(_describe(found))
    if not found.verdict.valid:
        raise typer.Exit(INVALID)
    if out is not None and found.certificate is not None:
        _write(out, found.certificate)
    elif found.uncertified and out is None:
        console.warn(f"not certified: {found.uncertified}")
    elif found.uncertified:
        msg = f"{out} was not written: {found.uncertified}"
        raise NoSolutionError(msg)


def _check(
    file: Path,
    problem: Path | None,
    settings: dict[str, str],
    *,
    others: Sequence[object],
    as_json: bool,
) -> None:
    if any(others):
        msg = "--certificate FILE goes with --json, and PROBLEM and --set; with nothing else"
        raise UsageError(msg)
    from ttrl_cli import api
    from ttrl_cli.console import Console
    from ttrl_cli.sandbox.protocol import MalformedError, read_json

    console = Console()
    try:
        found = api.check_certificate(read_json(_text(file)), problem, settings)
    except (Invalid, MalformedError) as refusal:
        if as_json:
            figures: dict[str, Json] = dict.fromkeys(("kind", "claim", "bound", "certified"))
            console.result_json({"valid": False, "reason": str(refusal), **figures})
        else:
            console.result(f"not valid: {refusal}")
        raise typer.Exit(INVALID) from None
    if as_json:
        console.result_json(
            {
                "valid": True,
                "reason": "",
                "kind": found.kind,
                "claim": found.document()["claim"],
                "bound": str(found.bound),
                "certified": found.value,
            }
        )
    else:
        console.result(f"valid\n  {found.document()['claim']}")


def read_solution(file: Path) -> bytes:
    """Read a file, or standard input where it is -.

    Raises:
        UsageError: If it cannot be read.
    """
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        msg = f"{file} cannot be read: {error.strerror}"
        raise UsageError(msg) from error


def _text(file: Path) -> str:
    """Read a certificate's text.

    Raises:
        Invalid: If it is not UTF-8.
    """
    try:
        return decoded(read_solution(file))
    except ValueError as error:
        raise Invalid(str(error)) from error


def _write(file: Path, found: "Certificate") -> None:
    import json

    try:
        file.write_text(json.dumps(found.document()) + "\n", encoding="utf-8")
    except OSError as error:
        msg = f"{file} cannot be written: {error.strerror}"
        raise UsageError(msg) from error


def _describe(found: "Verification") -> str:
    """Describe a verification for people."""
    from ttrl_cli.figures import number, shown_score

    verdict, spec = found.verdict, found.problem.spec
    if verdict.score is None:
        refused = f"not valid: {verdict.status}: {verdict.reason}"
        return "\n".join([refused, *_by_trial(found)])
    first = "evaluated" if verdict.unverified else "valid"
    what = "mean" if len(found.trials) > 1 else "score"
    if found.split == "held-out":
        first += f" on held-out trial{'s' * (what == 'mean')}"
    score = shown_score(verdict.score, verdict.error, unverified=verdict.unverified)
    lines = [first, *_by_trial(found)]
    lines.append(f"  {what:<11} {score}  ({verdict.seconds:.2f} s)")
    lines += [f"  {name:<11} {number(value)}" for name, value in verdict.metrics.items()]
    if found.certificate is not None:
        lines.append(f"  certified   {found.certificate.document()['claim']}")
    if spec.best_known is not None:
        source = f"  ({spec.best_known_source})" if spec.best_known_source else ""
        lines.append(f"  best known  {number(spec.best_known)}{source}")
        lines.append(f"  better      {'yes' if found.better else 'no'}")
    return "\n".join(lines)


def _by_trial(found: "Verification") -> list[str]:
    """Say what a solution is worth on each of several trials."""
    from ttrl_cli.figures import with_error

    if len(found.trials) < 2:
        return []
    width = max(len(str(one.seed)) for one in found.trials)
    return [
        f"  trial {one.seed:<{width}}  "
        + (
            f"{one.verdict.status}: {one.verdict.reason}"
            if one.verdict.score is None
            else with_error(one.verdict.score, one.verdict.error)
        )
        for one in found.trials
    ]
