"""A plugin of pytest's: of the attacks, those whose outcome may depend on who runs ttrl.

Left out is the backend `process`, which keeps nobody from anything but by limits that hold for
every user alike. What our own process does with the bytes and the clock of a program, whatever the
kernel lets that do (its time, what it prints and what it returns), is attacked on one backend.
"""

from collections.abc import Iterable

import pytest

from ttrl_cli.sandbox.base import Property

OURS = frozenset({Property.WALL_TIME, Property.CPU_TIME, Property.OUTPUT, Property.DATA_ONLY})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the others."""
    kept = list(_depending(items))
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _depending(items: Iterable[pytest.Item]) -> Iterable[pytest.Item]:
    for item in items:
        attacks = item.get_closest_marker("attacks")
        backend = item.callspec.params.get("sandbox") if isinstance(item, pytest.Function) else None
        if (
            attacks is None
            or backend in (None, "namespaces")  # None: it starts a sandbox by itself
            or (backend == "bwrap" and not {*attacks.args} <= OURS)
        ):
            yield item
