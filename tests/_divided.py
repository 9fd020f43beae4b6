"""One of several processes that learn: python -m tests._divided OUT MODEL DIVISION CHECKPOINTING.

Of the variables of the launcher, all must be set. Process 0 leaves its adapter and moments in OUT;
each prints how many parameters it holds, what was seen, and the log-probabilities of a probe.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ttrl_cli.config import RunConfig
from ttrl_cli.learner.lora import LoraLearner
from ttrl_cli.models.load import load_model
from ttrl_cli.peers import Peers, leave
from ttrl_cli.records import Probe, Round, Row

PROMPTS = ([5, 6, 7, 8], [9, 4])


def config(model: Path, **more: object) -> RunConfig:
    """Options of a learner on the CPU."""
    given = {"model": str(model), "device": "cpu", "dtype": "float32", "threads": 1}
    given |= {"lora_rank": 4, "lr": 1e-2, "kl": 0.1, "micro_batch_tokens": 16}
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


def held(parameter: Any) -> int:
    """How many of a parameter's numbers are here."""
    if hasattr(parameter, "to_local"):
        return int(parameter.to_local().numel())
    # of DeepSpeed: nothing is left of what is elsewhere, or all of it is here for good
    part = getattr(parameter, "ds_tensor", parameter)
    return max(int(part.numel()), int(parameter.numel()))


def main(out: Path, model: Path, division: str, *, checkpointing: bool) -> None:
    """Learn, and say what came of it."""
    torch.set_num_threads(1)
    peers = Peers()
    options = config(model, gpus=peers.size, checkpointing=checkpointing, **{division: True})
    loaded = load_model(options)
    learner = LoraLearner(loaded, options, peers=peers)
    report = learner.update(round_())
    (logp_T,) = learner.logprobs([probe()])
    if peers.rank == 0:
        learner.save(out)
    parameters = sum(held(parameter) for parameter in loaded.network.parameters())
    told = {"held": parameters, "metrics": dict(report.metrics), "logp_T": logp_T.tolist()}
    (out / f"told-{peers.rank}.json").write_text(json.dumps(told))
    leave()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], checkpointing=sys.argv[4] == "True")
