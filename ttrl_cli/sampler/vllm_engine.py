"""Starting a vLLM engine in this process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ttrl_cli.errors import SetupError, first_line
from ttrl_cli.models.memory_plan import ENGINE_TOKENS, rows_of

if TYPE_CHECKING:
    from ttrl_cli.config import RunConfig
    from ttrl_cli.models.memory_plan import Plan

RANKS = (8, 16, 32, 64, 128, 256, 320, 512)
"""Ranks that vLLM has kernels for."""
_MOST_ROWS = 1024
_BLOCK = 128
"""Tokens of vLLM's largest block of KV cache, that of its CPU build."""
_SPARE_BLOCKS = 3
"""Blocks beyond the plan: vLLM keeps one for itself, and counts sequences in whole ones."""
_NEVER = 1 << 30
"""Tokens between two reports of a completion: it is reported when it begins and when it ends."""


def allowed_rank(rank: int) -> int:
    """Return the smallest rank of vLLM that an adapter fits into.

    Raises:
        SetupError: If there is none.
    """
    fitting = [allowed for allowed in RANKS if allowed >= rank]
    if not fitting:
        msg = f"--lora-rank {rank}: vLLM has no kernels for ranks above {RANKS[-1]}"
        raise SetupError(msg)
    return fitting[0]


def start_engine(folder: str, config: "RunConfig", planned: "Plan") -> Any:
    """Start a model's engine in this process, so that the caller can step it.

    Args:
        folder: The model's files.
        config: The run's configuration.
        planned: The memory plan.

    Raises:
        SetupError: If vLLM is missing, or refuses the model or the machine.
    """
    options = engine_options(folder, config, planned)
    try:
        from vllm import EngineArgs
        from vllm.platforms import current_platform
        from vllm.v1.engine.llm_engine import LLMEngine
    except ImportError as error:
        msg = f"--sampler vllm: {error}; install it with: pip install 'ttrl-cli[vllm]'"
        raise SetupError(msg) from error
    if current_platform.is_cpu() != (planned.device == "cpu"):
        there = "CPUs" if current_platform.is_cpu() else "GPUs"
        msg = f"--sampler vllm: the vLLM that is installed is for {there}; see --device"
        raise SetupError(msg)
    with _refusals(sleeps=planned.sleeps):
        config_of_engine = EngineArgs(**options).create_engine_config()
        if planned.device == "cuda":
            import torch

            # without a number, each process's engine would take the first GPU
            current = torch.device("cuda", torch.cuda.current_device())
            config_of_engine.device_config.device = current
        return LLMEngine.from_vllm_config(config_of_engine, disable_log_stats=True)


@contextmanager
def _refusals(*, sleeps: bool) -> Iterator[None]:
    """Turn what vLLM raises where it refuses a model or a machine into a SetupError.

    Args:
        sleeps: Whether the engine is to sleep. vLLM then asserts that no other engine of this
            process is alive.

    Raises:
        SetupError: If it refuses.
    """
    try:
        yield
    except (RuntimeError, ValueError, OSError) as error:
        msg = f"--sampler vllm: {first_line(error)}"
        raise SetupError(msg) from error
    except AssertionError as error:
        msg = f"--sampler vllm: {first_line(error)}"
        if sleeps:
            msg += "; an earlier run's engine may still be in memory: begin this one anew, in a "
            msg += "process of its own"
        raise SetupError(msg) from error


def engine_options(folder: str, config: "RunConfig", planned: "Plan") -> dict[str, Any]:
    """Return an engine's options, as keywords of vLLM's `EngineArgs` and `LLM`.

    Call it before vLLM is imported: it also sets the environment variables that vLLM reads then.
    Those of them that the user may choose are kept if set.

    Raises:
        SetupError: If vLLM has no kernels for the adapter's rank.
    """
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    longest = min(planned.shape.context, planned.kv_tokens)
    return {
        "model": folder,
        "dtype": planned.dtype,
        "seed": 0,  # of the engine; every request has its own
        "max_num_seqs": rows_of(config, _MOST_ROWS),
        "enable_lora": True,
        "max_lora_rank": allowed_rank(config.lora_rank),
        "max_loras": 1,
        "max_cpu_loras": 2,
        "enable_prefix_caching": True,
        "logprobs_mode": "processed_logprobs",
        "generation_config": "vllm",
        "stream_interval": _NEVER,
        "disable_log_stats": True,
        "use_tqdm_on_load": False,
        "max_model_len": longest,
        "kv_cache_memory_bytes": planned.kv_bytes + _SPARE_BLOCKS * _BLOCK * planned.kv_token,
        # vLLM asks for this share to be free, though it is told what to take
        "gpu_memory_utilization": max(0.01, planned.of("sampler") / planned.installed),
        "enable_sleep_mode": planned.sleeps,
        **(_on_cpu(longest) if planned.device == "cpu" else _on_gpu()),
    }


def _on_gpu() -> dict[str, Any]:
    """Return the options that differ on a GPU.

    The tokens of a step are those that the memory plan reckons with. An engine that is made from
    `EngineArgs` would otherwise compute 2,048 at once, and prefills in even smaller slices.
    """
    return {"max_num_batched_tokens": ENGINE_TOKENS}


def _on_cpu(longest: int) -> dict[str, Any]:
    """Return the options that differ on the CPU.

    Nothing is compiled, since that would take longer than a test. Prompts are not computed in
    chunks, since vLLM 0.32 fails on chunks if a request has a seed.
    """
    return {
        "enforce_eager": True,
        "enable_chunked_prefill": False,
        "max_num_batched_tokens": max(longest, 4096),
    }
