"""Assemble and tear down a run: sampler, learner and processes."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ttrl_cli import process_group
from ttrl_cli.api.accelerate_config import (
    needs_unsharded_weights,
)
from ttrl_cli.api.launch import Launcher
from ttrl_cli.completions import KNOWN, Marks
from ttrl_cli.config import C, RunConfig
from ttrl_cli.errors import UsageError
from ttrl_cli.grading.base import Grader
from ttrl_cli.learner.adapter_files import AdapterFiles
from ttrl_cli.learner.base import Learner, ScoringLearner
from ttrl_cli.learner.null import NullLearner
from ttrl_cli.learner.parallel import ParallelLearner, ParallelScoringLearner
from ttrl_cli.loop.budget import Budget
from ttrl_cli.loop.outgrown import Outgrown
from ttrl_cli.loop.progress import StepCounter
from ttrl_cli.loop.staleness import SlopeCheck
from ttrl_cli.loop.step import Parts, Reporter
from ttrl_cli.objectives import by_name as objective_by_name
from ttrl_cli.process_group import ProcessGroup
from ttrl_cli.records import Json, Message
from ttrl_cli.rundir import RunDir
from ttrl_cli.sampler import registry
from ttrl_cli.sampler.base import Sampler, SeparateSampler
from ttrl_cli.sampler.parallel import ParallelSampler, ParallelSeparateSampler

if TYPE_CHECKING:
    from ttrl_cli.models.load import LoadedModel
    from ttrl_cli.models.tokenizer import Codec

Options = Mapping[str, object]
"""Keys of `RunConfig`; None means not given."""


@contextmanager
def _no_collection() -> Iterator[None]:
    """Turn garbage collection off while torch and a model are loaded.

    It would take a quarter of the loading time. The loaded objects stay until the end, so later
    collections skip them.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """Sampler, learner and other processes of a run. A context manager.

    Attributes:
        dtype: The type of the model's weights; as configured where no model was loaded.
        scorer: The learner, where its weights change.
        files: Where a sampler with weights of its own finds adapters; None for others.
        launcher: The other processes, if there are any.
        marks: How the model marks thinking and turns.
        network: The model that samples in this process; None if another engine does.
    """

    sampler: Sampler
    learner: Learner
    scorer: ScoringLearner | None
    dtype: str
    files: AdapterFiles | None
    launcher: Launcher | None = None
    marks: Marks = KNOWN
    network: Any = None

    @classmethod
    @_no_collection()
    def load(cls, config: RunConfig, codec: "Codec | None" = None) -> "Runtime":
        """Load the sampler and the learner, here and in all processes that share the run.

        Args:
            config: The run's configuration.
            codec: The codec that `load_tokenizer` returned, if it was called.

        Raises:
            UsageError: If the launched processes do not fit the configuration, or the sampler needs
                unsharded weights and --fsdp shards them.
            SetupError: If a process cannot be started, a library is missing or the model cannot be
                loaded.
        """
        launcher = Launcher(config) if config.gpus > 1 or process_group.size() > 1 else None
        if launcher is None:
            return cls.local(config, None, codec)
        with ExitStack() as failing:
            failing.callback(launcher.kill)
            made = cls.local(config, launcher.group, codec)
            sampler, learner = made.sampler, made.learner
            if registry.samples_here(config.sampler):
                if isinstance(sampler, SeparateSampler):
                    sampler = ParallelSeparateSampler(sampler, launcher.group)
                else:
                    sampler = ParallelSampler(sampler, launcher.group)
            sampler.load(learner.adapter)
            failing.pop_all()
        if made.scorer is None:
            learner = ParallelLearner(learner, launcher.group)
            return replace(made, sampler=sampler, learner=learner, launcher=launcher)
        scorer = ParallelScoringLearner(made.scorer, launcher.group, together=config.fsdp)
        return replace(made, sampler=sampler, learner=scorer, scorer=scorer, launcher=launcher)

    @classmethod
    def local(
        cls, config: RunConfig, others: ProcessGroup | None, loaded: "Codec | None" = None
    ) -> "Runtime":
        """Load the sampler and the learner of one process.

        Raises:
            SetupError: If a library is missing, or the model cannot be loaded.
            UsageError: If the sampler needs unsharded weights and --fsdp shards them.
        """

        @cache
        def model() -> "LoadedModel":
            from ttrl_cli.models.load import load_model, set_threads

            set_threads(config.threads)
            return load_model(config, loaded)

        @cache
        def codec() -> "Codec":
            from ttrl_cli.models.tokenizer import folder_of, load_codec

            return loaded or load_codec(folder_of(config.model), thinking=config.thinking)

        def unsharded_model() -> "LoadedModel":
            if config.fsdp:
                raise UsageError(needs_unsharded_weights(config))
            return model()

        context = registry.SamplerContext(config=config, model=unsharded_model, codec=codec)
        sampler = registry.make_sampler(config.sampler, context)
        separate = isinstance(sampler, SeparateSampler)
        files = AdapterFiles(_adapter_folder(config)) if separate else None
        if config.train:
            from ttrl_cli.learner.lora import LoraLearner

            learner: Learner = (lora := LoraLearner(model(), config, files, others))
            scorer: ScoringLearner | None = lora
        else:
            learner = NullLearner(model() if model.cache_info().currsize else None, files)
            scorer = None
        if others is None:
            sampler.load(learner.adapter)
        dtype: str = config.dtype
        marks = codec().marks if codec.cache_info().currsize else KNOWN
        if model.cache_info().currsize:
            dtype, marks = model().dtype, model().marks
        elif separate:
            from ttrl_cli.models.load import choose_dtype

            dtype = choose_dtype(config)
        return cls(
            sampler=sampler,
            learner=learner,
            scorer=scorer,
            dtype=dtype,
            files=files,
            marks=marks,
            network=model().network if model.cache_info().currsize and not separate else None,
        )

    def __enter__(self) -> "Runtime":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.launcher is not None and kind is None:
            self.launcher.finish()
        elif self.launcher is not None:
            self.launcher.kill()
        self.sampler.close()
        if self.files is not None:
            self.files.close()
        if self.launcher is not None and kind is None:
            self.launcher.join()

    def settled(self, config: C) -> C:
        """Replace `dtype: auto` by the dtype in use, for a run that is resumed elsewhere."""
        return config.model_copy(update={"dtype": self.dtype})

    def parts(self, run: RunDir, grader: Grader, reporter: Reporter, started: float) -> Parts:
        """Assemble the parts of one run's loop."""
        parts = Parts(
            sampler=self.sampler,
            grader=grader,
            learner=self.learner,
            objective=objective_by_name(run.config.objective, run.config.beta),
            run=run,
            budget=Budget(run.config, run.status.totals, started=started),
            reporter=reporter,
            progress=StepCounter(self.sampler, grader),
            outgrown=Outgrown(run.status.kind),
            marks=self.marks,
        )
        # one with weights of its own has to follow, if they change
        if isinstance(self.sampler, SeparateSampler) and self.scorer is not None:
            check = SlopeCheck(self.sampler, self.scorer)
            return replace(parts, staleness=check, memory=self.sampler)
        return parts


@_no_collection()
def load_tokenizer(
    config: RunConfig, messages: Sequence[Message], reporter: Reporter
) -> "tuple[Codec | None, Json]":
    """Load a model's tokenizer, and encode a conversation before any weights are loaded.

    Args:
        config: The run's configuration.
        messages: A conversation of the run.
        reporter: Warned if the model is prompted in an unusual way.

    Returns:
        The codec, or None if nothing here needs one (scripted completions, or a plug-in sampler
        with a model of its own); and what provenance.json says of the chat template.

    Raises:
        SetupError: If there is no such model.
        UsageError: If its chat template refuses the conversation.
    """
    own = registry.is_replay(config.sampler) or registry.is_plugin(config.sampler)
    if own and not config.train:
        return None, None
    from ttrl_cli.models.tokenizer import folder_of, load_codec

    codec = load_codec(folder_of(config.model), thinking=config.thinking)
    codec.encode(messages)
    note = codec.template.note(messages)
    if note:
        reporter.warned(note)
    plain = codec.tokenizer.chat_template if codec.template.plain else None
    return codec, {"note": note, "plain": plain} if note else None


def _adapter_folder(config: RunConfig) -> Path | None:
    return None if config.adapter_folder is None else Path(config.adapter_folder)
