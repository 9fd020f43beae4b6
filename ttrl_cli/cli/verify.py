"""`ttrl verify PROBLEM SOLUTION` and `ttrl verify --certificate FILE`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ttrl_cli.cli import options as o
from ttrl_cli.cli.names import MaybeProblemPath
from ttrl_cli.errors import Invalid, NoSolutionError, UsageError
from ttrl_cli.reading import decoded

if TYPE_CHECKING:
    from ttrl_cli.api.verifying import Verification
    from ttrl_cli.bounds.certificate import Certificate
    from ttrl_cli.records import Json

INVALID = NoSolutionError.exit_code


def verify(
    problem: MaybeProblemPath = None,
    solution: Annotated[
        Path | None,
        typer.Argument(metavar="SOLUTION", help="A program, text, or JSON; - for standard input."),
    ] = None,
    *,
    certify: Annotated[
        bool, typer.Option("--certify", help="Compute a bound that is a theorem, too.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the certificate here; goes with --certify."),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Check this certificate instead of a solution."),
    ] = None,
    limits: o.Limits = None,
    sandbox: o.Sandbox = None,
    settings: o.Settings = None,
    secret_file: o.SecretFile = None,
    as_json: o.AsJson = False,
) -> None:
    """Verify a solution: exit code 0 if it is valid, 4 if it is not.

    Data are an array of numbers, {"sequence": [...]}, an array of [x, y, r], {"circles": [...]}, or
    whatever else the problem's verifier takes. Values that a solution claims do not count.

    A certificate is checked alone, in exact arithmetic: exit code 0 if it proves what it says, 4 if
    not. One by a problem's own `certify` needs PROBLEM as well.

    Example: ttrl verify ac1_16 solution.json
    """
    if certificate is not None:
        if solution is not None or certify or any((out, limits, sandbox, secret_file)):
            msg = "--certificate FILE goes with --json, and PROBLEM and --set; with nothing else"
            raise UsageError(msg)
        _check(certificate, problem, o.parse_settings(settings), as_json=as_json)
        return
    if problem is None or solution is None:
        msg = "expected PROBLEM and SOLUTION, or --certificate FILE"
        raise UsageError(msg)
    if out is not None:
        _require_place(out, certify=certify)
    from ttrl_cli import api

    found = api.verify(
        problem,
        read_solution(solution),
        name=solution.name,
        certify=certify,
        limits=o.parse_limits(limits),
        sandbox=sandbox,
        settings=o.parse_settings(settings),
        secret_file=secret_file,
    )
    _tell(found, out, drawn=secret_file is None, as_json=as_json)


def _require_place(out: Path, *, certify: bool) -> None:
    """Refuse a place for the certificate where none can be written, or where none is asked for.

    Raises:
        UsageError: If it is refused.
    """
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


def _check(file: Path, problem: Path | None, settings: dict[str, str], *, as_json: bool) -> None:
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
        return f"not valid: {verdict.status}: {verdict.reason}"
    first = "evaluated" if verdict.unverified else "valid"
    score = shown_score(verdict.score, verdict.error, unverified=verdict.unverified)
    lines = [first, f"  score       {score}  ({verdict.seconds:.2f} s)"]
    lines += [f"  {name:<11} {number(value)}" for name, value in verdict.metrics.items()]
    if found.certificate is not None:
        lines.append(f"  certified   {found.certificate.document()['claim']}")
    if spec.best_known is not None:
        source = f"  ({spec.best_known_source})" if spec.best_known_source else ""
        lines.append(f"  best known  {number(spec.best_known)}{source}")
        lines.append(f"  better      {'yes' if found.better else 'no'}")
    return "\n".join(lines)
