"""The prompt of a step, as text.

A problem may replace the template (`prompt.template`); it is Jinja with the variables of
`PromptVariables`, and a name it does not know is an error. What a program or a verifier wrote is
quoted in a fence that is longer than any run of backticks in it, so that it cannot end its quote.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache

import jinja2
import jinja2.sandbox

from ttrl_cli.errors import ProblemError
from ttrl_cli.figures import number
from ttrl_cli.problem import Problem
from ttrl_cli.records import Message, State
from ttrl_cli.settings import Value
from ttrl_cli.solutions import standard_of

OUTPUT_CHARACTERS = 500
"""How much of a program's output the next prompt shows (TTT-Discover, arXiv 2601.16175)."""

TEMPLATE = """\
{{ statement }}

{% if direction == "minimize" -%}
The score is to be as low as possible.
{%- else -%}
The score is to be as high as possible.
{%- endif %}
{%- if best_known is not none %} The best score known is {{ best_known }}.{% endif %}

## The solution so far

{{ marks }}{{ fence }}
{{ solution }}
{{ marks }}

{% if before is not none -%}
Its score: {{ before }} -> {{ after }} (the solution it was made from -> this one).
{%- else -%}
Its score: {{ after }}.
{%- endif %}
{% if output %}
The end of what it printed:

{{ marks }}
{{ output }}
{{ marks }}
{% endif %}
{%- if feedback and feedback_has_fence %}
What the verifier says about it:

{{ marks }}
{{ feedback }}
{{ marks }}
{% elif feedback %}
What the verifier says about it: {{ feedback }}
{% endif %}
## Your task

Write a solution with a {{ "lower" if direction == "minimize" else "higher" }} score. \
Try something different from the solution above: another idea, not the same one again.
{% if evaluated -%}
Answer with one complete program in a ```{{ fence }} block: all of it, not the changed part alone. \
An evaluator runs it and gives the score; keep the names and arguments that it calls. Where the \
program above has the marks EVOLVE-BLOCK-START and EVOLVE-BLOCK-END, change only what stands \
between them, and keep the marks. The evaluator has {{ seconds }} s and {{ memory_mb }} MiB of \
memory for it.
{%- if imports %} These packages are there: {{ imports | join(", ") }}.{% endif %}
{%- elif kind == "program" and measured -%}
Answer with one complete {{ "C++" + standard if language == "cpp" else "Python" }} program in a \
```{{ language }} block. It is run on inputs that it has not seen, as the problem says: each time \
in a fresh process, for at most {{ seconds }} seconds and with at most {{ memory_mb }} MiB of \
memory. What it answers is checked and scored by us, and nothing that it claims counts.
{%- if imports %} These packages are there: {{ imports | join(", ") }}.{% endif %}
{%- elif kind == "program" and language == "cpp" -%}
Answer with one complete C++{{ standard }} program in a ```cpp block. It prints the solution's \
data to the standard output as one JSON value and ends with status 0; the data is verified and \
scored by us, and nothing else that the program claims or prints counts. On its standard input \
it finds a JSON object with seed (an integer), seconds (how long it may run: {{ seconds }}), \
cpus (cores it may use: {{ cpus }}) and parent (the data of the solution above), which it may \
ignore. It may use {{ memory_mb }} MiB of memory.
{%- elif kind == "program" -%}
Answer with one complete Python program in a ```python block. It defines a function \
`{{ entry }}` that returns the solution's data; the data is verified and scored by us, and \
nothing that the program claims or prints counts. `{{ entry }}` may take any of the keyword \
arguments seed (an integer), seconds (how long it may run: {{ seconds }}), cpus (cores it may \
use: {{ cpus }}) and parent (the data of the solution above).
{%- if imports %} These packages are there: {{ imports | join(", ") }}.{% endif %} \
It may use {{ memory_mb }} MiB of memory.
{%- elif kind == "json" -%}
Answer with the solution as JSON in one ```json block.
{%- else -%}
Answer with the solution in one ``` block.
{%- endif %}
{%- if kind == "program" and files %} These files lie in its working folder, to be read: \
{{ files | join(", ") }}.{% endif %}
{%- if kind == "program" and flags %} It is compiled by g++ with {{ flags | join(" ") }}.{% endif %}
{%- if region and not evaluated %}

Change only what stands between the lines with EVOLVE-BLOCK-START and EVOLVE-BLOCK-END, and keep \
those lines: a solution that differs elsewhere is refused.
{%- endif %}
{%- if edit == "diff" %}

In place of the whole you may answer with edits of the solution above, one or several in this form:

<<<<<<< SEARCH
lines of the solution above, copied exactly
=======
the lines that take their place
>>>>>>> REPLACE

Each SEARCH part must stand in the solution once: copy as many lines as tell the place.
{%- endif %}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptVariables:
    """The variables of a template.

    Attributes:
        statement: The problem's statement.
        direction: minimize or maximize.
        best_known: The best score known, as text; None where the problem names none.
        solution: The parent's solution, as the problem renders it.
        before: The score of the parent's own parent, as text; None for a seed.
        after: The parent's score, as text.
        output: The end of what the parent's program printed.
        feedback: What the score said about the parent.
        kind: program, text or json.
        fence: The language named on the solution's code block.
        marks: A fence of backticks that nothing in solution, output and feedback can close.
        feedback_has_fence: Whether a line of the feedback could open or close a fence.
        language: The language of a program.
        entry: The function a Python program defines.
        seconds: A program's time limit.
        cpus: Cores a program may use.
        memory_mb: Memory a program may use, in MiB.
        imports: Packages a program may count on.
        settings: The problem's settings, by name.
        files: Files that a program finds in its working folder.
        flags: The compiler's flags for C++ programs, besides those that all have.
        standard: The number of the C++ standard.
        evaluated: Whether another tool's evaluator gives the scores, which are then unverified.
        measured: Whether the problem's code drives the program.
        edit: diff where a completion may be edits of the solution; none elsewhere.
        region: Whether the marks EVOLVE-BLOCK-START and EVOLVE-BLOCK-END bound what may change.
    """

    statement: str
    direction: str
    best_known: str | None
    solution: str
    before: str | None
    after: str
    output: str
    feedback: str
    kind: str
    fence: str
    marks: str
    feedback_has_fence: bool
    language: str
    entry: str
    seconds: str
    cpus: int
    memory_mb: int
    imports: tuple[str, ...]
    settings: Mapping[str, Value]
    files: tuple[str, ...]
    flags: tuple[str, ...]
    standard: str
    evaluated: bool
    measured: bool
    edit: str
    region: bool


_BACKTICKS = re.compile("`+")
_FENCE = re.compile(r"^[ \t]*(?:`{3}|~{3})", re.MULTILINE)
FEEDBACK_CHARACTERS = 2000
"""How much of the score's feedback the next prompt shows, so that prompts stay bounded."""


def solve_messages(problem: Problem, parent: State, before: float | None) -> tuple[Message, ...]:
    """Return the conversation that asks for a better solution than `parent`.

    Args:
        problem: The problem.
        parent: The state to start from.
        before: The score of the parent's own parent; None for a seed.

    Raises:
        ProblemError: If the problem's template is malformed or uses an unknown variable.
    """
    spec = problem.spec
    solution = parent.shown.strip()
    output = parent.output[-OUTPUT_CHARACTERS:].strip()
    feedback = parent.feedback[:FEEDBACK_CHARACTERS].strip()
    variables = PromptVariables(
        statement=problem.statement,
        direction=spec.direction,
        best_known=None if spec.best_known is None else number(spec.best_known),
        solution=solution,
        before=None if before is None else number(before),
        after=number(parent.score),
        output=output,
        feedback=feedback,
        kind=spec.solution.kind,
        fence={"program": spec.solution.language, "json": "json", "text": ""}[spec.solution.kind],
        marks=_marks(solution, output, feedback),
        feedback_has_fence=_FENCE.search(feedback) is not None,
        language=spec.solution.language,
        entry=spec.solution.entry,
        seconds=number(spec.limits.seconds),
        cpus=spec.limits.cpus,
        memory_mb=spec.limits.memory_mb,
        imports=tuple(spec.environment.imports),
        settings=problem.settings,
        files=tuple(spec.solution.files),
        flags=tuple(spec.solution.flags),
        standard=standard_of(spec.solution.flags),
        evaluated=spec.evaluator is not None,
        measured=spec.measure is not None,
        edit=spec.solution.edit,
        region=spec.solution.region,
    )
    messages = []
    if spec.prompt.system is not None:
        messages.append(Message(role="system", content=spec.prompt.system))
    for example in spec.prompt.examples:
        messages.append(Message(role="user", content=example.user))
        messages.append(Message(role="assistant", content=example.assistant))
    return (*messages, Message(role="user", content=_render(problem, variables)))


def _marks(*texts: str) -> str:
    """Return a fence that none of the texts can close."""
    longest = max((len(run) for text in texts for run in _BACKTICKS.findall(text)), default=0)
    return "`" * max(3, longest + 1)


@cache
def _template(source: str) -> jinja2.Template:
    """Compile a template, or return the cached one: compiling is too slow to repeat per prompt."""
    environment = jinja2.sandbox.SandboxedEnvironment(
        undefined=jinja2.StrictUndefined, keep_trailing_newline=False
    )
    return environment.from_string(source)


def _render(problem: Problem, variables: PromptVariables) -> str:
    source = TEMPLATE if problem.template is None else problem.template
    try:
        text = _template(source).render(asdict(variables))
    except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError) as error:
        file = problem.file
        why = f"{problem.spec.prompt.template}: {error}"
        raise ProblemError(file, "prompt.template", why) from error
    return text.strip()
