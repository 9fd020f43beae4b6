"""A second kind of device without one: PyTorch's Python backend, over fake tensors.

Fake tensors have a shape, a type and a device, and no data. Whatever mixes devices fails as it
would on a GPU; whatever reads a value is counted, and gets a stand-in. `begin` changes torch for
good: call it in a process of its own.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch._subclasses.fake_tensor import (
    FakeTensor,
    FakeTensorMode,
    unset_fake_temporarily,
)
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.backend_registration import (
    _DummyBackendModule,
    _setup_privateuseone_for_python_backend,
)
from torch.utils.flop_counter import flop_registry
from transformers import AutoModelForCausalLM

from ttrl_cli.config import RunConfig
from ttrl_cli.learner import head
from ttrl_cli.models import attention, load
from ttrl_cli.models.lean import weights
from ttrl_cli.models.load import LoadedModel

NAME = "gpux"
_ASIDE = frozenset(
    {
        torch.ops.prim.device.default,
        torch.ops.aten.empty_like.default,
        torch.ops.aten.new_empty.default,
        torch.ops.aten.empty.memory_format,
    }
)
"""Calls that are no launches, and no views either."""


def begin() -> torch.device:
    """Make the device, and let values be asked for that are not there."""
    _setup_privateuseone_for_python_backend(NAME, _Module())
    FakeTensor.tolist = _tolist  # type: ignore[method-assign]
    FakeTensor.numpy = _numpy  # type: ignore[assignment, method-assign]
    FakeTensor.data_ptr = _address  # type: ignore[method-assign]
    FakeTensor.__getitem__ = _get
    FakeTensor.__setitem__ = _set
    torch.tensor = _tensor
    head._TOKENS[NAME] = head._TOKENS["cuda"]
    return torch.device(NAME, 0)


class _Module(_DummyBackendModule):  # type: ignore[misc]
    """The device's module, with what activation checkpointing asks it."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        """Return the types of automatic mixed precision, which nothing here uses."""
        return [torch.bfloat16]


class Watch(TorchDispatchMode):
    """Counts what a device is asked to do.

    Attributes:
        calls: What was counted: uploads, downloads, syncs (values read from the device), launches
            (calls that are no views), products in float32, calls of variable-length attention.
        planned: Distinct shapes and strides of attention that a backend may plan by shape.
        flops: Floating-point operations of products and attention.
        moved: Bytes that launches read and write, each operand once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.planned: set[Any] = set()
        self.flops: Counter[str] = Counter()
        self.moved = 0

    def clear(self) -> None:
        """Forget what was counted."""
        self.calls.clear()
        self.planned.clear()
        self.flops.clear()
        self.moved = 0

    @property
    def waits(self) -> int:
        """How often this process has waited for the device so far."""
        return self.calls["downloads"] + self.calls["syncs"] + _reads["device"]

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count a call and run it; a value that is read is 1."""
        kwargs = kwargs or {}
        # in inference mode composite calls come here as a whole
        if torch.is_inference_mode_enabled() and func not in _ASIDE:
            with self:
                parts = func.decompose(*args, **kwargs)
            if parts is not NotImplemented:
                return parts
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        here = [tensor for tensor in given if tensor.device.type == NAME]
        if func is torch.ops.aten._local_scalar_dense.default:
            self.calls["syncs"] += bool(here)
            return 1.0 if given[0].is_floating_point() else 1
        if func is torch.ops.aten.is_nonzero.default:
            self.calls["syncs"] += bool(here)
            return True
        if here and "nonzero" in str(func):
            msg = f"{func} makes the device wait for its result's size"
            raise AssertionError(msg)
        out = func(*args, **kwargs)
        made = [leaf for leaf in tree_leaves(out) if isinstance(leaf, torch.Tensor)]
        self._count(func, given, here, made, out, args, kwargs)
        return out

    def _count(
        self, func: Any, given: Any, here: Any, made: Any, out: Any, args: Any, kwargs: Any
    ) -> None:
        on_device = [tensor for tensor in made if tensor.device.type == NAME]
        name = str(func)
        copies = func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
        if copies and on_device and any(t.device.type == "cpu" and t.ndim for t in given):
            self.calls["uploads"] += 1
        if copies and here and made and made[0].device.type == "cpu":
            self.calls["downloads"] += 1
        if not (here or on_device) or func.is_view or func in _ASIDE:
            return
        self.calls["launches"] += 1
        self.moved += sum(_size(tensor) for tensor in (*here, *on_device))
        if name.startswith(("aten.mm", "aten.addmm", "aten.bmm")):
            self.calls["float32 products"] += here[0].dtype == torch.float32
        if "_varlen_attn" in name:
            self.calls["variable-length attention"] += 1
        elif "scaled_dot_product" in name or "_attention_" in name:
            self.planned.add((name, *((tuple(t.shape), t.stride()) for t in given)))
        count = flop_registry.get(getattr(func, "overloadpacket", func))
        if count:
            kind = "attention" if "attn" in name or "attention" in name else "products"
            factors = args[:2] if func._overloadname == "dtype" else args
            self.flops[kind] += count(*factors, **kwargs, out_val=out)


@contextmanager
def real() -> Iterator[None]:
    """Make tensors with data, for a while."""
    with unset_fake_temporarily():
        yield


@contextmanager
def fake() -> Iterator[Watch]:
    """Make tensors fake, and count what is done with those on the device."""
    with FakeTensorMode(allow_non_fake_inputs=True), Watch() as watch:
        yield watch


def make_model(sizes: Any, config: RunConfig, device: torch.device) -> LoadedModel:
    """Make a model of a shape in bfloat16 on the device, with an adapter and without a tokenizer.

    Args:
        sizes: Its transformers configuration.
        config: Rank and scale of the adapter.
        device: The device that `begin` made.
    """
    attention.register()
    with unset_fake_temporarily():
        with torch.device("meta"):
            base = AutoModelForCausalLM.from_config(
                sizes, dtype=torch.bfloat16, attn_implementation=attention.NAME
            )
        base.requires_grad_(requires_grad=False)
        network = load._with_adapter(base, config)
    for module in network.modules():
        for name, old in module.named_parameters(recurse=False):
            new = torch.empty(old.shape, dtype=old.dtype, device=device)
            setattr(module, name, torch.nn.Parameter(new, requires_grad=old.requires_grad))
        for name, old in module.named_buffers(recurse=False):
            setattr(module, name, torch.empty(old.shape, dtype=old.dtype, device=device))
    weights.fuse(base)
    return LoadedModel(network=network, codec=None)  # type: ignore[arg-type]


def _size(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


_real_tensor = torch.tensor
_real_get, _real_set = torch.Tensor.__getitem__, torch.Tensor.__setitem__
_reads = Counter[str]()


def _stand_in(tensor: Any) -> Any:
    """Return an array in place of a tensor's: small integers that differ from call to call."""
    _reads["device"] += tensor.device.type == NAME
    _reads["all"] += 1
    values = (np.arange(tensor.numel()).reshape(tuple(tensor.shape)) * 7 + _reads["all"]) % 13
    return values.astype(float) if tensor.is_floating_point() else values


def _tolist(tensor: Any) -> Any:
    return _stand_in(tensor).tolist()


def _numpy(tensor: Any, **_: Any) -> Any:
    return _stand_in(tensor)


def _address(tensor: Any) -> int:
    return int(tensor.storage_offset()) * tensor.element_size()


def _tensor(data: Any, *, device: Any = None, **options: Any) -> torch.Tensor:
    """Make a tensor on the CPU first, and without the values that fake tensors keep of a list."""
    made = _real_tensor(data, **options)
    if isinstance(made, FakeTensor) and made.ndim:
        made = torch.empty(made.shape, dtype=made.dtype)
    return made if device is None else made.to(device)


def _get(tensor: Any, index: Any) -> Any:
    """Index by a list as PyTorch does, which uploads it."""
    return _real_get(tensor, _uploaded(index, tensor))


def _set(tensor: Any, index: Any, value: Any) -> None:
    """As `_get`, to assign."""
    _real_set(tensor, _uploaded(index, tensor), value)


def _uploaded(index: Any, tensor: Any) -> Any:
    return torch.tensor(index, device=tensor.device) if isinstance(index, list) else index
