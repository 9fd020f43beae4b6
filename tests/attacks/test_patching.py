"""What a program does to the interpreter must not reach the next program."""

from tests._sandboxes import attack, run
from tests.attacks._programs import attempt, inside, still_works
from tests.attacks.programs import patching
from ttrl_cli.records import Status
from ttrl_cli.sandbox.base import Property
from ttrl_cli.sandbox.session import Sandbox


@attack(Property.DATA_ONLY)
def test_the_next_program_finds_clean_modules(sandbox: Sandbox) -> None:
    """What a program replaces in modules and builtins is as before for the next."""
    before = inside(sandbox, patching.look_for_patches)
    result = attempt(sandbox, patching.patch_everything)
    assert (result.status, result.data) in (
        (Status.OK, [0.25]),
        (Status.OK, [9]),
        (Status.ERROR, None),
    )
    assert result.seconds > 0
    assert inside(sandbox, patching.look_for_patches) == before
    assert before[:8] == [2, 3, "[1]", True, True, 1, 5.0, True]
    assert before[9:] == [False, False, False, False]


@attack(Property.DATA_ONLY)
def test_patching_json_changes_the_programs_own_data_only(sandbox: Sandbox) -> None:
    """A program that patches what encodes its answer sends other data, as it could anyway."""
    assert inside(sandbox, patching.patch_json) == [0.25]
    still_works(sandbox)


@attack(Property.DATA_ONLY)
def test_hooks_do_not_outlive_a_program(sandbox: Sandbox) -> None:
    """Traces, exit hooks, audit hooks and finders of one program are not run in the next."""
    attempt(sandbox, patching.hook_everything)
    result = run(sandbox, "def run(): return 1")
    assert (result.status, result.data, result.output) == (Status.OK, 1, "")


@attack(Property.DATA_ONLY)
def test_a_seed_fixes_what_a_program_draws(sandbox: Sandbox) -> None:
    """Programs with one seed draw the same from the global generators, with two others not."""
    first, second, other = (inside(sandbox, patching.draw, seed=seed) for seed in (7, 7, 8))
    assert first == second
    assert not set(first) & set(other)


@attack(Property.DATA_ONLY)
def test_draws_of_one_program_do_not_move_the_next(sandbox: Sandbox) -> None:
    """A program that draws, or seeds, leaves the generators of the next where they were."""
    before = inside(sandbox, patching.draw_unseeded)
    inside(sandbox, patching.seed_and_draw)
    assert inside(sandbox, patching.draw_unseeded) == before
