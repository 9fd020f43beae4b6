"""`solve`: one problem, a verifier, a score (TTT-Discover, arXiv 2601.16175).

    while the budget is open:
        parents_P   = selector.select(archive)              PUCT over all solutions so far
        attempts_PG = sample and grade                      step.py
        advantages  = objective(rewards)                    advantages.py
        learner.update, sampler.load                        step.py
        archive.extend(parents_P, attempts_PG)
        commit                                              step.py

The result is the best state ever seen, not the policy. Departures from the released code: a visit
is one expansion of a group, as the paper says, where the code counts every sample (`visits: sample`
brings that back); an invalid attempt is a flag and not a reward of 0.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ttrl_cli import seeding
from ttrl_cli.errors import UsageError
from ttrl_cli.loop import archive_log, paired
from ttrl_cli.loop.budget import Closed, settled_by
from ttrl_cli.loop.confirm import Confirmation, Incumbent, MeasureAgain, spread
from ttrl_cli.loop.pending import Pending
from ttrl_cli.loop.step import Extension, Parts, take_step
from ttrl_cli.problem import Problem
from ttrl_cli.prompts import solve_messages
from ttrl_cli.records import Attempt, Completion, Job, Prompt, State, Status, Verdict
from ttrl_cli.rundir import RunDir
from ttrl_cli.search.archive import Archive, Expansion, digest_of
from ttrl_cli.search.select import Selector

SUFFIXES = {"python": ".py", "cpp": ".cpp", "json": ".json", "text": ".txt"}


class SolveTask:
    """A search on one problem: its archive and its prompts. See `step.Task`.

    Args:
        problem: The problem.
        archive: The solutions so far.
        selector: How parents are chosen.
        run: The run directory.
        measure_again: Grades solutions on trials of their own, where scores have errors.
        incumbent: The best solution so far where scores have errors; None before there is one.
    """

    def __init__(
        self,
        problem: Problem,
        archive: Archive,
        selector: Selector,
        run: RunDir,
        *,
        measure_again: MeasureAgain,
        incumbent: Incumbent | None = None,
    ) -> None:
        self._problem = problem
        self.archive = archive
        self._selector = selector
        self._run = run
        self._parents_P: tuple[State, ...] = ()
        self._confirmation = Confirmation(problem, run.config.seed, measure_again)
        self._incumbent = incumbent
        self._logged = incumbent
        best = run.best.verdict()
        self._best: tuple[str, int, float] | None = None
        if best is not None:
            self._best = (best["id"], best["step"], best["score"])

    def prompts(self, step: int) -> list[Prompt]:
        """Choose the step's parents; return for each a prompt that asks for a better solution."""
        config = self._run.solve_config
        rng = seeding.selection_rng(config.seed, step)
        self._parents_P = self._selector.select(self.archive, config.groups, rng)
        return [
            Prompt(
                key=parent.id,
                group=group,
                messages=solve_messages(self._problem, parent, self._score_before(parent)),
                n=config.group_size,
            )
            for group, parent in enumerate(self._parents_P)
        ]

    def job(self, completion: Completion, step: int) -> Job:
        """Return the grader's job for a completion, with its parent's data and a program seed."""
        group, index = completion.group, completion.index
        seed = seeding.sample_seed(self._run.config.seed, step, group, index)
        return Job(
            group=group,
            index=index,
            text=completion.text,
            parent_data=self._parents_P[group].data,
            parent=self._parents_P[group].solution if self._problem.spec.edits else "",
            seed=seed % 2**32,
        )

    def graded(self, step: int, job: Job, verdict: Verdict) -> None:
        """Write a solution to disk at once if it is better than all before it.

        One whose score has an error waits for its confirmation.
        """
        noisy = verdict.error is not None or self._incumbent is not None
        if noisy and self._confirmation.most > 0:
            return
        self.offer(f"{step}.{job.group}.{job.index}", step, verdict)

    def offer(self, id_: str, step: int, verdict: Verdict) -> None:
        """Record a verdict's solution as the best one if it is better than the best so far.

        Of equal solutions of one step the first in (group, index) order is taken, whichever was
        graded first, so that equal runs have equal results.
        """
        if not verdict.valid or verdict.score is None:
            return
        if self._beats_best(id_, step, verdict.score):
            self._best = (id_, step, verdict.score)
            self._run.best.replace(id_, step, verdict, self._suffix)

    @property
    def _suffix(self) -> str:
        """The suffix of a solution's file."""
        solution = self._problem.spec.solution
        return SUFFIXES[solution.language if solution.kind == "program" else solution.kind]

    def _beats_best(self, id_: str, step: int, score: float) -> bool:
        if self._best is None:
            return True
        best_id, best_step, best_score = self._best
        of_this_step = step > 0 and step == best_step and "/" not in best_id  # not a warm start's
        if of_this_step and score == best_score:
            return _place(id_) < _place(best_id)
        return self._problem.better(score, best_score)

    def confirm(self, attempts: Sequence[Attempt], pending: Pending) -> list[Attempt]:
        """Measure would-be bests again where scores have errors; write a new best to disk."""
        confirmation = self._confirmation
        if not confirmation.wanted(attempts, self.archive.best(), self._incumbent):
            return list(attempts)
        if self._incumbent is None:
            self._crown(confirmation.first_incumbent(self.archive.best(), pending))
        before = self._incumbent
        assert before is not None
        holds = self.archive.holds
        new = [a for a in attempts if not holds(a.verdict.data, a.verdict.identity)]
        challengers = confirmation.challengers(new, before)
        states = {a.id: self._state(a) for a in challengers}
        parents = {a.id: self._parents_P[a.group].data for a in challengers}
        verdicts, best = confirmation.decide(challengers, states, parents, before, pending)
        if best is not None:
            self._crown(best)
        return spread(attempts, verdicts)

    def keep_best(self, *, unverified: bool) -> None:
        """Write the best to disk: a seed, or what a process that was killed could not write."""
        if self._incumbent is not None:
            self._crown(self._incumbent)
            return
        best = self.archive.best()
        self.offer(best.id, best.step, _verdict_of(best, unverified=unverified))

    def _crown(self, incumbent: Incumbent) -> None:
        """Make a solution the best one, on disk as well."""
        state = incumbent.state
        self._incumbent = incumbent
        if self._best != (state.id, state.step, state.score):
            self._best = (state.id, state.step, state.score)
            self._run.best.replace(
                state.id, state.step, _verdict_of(state, metrics=incumbent.metrics), self._suffix
            )

    def assign_rewards(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Return the attempts with their rewards; without `reward_copies`, copies get none.

        A copy has the data of a state in the archive, or of an earlier attempt of this step in
        (group, index) order. If only the archive counted, all samples of a group would soon say the
        same new thing.
        """
        if self._run.solve_config.reward_copies:
            return list(attempts)
        judged: list[Attempt] = []
        found: set[str] = set()
        for attempt in attempts:
            verdict = attempt.verdict
            if verdict.valid:
                digest = digest_of(verdict)
                if digest in found or self.archive.holds(verdict.data, verdict.identity):
                    verdict = replace(verdict, reward=None)
                found.add(digest)
            judged.append(replace(attempt, verdict=verdict))
        return judged

    def progress(self) -> tuple[int, int]:
        """Return the steps taken so far, and the bound on them."""
        return self._run.status.totals.steps, self._run.config.steps

    def settled_by(self) -> Closed:
        """Return which bound on the best score ends the search; empty while none does."""
        if self._best is None:
            return ""
        steps = self._run.status.totals.steps
        _, found, score = self._best
        return settled_by(self._run.solve_config, steps, found, score, self._problem.signed)

    def extend(self, step: int, attempts: Sequence[Attempt]) -> Extension:
        """Add the valid attempts to the archive and its log, group by group."""
        lines = []
        for group, parent in enumerate(self._parents_P):
            members = [a for a in attempts if a.group == group]
            if not members:
                continue
            children = [self._state(a) for a in members if a.verdict.valid]
            expansion = Expansion(
                step=step,
                group=group,
                parent=parent.id,
                samples=len(members),
                best=max((child.signed for child in children), default=None),
                children=tuple(children),
            )
            lines.append(archive_log.expansion_line(self.archive.extend(expansion)))
        if self._incumbent is not None and self._incumbent != self._logged:
            lines.append(archive_log.best_line(self._incumbent))
            self._logged = self._incumbent
        self._run.append("archive.jsonl", lines)
        return Extension(metrics=self._metrics(attempts))

    def _state(self, attempt: Attempt) -> State:
        verdict = attempt.verdict
        assert verdict.score is not None
        parent = self._parents_P[attempt.group]
        compared = paired.note(verdict.per_trial, parent.per_trial, self._problem.spec.direction)
        return State(
            id=attempt.id,
            parent=attempt.parent,
            step=attempt.step,
            score=verdict.score,
            signed=self._problem.signed(verdict.score),
            data=verdict.data,
            solution=verdict.solution,
            shown=verdict.shown,
            output=verdict.output,
            feedback="\n".join(filter(None, (verdict.feedback, compared))),
            identity=verdict.identity,
            error=verdict.error,
            per_trial=verdict.per_trial,
        )

    def _score_before(self, parent: State) -> float | None:
        return None if parent.parent is None else self.archive.state(parent.parent).score

    def _metrics(self, attempts: Sequence[Attempt]) -> dict[str, float]:
        valid = [a for a in attempts if a.verdict.valid]
        # once each: of a few hundred numbers, a digest takes as long as all else here
        parents_P = [digest_of(parent) for parent in self._parents_P]
        digests = [(a.group, digest_of(a.verdict)) for a in valid]
        distinct = {digest for group, digest in digests if digest != parents_P[group]}
        count = max(len(attempts), 1)
        parents = {a.parent for a in attempts}
        best = self.archive.best() if self._incumbent is None else self._incumbent.state
        metrics = {
            "solve/valid": len(valid) / count,
            "solve/distinct": len(distinct) / count,
            "solve/archive_size": len(self.archive),
            "solve/lineages": len({self.archive.root_of(parent) for parent in parents}),
            "solve/best_score": best.score,
        }
        if best.error is not None:
            metrics["solve/best_error"] = best.error
        scores = [a.verdict.score for a in valid if a.verdict.score is not None]
        if scores:
            metrics["solve/step_best_score"] = max(scores, key=self._problem.signed)
            metrics["solve/step_mean_score"] = sum(scores) / len(scores)
        return metrics


def _place(id_: str) -> tuple[int, ...]:
    """Return an attempt's (step, group, index), read from its id."""
    return tuple(int(part) for part in id_.split("."))


def _verdict_of(
    state: State, *, unverified: bool = False, metrics: Mapping[str, float] | None = None
) -> Verdict:
    """Return the verdict that a state's best folder is made from."""
    return Verdict(
        status=Status.OK,
        score=state.score,
        error=state.error,
        data=state.data,
        solution=state.solution,
        unverified=unverified,
        metrics=metrics or {},
    )


def solve_loop(task: SolveTask, parts: Parts) -> str:
    """Take steps until the budget is closed; return what closed it."""
    steps = parts.run.config.steps
    closed_by = parts.budget.closed_by
    while not (reason := closed_by(parts.run.status.totals, steps) or task.settled_by()):
        take_step(task, parts, graded=task.graded, confirm=task.confirm)
    return reason


def load_archive(run: RunDir) -> Archive:
    """Rebuild the archive of a run as of its last commit.

    Raises:
        UsageError: If nothing was committed yet.
    """
    if run.last_checkpoint() is None:
        msg = f"{run.path}: nothing was committed yet; go on with: ttrl resume {run.path}"
        raise UsageError(msg)
    return archive_log.rebuild(run.lines("archive.jsonl"), run.solve_config)
