"""How fast is sampling, and where does the time go? Ours beside `model.generate`.

python tests/benchmarks/sample_speed.py [--model NAME] [--rounds 5]

64 samples of 64 new tokens of one prompt, on all cores, from the model with a LoRA adapter that
adds something. Ours is the sampler that `ttrl solve` uses; the alternative is transformers'
`generate` on the same peft model with the same options, in the same process, taking turns. The
ceiling is what the matrix products of a step alone would allow: the same products, nothing else.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import torch
from _figures import ROUNDS, Figure, emit, few, medians, say, seconds

from ttrl_cli.config import RunConfig
from ttrl_cli.models.lean import decoder, weights
from ttrl_cli.models.lean.weights import FUSED, projection
from ttrl_cli.models.load import LoadedModel, choose_dtype, load_model
from ttrl_cli.records import Message, Prompt
from ttrl_cli.sampler import transformers
from ttrl_cli.sampler.transformers import TransformersSampler

SAMPLES = TOKENS = 64
QUESTION = "Find a row of 16 numbers between 0 and 99 whose sum is 800. " * 6


def load(model: str, dtype: str) -> LoadedModel:
    """The model with an adapter that adds something, and no token that ends a completion."""
    loaded = load_model(RunConfig(model=model, dtype=dtype, device="cpu", lora_rank=16))
    rng = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in loaded.network.named_parameters():
            if "lora_B" in name:
                parameter.copy_(0.01 * torch.randn(parameter.shape, generator=rng))
    return replace(loaded, codec=replace(loaded.codec, stop_ids=frozenset()))


def ours(model: LoadedModel) -> None:
    """Sample by our sampler."""
    sampler = TransformersSampler(model, max_tokens=TOKENS, temperature=1.0, seed=0)
    prompt = Prompt(key="", group=0, messages=(Message(role="user", content=QUESTION),), n=SAMPLES)
    found = list(sampler.sample([prompt], step=1, stop=lambda: False))
    assert sum(len(c.token_ids_T) for c in found) == SAMPLES * TOKENS


def generate(model: LoadedModel) -> None:
    """Sample by transformers."""
    ids = torch.tensor(model.codec.encode([Message(role="user", content=QUESTION)]))[None]
    with torch.inference_mode():
        found = model.network.generate(
            input_ids=ids,
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            min_new_tokens=TOKENS,
            max_new_tokens=TOKENS,
            num_return_sequences=SAMPLES,
            pad_token_id=0,
        )
    assert found.shape == (SAMPLES, ids.shape[1] + TOKENS)


def rate(work: Callable[[LoadedModel], None], model: LoadedModel) -> Callable[[], float]:
    """Measures tokens per second."""
    return lambda: SAMPLES * TOKENS / seconds(lambda: work(model))


def products(model: LoadedModel) -> Callable[[], float]:
    """Measures the tokens per second that a step's products with weights alone would allow."""
    base = model.network.get_base_model()
    matrices = [
        projection([getattr(getattr(layer, block), name) for name in names], factors=None).weight_IO
        for layer in base.model.layers
        for block, names in FUSED
    ]
    matrices.append(base.lm_head.weight.detach().t())
    inputs = {w.shape[0]: torch.randn(SAMPLES, w.shape[0]).to(w.dtype) for w in matrices}

    def once() -> float:
        with torch.inference_mode():
            started = time.perf_counter()
            for weight in matrices:
                torch.mm(inputs[weight.shape[0]], weight)
            return SAMPLES / (time.perf_counter() - started)

    return once


def parts(model: LoadedModel) -> str:
    """Where the time of sampling goes, in shares of the wall time."""
    spent: dict[str, float] = {}
    head = model.network.get_base_model().get_output_embeddings()
    with ExitStack() as stack:
        for module, name, kind in (
            (weights, "project", "layers' products with weights and adapter"),
            (decoder, "attend", "attention"),
            (transformers, "draw", "drawing tokens"),
            (head, "forward", "the output layer's product"),
        ):
            stack.enter_context(
                patch.object(module, name, timed(getattr(module, name), kind, spent))
            )
        total = seconds(lambda: ours(model))
    spent["norms, rotations, gates, the prompt and the rest"] = total - sum(spent.values())
    return ", ".join(f"{kind} {share / total:.0%}" for kind, share in spent.items())


def timed(work: Callable[..., Any], kind: str, spent: dict[str, float]) -> Callable[..., Any]:
    """The same function, which adds its time up."""

    def measured(*arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        result = work(*arguments, **options)
        spent[kind] = spent.get(kind, 0.0) + time.perf_counter() - started
        return result

    return measured


def measure(model: str, dtype: str, rounds: int) -> None:
    """Emit the figures of one type."""
    say(f"{dtype}")
    loaded = load(model, dtype)
    ours(loaded)  # not counted
    ways = {"ours": rate(ours, loaded), "generate": rate(generate, loaded)}
    found = medians({**ways, "products": products(loaded)}, rounds)
    default = choose_dtype(RunConfig(device="cpu")) == dtype
    where = parts(loaded)
    say(f"  {where}")
    emit(
        Figure(
            name=f"sample-{dtype}",
            what=f"sampling, {SAMPLES} x {TOKENS} tokens, {dtype}"
            + (", the default of this processor" if default else ""),
            against="model.generate, the same model and options",
            ours=found["ours"],
            alternative=found["generate"],
            unit="tokens/s",
            lower=False,
            target="3x",
            note=few(rounds).strip(),
        )
    )
    emit(
        Figure(
            name=f"sample-{dtype}-ceiling",
            what=f"sampling, {dtype}, beside the matrix products that it cannot do without",
            against="the products of 64 rows with all weights, and nothing else",
            ours=found["ours"],
            alternative=found["products"],
            unit="tokens/s",
            lower=False,
            note=f"Where the time goes: {where}.{few(rounds)}",
        )
    )


def main() -> None:
    """Measure both types."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--dtype", choices=["float32", "bfloat16"], default=None)
    given = parser.parse_args()
    for dtype in [given.dtype] if given.dtype else ["float32", "bfloat16"]:
        measure(given.model, dtype, given.rounds)


if __name__ == "__main__":
    main()
