"""Measuring solutions: the problem's `measure`, a function or a command, makes their data.

It runs in the grading worker, which never executes a candidate. A call that fails is an outcome
that measure is told of. Where the sandbox failed, what measure returned does not count, even if it
caught the error: that is ours, and tried again.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from ttrl_cli.errors import Invalid
from ttrl_cli.grading.candidate import Candidate, Measuring
from ttrl_cli.grading.command import Asking
from ttrl_cli.grading.functions import BrokenProblemError, MeasureError
from ttrl_cli.grading.hostile_outcomes import HostileCandidate
from ttrl_cli.grading.process_pool import MEASURED_TOO_LONG
from ttrl_cli.grading.slots import MOST_SLOTS, Slots
from ttrl_cli.grading.trial import Trial, TrialSpec
from ttrl_cli.grading.verifier import Checker
from ttrl_cli.grading.worker_process import at_most
from ttrl_cli.problem import Measure, Problem
from ttrl_cli.records import Json
from ttrl_cli.sandbox.base import Backend, Program, SandboxSpec
from ttrl_cli.sandbox.calls import Outcome, compiled, interpreted
from ttrl_cli.sandbox.cores import Cores
from ttrl_cli.sandbox.session import END_SECONDS, Sandbox

OWN_SECONDS = 2 * END_SECONDS
"""What measure may take beyond measure.seconds and a tenth of it: ending calls, and reading."""
_RETURNED = "measure returned before its calls had ended, or called the candidate after that"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What measuring a solution gave.

    Attributes:
        data: The data that measure returned; None if it failed.
        failure: Why there are no data: what measure refused by, or did wrong.
        outcomes: How the candidate's calls ended.
        compile_seconds: Wall time of compiling.
        session: What was measured in, which notes calls that come too late; None for a command.
    """

    data: Json
    failure: Invalid | MeasureError | None = None
    outcomes: Sequence[Outcome] = ()
    compile_seconds: float = 0.0
    session: Measuring | None = None

    def require_data(self) -> None:
        """Raise what kept measure from returning data, if anything did.

        Raises:
            Invalid: If measure refused the solution.
            MeasureError: If measure did not do what it must.
        """
        if self.failure is not None:
            raise self.failure

    def require_no_late_call(self) -> None:
        """Refuse what was measured if the candidate was called after measure had returned.

        Raises:
            MeasureError: If it was.
        """
        if self.session is not None and self.session.late:
            raise MeasureError(_RETURNED)


class Measurer(Protocol):
    """Makes the data of solutions."""

    def start(self) -> None:
        """Start what is needed, so that the first solution need not wait for it.

        Raises:
            SetupError: If it cannot be started.
        """

    def measure(self, text: str, data: Json, trial: TrialSpec, parent: Json) -> Measured:
        """Measure a solution.

        Args:
            text: The solution's text.
            data: Its data, of the kind json; None of other kinds.
            trial: The trial to measure it on.
            parent: The data of the solution that it was made from; None for a seed.

        Returns:
            What was measured, of a solution that measure refused or failed on as well.

        Raises:
            SandboxError: If the sandbox failed, which is our failure and worth another try.
            SetupError: If it does not start.
        """


class FunctionMeasurer:
    """A `measure` that is a function of the problem.

    Args:
        checker: Calls the problem's code.
        measure: How it is measured.
        backend: Isolates candidates.
        spec: What they find in the sandbox.

    Attributes:
        called_late: Whether a candidate was called after its measure had returned, such as by a
            thread that it left behind.
    """

    def __init__(
        self, checker: Checker, measure: Measure, backend: Backend, spec: SandboxSpec
    ) -> None:
        self._checker = checker
        self._problem = checker.problem
        self._seconds = measure.seconds
        self._cores = Cores.of_this_machine()
        self.called_late = False
        most = MOST_SLOTS if backend.isolated else 1  # without isolation they would meet
        self._slots = Slots(lambda: Sandbox(backend, spec), most)
        # programs of the problem's own know what candidates must not: they have their own
        self._own_slots = (
            Slots(lambda: Sandbox(backend, spec), most) if backend.isolated else self._slots
        )

    def start(self) -> None:
        """Start one fork server. See `Measurer.start`."""
        with self._slots.taken() as sandbox:
            sandbox.start()

    def measure(self, text: str, data: Json, trial: TrialSpec, parent: Json) -> Measured:
        """Let the function drive the candidate. See `Measurer.measure`."""
        spec, compiling = self._problem.spec, 0.0
        session = self._session()
        candidate = Candidate(text, data, None, self._slots, session)
        if spec.solution.kind == "program":
            solution = spec.solution
            program = Program(source=text, entry=solution.entry, flags=solution.flags)
            candidate, compiling = self._candidate(program, solution.language, self._slots, session)
        measured = self._driven(candidate, session, trial, parent)
        return replace(measured, compile_seconds=compiling)

    def measure_hostile(self, text: str, outcome: Outcome, trial: TrialSpec) -> Measured:
        """Let the function drive a candidate whose calls all have one outcome."""
        session = self._session()
        candidate = HostileCandidate(text, outcome, self._slots, session)
        return self._driven(candidate, session, trial, None)

    def _session(self) -> Measuring:
        limits = self._problem.spec.limits
        return Measuring(self._seconds, limits, self._cores, self._note_late)

    def _note_late(self) -> None:
        self.called_late = True

    def _driven(
        self, candidate: Candidate, session: Measuring, trial: TrialSpec, parent: Json
    ) -> Measured:
        """Let the function drive a candidate."""
        told = Trial(
            seed=trial.seed,
            split=trial.split,
            given=trial.given is not None,
            settings=dict(self._problem.settings),
            parent=parent,
            _make=lambda source, language, flags: self._candidate(
                Program(source=source, entry=self._problem.spec.solution.entry, flags=tuple(flags)),
                language,
                self._own_slots,
                session,
            )[0],
            _waiting=session.clock.waiting,
        )
        most = 1.1 * self._seconds + OWN_SECONDS
        found: Json = None
        failure: Invalid | MeasureError | None = None
        try:
            with at_most(most, used=session.clock.used, status=MEASURED_TOO_LONG):
                try:
                    found = self._checker.measure(candidate, told)
                finally:
                    session.close()
        except Invalid as refusal:
            failure = refusal
        except MeasureError as error:
            failure = MeasureError(f"{error}{session.said()}")
            failure.__cause__ = error.__cause__
        if session.failure is not None:
            raise session.failure
        return Measured(
            data=found,
            failure=failure,
            outcomes=session.outcomes,
            session=session,
        )

    def _candidate(
        self, program: Program, language: str, slots: Slots, session: Measuring
    ) -> tuple[Candidate, float]:
        """Make a candidate of a program; return it and the seconds that compiling took."""
        if language not in ("python", "cpp"):
            msg = f"language must be python or cpp (got {language!r:.40})"
            raise ValueError(msg)
        if language == "python":
            return Candidate(program.source, None, interpreted(program), slots, session), 0.0
        folder = Path(tempfile.gettempdir()) / "compiled"
        with session.call(), session.clock.waiting(), slots.taken() as sandbox:
            caller, built = compiled(sandbox, program, session.limits, folder)
        return Candidate(program.source, None, caller, slots, session), built.compile_seconds


class CommandMeasurer:
    """A `measure` that is a command: JSON on stdin, the data as JSON on stdout.

    Args:
        problem: The problem.
        command: Program and arguments.
        seconds: Most that it may take.
    """

    def __init__(self, problem: Problem, command: Sequence[str], seconds: float) -> None:
        self._settings = problem.settings
        self._asking = Asking(
            what="the measure command",
            folder=problem.measured_in or problem.folder,
            command=command,
            seconds=seconds,
            output_mb=problem.spec.limits.output_mb,
        )

    def start(self) -> None:
        """Do nothing: the command is started for each solution."""

    def measure(self, text: str, data: Json, trial: TrialSpec, parent: Json) -> Measured:
        """Let the command measure the solution. See `Measurer.measure`."""
        del data, parent
        given = {
            "solution": text,
            "split": trial.split,
            "seed": trial.seed,
            "settings": dict(self._settings),
        }
        try:
            found = self._asking.answer(given)
            if found is None:
                msg = "the measure command printed null and no data"
                raise BrokenProblemError(msg)
            return Measured(data=found)
        except BrokenProblemError as error:
            # as of a verifier command: whatever it does but answer is not the candidate's doing
            failure = MeasureError(str(error))
            failure.__cause__ = OSError(str(error))
            return Measured(data=None, failure=failure)
