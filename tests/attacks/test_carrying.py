"""Nothing goes from one call of a candidate to the next, nor to the next candidate."""

from tests._sandboxes import LIMITS, attack
from tests.attacks._programs import Hostile, source_of
from tests.attacks.programs import carrying
from ttrl_cli.sandbox.base import Program, Property
from ttrl_cli.sandbox.calls import Outcome, interpreted
from ttrl_cli.sandbox.session import Sandbox

CANARY = "CANARY-5c1e"


def call(sandbox: Sandbox, program: Hostile, **arguments: object) -> Outcome:
    """Call a hostile program once."""
    caller = interpreted(Program(source=source_of(program), entry=program.__name__))
    return caller(sandbox, arguments, LIMITS)


@attack(Property.NO_LEFTOVERS, Property.FILES_READ_ONLY)
def test_nothing_is_carried_from_call_to_call(sandbox: Sandbox):
    """A canary that a call prints and leaves everywhere is nowhere in the next one."""
    kept = call(sandbox, carrying.keep, canary=CANARY)
    assert (kept.status, kept.data, kept.output) == ("ok", CANARY, f"{CANARY}\n"), kept.reason
    assert kept.log.startswith(CANARY)
    again = call(sandbox, carrying.look)
    assert (again.status, again.data, again.output, again.log) == ("ok", [], "", "")


@attack(Property.DATA_ONLY)
def test_a_call_is_given_what_the_problem_gives_and_no_more(sandbox: Sandbox):
    """No seed, parent, seconds or cpus reach a candidate that measure does not give them."""
    assert call(sandbox, carrying.given, n=1).data == ["n"]
    assert call(sandbox, carrying.given).data == []


@attack(Property.DATA_ONLY)
def test_words_of_a_call_do_not_enter_another(sandbox: Sandbox):
    """Output and log are those of one call alone, also after one that was cut off."""
    flood = interpreted(Program(source="print('x' * 3_000_000)"))(sandbox, "", LIMITS)
    assert flood.status == "output"
    quiet = interpreted(Program(source="print('y')"))(sandbox, "", LIMITS)
    assert (quiet.status, quiet.output, quiet.log) == ("ok", "y\n", "")
