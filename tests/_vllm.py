"""A vLLM engine on the CPU for tests, where vLLM is installed: make test-vllm."""

import os
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.conftest import make_tiny_model
from ttrl_cli.config import SolveConfig
from ttrl_cli.models.memory_plan import plan_here
from ttrl_cli.models.tokenizer import Codec, load_codec
from ttrl_cli.sampler.vllm import VllmSampler
from ttrl_cli.sampler.vllm_engine import start_engine

VLLM = [
    pytest.mark.skipif(not find_spec("vllm"), reason="vLLM is not installed: make test-vllm"),
    # what vLLM and its dependencies warn of is not ours to mend
    pytest.mark.filterwarnings("ignore"),
]
"""Marks of tests that need vLLM."""


def vllm_config(model: str, **options: Any) -> SolveConfig:
    """A configuration for an engine of the tiny model."""
    given = {"dtype": "float32", "device": "cpu", "lora_rank": 4, "groups": 2, "group_size": 8}
    given |= {"max_tokens": 512, "sampler": "vllm", "threads": 1, "kl": 0.0}
    return SolveConfig(model=model, **(given | options))


@pytest.fixture(scope="session")
def vllm_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, Codec]]:
    """An engine for a tiny model with heads of a size that vLLM has kernels for, and its words."""
    folder = str(make_tiny_model(tmp_path_factory.mktemp("vllm-model"), head_dim=32))
    config = vllm_config(folder)
    planned = plan_here(config, folder, engine=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        engine = start_engine(folder, config, planned)
        yield engine, load_codec(folder)
        engine.engine_core.shutdown()


@dataclass(frozen=True, slots=True)
class Served:
    """Two servers of one model; the second notes log-probabilities of the model's own distribution.

    Attributes:
        folder: The model's.
        codec: Its words.
        urls: Of the servers.
        processes: The servers.
    """

    folder: str
    codec: Codec
    urls: tuple[str, ...]
    processes: tuple["subprocess.Popen[bytes]", ...]


def serve(folder: str, port: int, log: Path, *options: str) -> "subprocess.Popen[bytes]":
    """Start a server, as docs/scaling.md says, with what a test on the CPU needs."""
    # the command `vllm` of the package for CPUs looks for metadata of another name
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", folder]
    command += ["--host", "127.0.0.1", "--port", str(port), "--dtype", "float32"]
    command += ["--enable-lora", "--max-lora-rank", "8", "--generation-config", "vllm"]
    command += ["--kv-cache-memory-bytes", "100000000", "--max-model-len", "2048"]
    command += ["--enforce-eager", "--no-enable-chunked-prefill"]
    command += ["--max-num-batched-tokens", "4096", *options]
    own = {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True", "VLLM_NO_USAGE_STATS": "1"}
    own |= {"OMP_NUM_THREADS": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind", "HF_HUB_OFFLINE": "1"}
    with log.open("wb") as file:
        # a group of its own: a server has children, which are to end with it
        return subprocess.Popen(
            command, stdout=file, stderr=file, env=os.environ | own, start_new_session=True
        )


def kill(process: "subprocess.Popen[bytes]") -> None:
    """End a server and its children at once."""
    if process.poll() is None:
        os.killpg(process.pid, 9)
        process.wait()


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


def _wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    ends = time.monotonic() + 240
    while time.monotonic() < ends and process.poll() is None:
        try:
            if httpx2.get(f"{url}/health", timeout=5).is_success:
                return
        except httpx2.TransportError:
            time.sleep(0.5)
    pytest.fail(f"no server at {url}:\n{log.read_text()[-3000:]}")


@pytest.fixture(scope="session")
def vllm_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Two servers of a tiny model."""
    folder = str(make_tiny_model(tmp_path_factory.mktemp("served-model"), head_dim=32))
    logs = tmp_path_factory.mktemp("logs")
    ports = [_free_port(), _free_port()]
    modes = [["--logprobs-mode", "processed_logprobs"], []]
    with ExitStack() as stack:
        processes = []
        for port, mode in zip(ports, modes, strict=True):
            process = serve(folder, port, logs / f"{port}.log", *mode)
            stack.callback(kill, process)
            processes.append(process)
        urls = tuple(f"http://127.0.0.1:{port}" for port in ports)
        for url, port, process in zip(urls, ports, processes, strict=True):
            _wait_for(url, process, logs / f"{port}.log")
        yield Served(folder, load_codec(folder), urls, tuple(processes))


def vllm_of(engine: Any, codec: Codec, **options: Any) -> VllmSampler:
    """A sampler on the engine."""
    given = {"max_tokens": 24, "temperature": 1.0, "seed": 0, **options}
    return VllmSampler(engine, codec, **given)
