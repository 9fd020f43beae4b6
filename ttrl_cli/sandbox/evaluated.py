"""Another tool's evaluator and the program that it judges, together in one sandboxed process."""

from ttrl_cli.problem import Limits
from ttrl_cli.sandbox.base import Program, ProgramResult
from ttrl_cli.sandbox.outcome import judge, result_of
from ttrl_cli.sandbox.session import Sandbox


def evaluate(
    sandbox: Sandbox, program: Program, evaluator: str, file: str, limits: Limits
) -> ProgramResult:
    """Let an evaluator judge a program; its data are what the evaluator said.

    Args:
        sandbox: Where both run; the evaluator's file is among those that it shows.
        program: The program's source, and `seed` among its arguments.
        evaluator: The evaluator's file, as a path from the working folder.
        file: The name that the program gets there.
        limits: What both may use together.

    Raises:
        SandboxError: If the sandbox failed twice. Whatever the two do is in the result.
        SetupError: If the sandbox cannot be started at all.
    """
    request = {
        "kind": "evaluate",
        "source": program.source,
        "file": file,
        "evaluator": evaluator,
        "arguments": program.arguments,
    }
    run = sandbox.attempt(request, limits)
    return result_of(run, judge(run, limits))
