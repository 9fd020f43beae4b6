"""The attack suite itself: it finds a hole where there is one, and all of its programs are run."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.attacks._programs import source_of
from tests.attacks.programs import processes
from ttrl_cli.sandbox.backends import Process
from ttrl_cli.sandbox.base import Property

ATTACKS = Path(__file__).parent / "attacks"
PROGRAMS = sorted((ATTACKS / "programs").glob("*.py"))


class Hollow(Process):
    """Limits only; claims to keep programs from the network, and nothing else."""

    name = "hollow"
    claims = frozenset({Property.NETWORK})


def attacked(sandboxes: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the attacks on the network on other sandboxes."""
    plugin = ["--noconftest", "-p", "tests._sandboxes", "-p", "no:cacheprovider"]
    words = ["-q", *plugin, "--sandboxes", sandboxes, *options, str(ATTACKS / "test_network.py")]
    command = [sys.executable, "-m", "pytest", *words]
    return subprocess.run(
        command, cwd=ATTACKS.parents[1], capture_output=True, text=True, check=False
    )


def test_a_backend_from_elsewhere_is_attacked_and_its_hole_found() -> None:
    """One that claims what it does not do fails every attack but what any program may do."""
    said = attacked("tests.test_attack_suite:Hollow").stdout
    assert "7 failed, 1 passed" in said, said
    assert "test_its_own_processes_may_talk" not in said


def test_a_sandbox_that_there_is_not_is_named() -> None:
    """A name that is neither ours nor a class ends with the names that there are."""
    done = attacked("bubble", "--collect-only")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "no 'bubble' among bwrap, namespaces, process; others are module:Class" in done.stderr


def test_a_program_is_whole() -> None:
    """What a program has in common with others is written into it, and compiles."""
    source = source_of(processes.meddle)
    assert "def gains(" in source
    assert "tests.attacks" not in source
    compile(source, "candidate.py", "exec")


@pytest.mark.parametrize("path", PROGRAMS, ids=lambda path: path.stem)
def test_every_program_is_run(path: Path) -> None:
    """Each function of a program's file is named by a test, or by another program."""
    functions = {
        node.name
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    readers = [*ATTACKS.glob("*.py"), *PROGRAMS]
    trees = [ast.parse(reader.read_text()) for reader in readers]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    named = {node.id for node in nodes if isinstance(node, ast.Name)}
    named |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    assert functions - named == set()
