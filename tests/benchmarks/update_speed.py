"""How fast is an update, and what does it take in memory? Ours beside TRL's GRPOTrainer.

python tests/benchmarks/update_speed.py [--model NAME] [--rounds 5]

The same round of random tokens is learned from by our learner and by a GRPOTrainer with the same
LoRA adapter, dtype and threads: loss, gradients and one optimiser step, without generation,
reference model or gradient checkpointing. Both run as many rows at a time. Each has a process of
its own, so that the peak memory is its own, and they take turns. Tokens are those of completions;
the ratio of tokens per second is that of times.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

from _figures import ROUNDS, Figure, emit, few, medians, say

SHAPES = {"short": (4, 32, 100, 50), "long": (2, 16, 500, 500)}
PER_PASS = {(4, 32, 100, 50): 32, (2, 16, 500, 500): 4}
"""Rows of one forward and backward pass, of both."""
TARGETS = {"short": "3x", "long": "1.3x"}
RANK = 16
QUIET = os.environ | {"TQDM_DISABLE": "1", "TRANSFORMERS_VERBOSITY": "error"}


def make_round(shape: tuple[int, int, int, int]) -> Any:
    """P prompts of S tokens with G completions of T tokens each, all random and all different."""
    import numpy as np

    from ttrl_cli.records import Round, Row

    prompts, group, prompt_tokens, tokens = shape
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(prompts):
        prompt_ids_S = rng.integers(100, 40_000, prompt_tokens)
        for _ in range(group):
            row = Row(
                prompt_ids_S=prompt_ids_S,
                token_ids_T=rng.integers(100, 40_000, tokens),
                logprobs_T=np.full(tokens, -10.0),
                advantages_T=np.full(tokens, rng.normal()),
            )
            rows.append(row)
    return Round(step=1, rows=tuple(rows), normalizer=float(prompts * group * tokens))


def load(model: str, shape: tuple[int, int, int, int]) -> tuple[Any, Any]:
    """A model with a fresh adapter, and its configuration."""
    from ttrl_cli.config import RunConfig
    from ttrl_cli.models.load import load_model, set_threads

    budget = PER_PASS[shape] * (shape[2] + shape[3])  # what our budget counts for a row
    config = RunConfig(
        model=model, lora_rank=RANK, kl=0.0, lr=1e-6, micro_batch_tokens=budget, device="cpu"
    )
    set_threads(None)
    return load_model(config), config


def ours(model: str, shape: tuple[int, int, int, int]) -> Callable[[], object]:
    """An update by our learner."""
    from ttrl_cli.learner.lora import LoraLearner

    loaded, config = load(model, shape)
    learner = LoraLearner(loaded, config)
    round_ = make_round(shape)
    return lambda: learner.update(round_)


def theirs(model: str, shape: tuple[int, int, int, int]) -> Callable[[], object]:
    """An update by TRL's GRPOTrainer: its loss, group by group, and its optimiser's step."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer

    from ttrl_cli.config import RunConfig
    from ttrl_cli.models import store
    from ttrl_cli.models.load import choose_dtype

    folder = store.resolve(model)
    dtype = getattr(torch, choose_dtype(RunConfig(device="cpu")))
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype)
    rows = PER_PASS[shape]
    passes = shape[0] * shape[1] // rows
    with tempfile.TemporaryDirectory() as scratch:
        trainer = GRPOTrainer(
            model=base,
            reward_funcs=lambda completions, **_: [0.0] * len(completions),
            args=GRPOConfig(
                output_dir=scratch,
                use_cpu=True,
                bf16=False,
                report_to="none",
                gradient_checkpointing=False,
                loss_type="dapo",
                beta=0.0,
                num_generations=rows,
                per_device_train_batch_size=rows,
                gradient_accumulation_steps=passes,
                learning_rate=1e-6,
            ),
            train_dataset=Dataset.from_dict({"prompt": ["a", "b"]}),
            processing_class=AutoTokenizer.from_pretrained(folder),
            peft_config=LoraConfig(r=RANK, lora_alpha=RANK, target_modules="all-linear"),
        )
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = passes  # as its training loop sets it
    trainer.create_optimizer()
    batches = grpo_batches(make_round(shape), rows)

    def update() -> None:
        for inputs in batches:
            trainer.compute_loss(trainer.model, inputs).backward()
        torch.nn.utils.clip_grad_norm_(trainer.model.parameters(), 1.0)
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()

    return update


def grpo_batches(round_: Any, per_pass: int) -> list[dict[str, Any]]:
    """A round as GRPOTrainer lays batches out."""
    import numpy as np
    import torch

    batches = []
    for start in range(0, len(round_.rows), per_pass):
        rows = round_.rows[start : start + per_pass]
        prompt_ids = torch.tensor(np.stack([row.prompt_ids_S for row in rows]))
        ids = torch.tensor(np.stack([row.token_ids_T for row in rows]))
        old = torch.tensor(np.stack([row.logprobs_T for row in rows])).float()
        batches.append(
            {
                "prompt_ids": prompt_ids,
                "prompt_mask": torch.ones_like(prompt_ids),
                "completion_ids": ids,
                "completion_mask": torch.ones_like(ids),
                "advantages": torch.tensor([row.advantages_T[0] for row in rows]).float(),
                "old_per_token_logps": old,
                "num_items_in_batch": torch.tensor(round_.normalizer),
            }
        )
    return batches


def work(way: str, model: str, shape: str) -> None:
    """A worker: for each line on stdin, one update; says how long it took and the peak memory."""
    update = {"ours": ours, "trl": theirs}[way](model, SHAPES[shape])
    for _ in sys.stdin:
        started = time.perf_counter()
        update()
        took = time.perf_counter() - started
        peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(json.dumps({"seconds": took, "peak_gb": peak_kb * 1024 / 1e9}), flush=True)  # noqa: T201


class Worker:
    """A process that updates when asked."""

    def __init__(self, way: str, model: str, shape: str) -> None:
        command = [sys.executable, __file__, "--worker", way, "--shape", shape, "--model", model]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=QUIET
        )
        self.peak_gb = 0.0

    def update(self) -> float:
        """One update's seconds."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        while not (line := self._process.stdout.readline()).startswith(b"{"):
            if not line:
                msg = f"the worker died (status {self._process.wait()})"
                raise RuntimeError(msg)
        said = json.loads(line)
        self.peak_gb = said["peak_gb"]
        return float(said["seconds"])

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def measure(shape: str, model: str, rounds: int) -> None:
    """Emit the figures of one shape."""
    prompts, group, prompt_tokens, tokens = SHAPES[shape]
    what = f"a round of {prompts} x {group}, prompts {prompt_tokens}, completions {tokens} tokens"
    say(f"{shape}: {what}")
    workers = {way: Worker(way, model, shape) for way in ("ours", "trl")}
    for worker in workers.values():
        worker.update()  # not counted
    took = medians({way: worker.update for way, worker in workers.items()}, rounds)
    rate = {way: prompts * group * tokens / seconds for way, seconds in took.items()}
    emit(
        Figure(
            name=f"update-{shape}",
            what=f"update, {what}",
            against="TRL's GRPOTrainer on the same round",
            ours=rate["ours"],
            alternative=rate["trl"],
            unit="tokens/s",
            lower=False,
            target=TARGETS[shape],
            note=f"{PER_PASS[SHAPES[shape]]} rows at a time.{few(rounds)}",
        )
    )
    emit(
        Figure(
            name=f"update-{shape}-memory",
            what=f"peak memory of the process, {what}",
            against="TRL's GRPOTrainer on the same round",
            ours=workers["ours"].peak_gb,
            alternative=workers["trl"].peak_gb,
            unit="GB",
            lower=True,
        )
    )
    for worker in workers.values():
        worker.close()


def main() -> None:
    """Measure both shapes, or be a worker."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--shape", choices=SHAPES, default=None)
    parser.add_argument("--worker", choices=["ours", "trl"], default=None)
    given = parser.parse_args()
    if given.worker:
        work(given.worker, given.model, given.shape)
        return
    for shape in [given.shape] if given.shape else SHAPES:
        measure(shape, given.model, given.rounds)


if __name__ == "__main__":
    main()
