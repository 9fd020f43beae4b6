"""A plugin of pytest's: of the attacks, those whose outcome may depend on who runs ttrl.

Left out is the backend `process`, which keeps nobody from anything but by limits that hold for
every user alike. What our own process does with the bytes and the clock of a program, whatever the
kernel lets that do (its time, what it prints and what it returns), is left out as well, but for
one attack of each kind on one backend; so is one of two backends where both count alike.
"""

from collections.abc import Iterable

import pytest

from ttrl_cli.sandbox.base import Property

OURS = frozenset({Property.WALL_TIME, Property.CPU_TIME, Property.OUTPUT, Property.DATA_ONLY})
COUNTED = OURS | {
    Property.MEMORY,
    Property.DISK,
    Property.PROCESSES,
    Property.OPEN_FILES,
    Property.NO_LEFTOVERS,
}
"""What is counted in the same way on the backends that keep a program in."""
STILL_RUN = frozenset(
    {
        "test_small_answers_do_not_become_large",
        "test_a_reason_is_cut_where_it_is_read",
        "test_no_reason_is_long",
        "test_source_that_the_parser_cannot_take_is_an_error",
    }
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the others."""
    kept = list(_depending(items))
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def _depending(items: Iterable[pytest.Item]) -> Iterable[pytest.Item]:
    for item in items:
        attacks = item.get_closest_marker("attacks")
        if attacks is None or _depends(item, {*attacks.args}):
            yield item


def _depends(item: pytest.Item, attacked: set[Property]) -> bool:
    assert isinstance(item, pytest.Function)
    backend = item.callspec.params.get("sandbox")
    if backend is None:  # it starts a sandbox by itself
        return True
    if backend == "process" or (backend == "bwrap" and attacked <= COUNTED):
        return False
    return not attacked <= OURS or item.originalname in STILL_RUN
