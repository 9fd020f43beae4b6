"""Records as lines of a run's .jsonl files."""

from ttrl_cli.records import Attempt, Json, Verdict


def attempt_line(attempt: Attempt) -> dict[str, Json]:
    """Return an attempt as a record of attempts.jsonl."""
    completion, verdict = attempt.completion, attempt.verdict
    return {
        "id": attempt.id,
        "step": attempt.step,
        "group": attempt.group,
        "index": attempt.index,
        "parent": attempt.parent,
        "policy": attempt.policy,
        "seed": completion.seed,
        "text": completion.text,
        "tokens": len(completion.token_ids_T),
        "finished": completion.finished,
        "logprob": completion.logprob,
        "verdict": {
            "status": verdict.status.value,
            "score": verdict.score,
            "reward": verdict.reward,
            **({} if verdict.error is None else {"error": verdict.error}),
            **({"again": list(verdict.again)} if verdict.again else {}),
            "reason": verdict.reason,
            "seconds": round(verdict.seconds, 6),
            **_compiling(verdict),
            **_found(verdict),
            **({"unverified": True} if verdict.unverified and verdict.valid else {}),
        },
        "advantage": attempt.advantage,
    }


def _compiling(verdict: Verdict) -> dict[str, Json]:
    """Return the compile time in seconds, if something was compiled."""
    seconds = verdict.compile_seconds
    return {"compile_seconds": round(seconds, 6)} if seconds else {}


def _found(verdict: Verdict) -> dict[str, Json]:
    """Return the rule that found the solution or the answer, and for a vote the answer."""
    if not verdict.rule:
        return {}
    rule: dict[str, Json] = {"rule": verdict.rule}
    return rule if verdict.solution else {"answer": verdict.data, **rule}
