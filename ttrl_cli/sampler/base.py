"""What the loop asks of a sampler, and what every implementation's contract suite checks."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from ttrl_cli.records import Adapter, Completion, FloatArray, Json, Probe, Prompt


class Sampler(Protocol):
    """Draws completions from the policy it last loaded."""

    def load(self, adapter: Adapter) -> None:
        """Sample from these weights from now on.

        A stale sampler is silent off-policy drift, so the loop calls this after every update and
        before the first step.
        """

    def sample(
        self, prompts_P: Sequence[Prompt], *, step: int, stop: Callable[[], bool]
    ) -> Iterator[Completion]:
        """Yield each completion as soon as it is finished, in any order.

        Each prompt gets `prompt.n` completions with `prompt.indices`; where it leaves no room in
        the model's context they are empty and say so (`Completion.overflow`). Sampling is at the
        training temperature with neither top-p nor top-k; log-probabilities are those of the
        distribution drawn from. The draws depend on (run seed, step, group, index) alone.

        Args:
            prompts_P: The step's prompts, with distinct groups.
            step: The step, from 1.
            stop: Asked now and then; once true, what is unfinished is dropped and the iterator
                ends.
        """

    def cursor(self) -> Json:
        """What a checkpoint keeps of the sampler; None where the seeds say it all."""

    def seek(self, cursor: Json) -> None:
        """Go on from a cursor."""

    def close(self) -> None:
        """Let go of processes and memory; the sampler is not used again."""


class Sleeper(Protocol):
    """Something that need not have its memory while the learner works."""

    def sleep(self) -> None:
        """Give memory to the learner, if it needs that; nothing is asked until `wake_up`."""

    def wake_up(self) -> None:
        """Take the memory back."""


class NeverAsleep:
    """A sampler that shares the learner's weights. See `Sleeper`."""

    def sleep(self) -> None:
        """Keep them: the learner needs them too."""

    def wake_up(self) -> None:
        """There is nothing to take back."""


@runtime_checkable
class SeparateSampler(Sampler, Sleeper, Protocol):
    """A sampler with weights of its own: it gets adapters as files, and must prove their use."""

    @property
    def copies(self) -> Sequence[str]:
        """Names of the engines that each have weights of their own."""

    def logprobs(self, probes: Sequence[Probe], copy: str) -> list[FloatArray] | None:
        """Log-probabilities [T] of each probe's tokens at temperature 1, in nats.

        Args:
            probes: What is scored, under the adapter that was loaded last.
            copy: Which engine is asked.

        Returns:
            None where that engine is not to be had any more.
        """


def clean_text(text: str) -> str:
    """The text with lone surrogates replaced, so that it can be written and hashed as UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")
