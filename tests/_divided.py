"""One of several processes that learn: python -m tests._divided OUT MODEL OPTIONS.

Of the variables of the launcher, all must be set. Process 0 leaves its adapter and moments in OUT;
each leaves word of how many parameters it holds, at the end and at most in a layer, of what was
seen, and of the log-probabilities of a probe.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.conftest import random_adapter
from ttrl_cli.config import RunConfig
from ttrl_cli.learner.lora import LoraLearner
from ttrl_cli.models.load import load_model
from ttrl_cli.process_group import ProcessGroup, leave
from ttrl_cli.records import Probe, Round, Row

PROMPTS = ([5, 6, 7, 8], [9, 4])


def learner_config(model: Path, **more: object) -> RunConfig:
    """Options of a learner on the CPU."""
    given = {"model": str(model), "device": "cpu", "dtype": "float32", "threads": 1}
    # Adam makes as large a step of a gradient that is all rounding: with a small rate it is small
    given |= {"lora_rank": 4, "lr": 1e-3, "kl": 0.1, "micro_batch_tokens": 16}
    return RunConfig(**(given | more))


def round_() -> Round:
    """Five rows of two prompts: one process has more to do than the other."""
    rng = np.random.default_rng(1)
    rows = []
    for prompt, length in zip((0, 0, 0, 0, 1), (9, 7, 2, 1, 2), strict=True):
        rows.append(
            Row(
                prompt_ids_S=np.array(PROMPTS[prompt]),
                token_ids_T=rng.integers(3, 60, length),
                logprobs_T=rng.normal(-4, 0.1, length),
                advantages_T=np.full(length, rng.normal()),
                sampled_T=np.arange(length) != 1,
            )
        )
    return Round(step=1, rows=tuple(rows), normalizer=20.0)


def probe() -> Probe:
    """A few tokens that are scored after the update."""
    return Probe(prompt_ids_S=np.array([5, 6]), token_ids_T=np.array([7, 8, 9]))


def held(network: Any) -> int:
    """How many of a network's numbers are in this process."""
    found = 0
    for parameter in network.parameters():
        own = parameter.to_local() if hasattr(parameter, "to_local") else parameter
        found += own.numel()
    return found


class Most:
    """The most numbers that a network holds whenever one of its linear layers is run.

    Args:
        network: The network.
    """

    def __init__(self, network: Any) -> None:
        self._network = network
        self.found = 0
        for module in network.modules():
            if isinstance(module, torch.nn.Linear):
                module.register_forward_hook(self._look)

    def _look(self, *_: Any) -> None:
        self.found = max(self.found, held(self._network))


def main(out: Path, model: Path, given: dict[str, Any]) -> None:
    """Learn with some options more, and say what came of it."""
    torch.set_num_threads(1)
    group = ProcessGroup()
    options = learner_config(model, gpus=group.size, **given)
    loaded = load_model(options)
    random_adapter(loaded, seed=1)
    most = Most(loaded.network)
    learner = LoraLearner(loaded, options, group=group)
    report = learner.update(round_())
    (logp_T,) = learner.logprobs([probe()])
    if group.rank == 0:
        learner.save(out)
    told = {"held": held(loaded.network), "most": most.found}
    told["buffers"] = sorted({str(b.dtype) for b in loaded.network.buffers()})
    told |= {"metrics": dict(report.metrics), "logp_T": logp_T.tolist()}
    (out / f"told-{group.rank}.json").write_text(json.dumps(told))
    leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3]))
