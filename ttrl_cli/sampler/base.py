"""The sampler's interface; the contract suite of the tests checks every implementation."""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from ttrl_cli.records import Adapter, Completion, FloatArray, Json, Probe, Prompt


class Sampler(Protocol):
    """Draws completions from the policy it last loaded."""

    def load(self, adapter: Adapter) -> None:
        """Sample from these weights from now on.

        The loop calls this before the first step and after every update: a sampler with stale
        weights would be off-policy without notice.
        """

    def sample(
        self, prompts_P: Sequence[Prompt], *, step: int, stop: Callable[[], bool]
    ) -> Iterator[Completion]:
        """Yield each completion as soon as it is finished, in any order.

        Each prompt gets `prompt.n` completions with `prompt.indices`. If it leaves no room in the
        model's context they are empty, with `Completion.overflow` set. Sample at the training
        temperature with neither top-p nor top-k; report log-probabilities of the distribution drawn
        from. The draws depend on (run seed, step, group, index) alone.

        Args:
            prompts_P: The step's prompts, with distinct groups.
            step: The step, from 1.
            stop: Called now and then; once it returns true, drop what is unfinished and end the
                iterator.
        """

    def cursor(self) -> Json:
        """Return the state that a checkpoint keeps; None if the seeds determine everything."""

    def seek(self, cursor: Json) -> None:
        """Continue from the state that `cursor` returned."""

    def close(self) -> None:
        """Release processes and memory; the sampler is not used again."""


@runtime_checkable
class WarningSampler(Protocol):
    """A sampler that may have to warn of something after a step."""

    def take_warning(self) -> str:
        """Return the warning, and forget it; an empty text if there is none."""


class Sleeper(Protocol):
    """Can free its memory while the learner works."""

    def sleep(self) -> None:
        """Release memory for the learner if it needs it; nothing is requested until `wake_up`."""

    def wake_up(self) -> None:
        """Take the memory back."""


class NeverAsleep:
    """A sampler that shares the learner's weights. See `Sleeper`."""

    def sleep(self) -> None:
        """Do nothing: the learner needs the weights too."""

    def wake_up(self) -> None:
        """Do nothing: no memory was released."""


@runtime_checkable
class SeparateSampler(Sampler, Sleeper, Protocol):
    """A sampler with weights of its own, which gets adapters as files and may be stale."""

    @property
    def replicas(self) -> Sequence[str]:
        """Names of the engines that each have weights of their own."""

    def logprobs(self, probes: Sequence[Probe], replica: str) -> list[FloatArray] | None:
        """Compute log-probabilities [T] of each probe's tokens at temperature 1, in nats.

        Args:
            probes: What to score, with the adapter that was loaded last.
            replica: The name of the engine to use.

        Returns:
            None if that engine is no longer available.
        """
