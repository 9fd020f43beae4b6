"""What programs are given: files of their problem, and flags for the compiler."""

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import ttrl_cli
from tests._helpers import ttrl, write_lines, write_problem
from tests._sandboxes import LIMITS, attack
from ttrl_cli.errors import ProblemError, SetupError
from ttrl_cli.problem import load_problem
from ttrl_cli.prompts import solve_messages
from ttrl_cli.records import State, Status
from ttrl_cli.sandbox.backends import Namespaces
from ttrl_cli.sandbox.base import Backend, Program, Property, SandboxSpec
from ttrl_cli.sandbox.compiled import run_cpp
from ttrl_cli.sandbox.session import Sandbox

READ = """
def run():
    return [int(open("table.txt").read()), int(open("data/deep/n.txt").read())]
"""
SUM = "def verify(data):\n    return data\n\ndef score(data):\n    return sum(data)\n"
# each way to change what lies in the working folder, or beside the originals
CHANGE = """
import os, shutil

def run():
    done = []
    for change in (
        lambda: open("table.txt", "w").close(),
        lambda: open(os.path.realpath("table.txt"), "a").close(),
        lambda: os.truncate("table.txt", 0),
        lambda: os.chmod("table.txt", 0o666),
        lambda: os.remove(os.path.realpath("table.txt")),
        lambda: os.rename(os.path.realpath("table.txt"), "/tmp/gone"),
        lambda: os.utime("table.txt"),
        lambda: open(os.path.join(os.path.dirname(os.path.realpath("table.txt")), "new"), "w"),
    ):
        try:
            change()
            done.append(True)
        except OSError:
            done.append(False)
    return [any(done), int(open("table.txt").read())]
"""


def _write(folder: Path, **keys: Any) -> Path:
    """Write a problem whose programs read two files."""
    solution = {"kind": "program", "files": ["table.txt", "data/deep/n.txt"]}
    folder = write_problem(folder, SUM, seed=READ, **{"solution": solution, **keys})
    (folder / "table.txt").write_text("40\n")
    (folder / "data" / "deep").mkdir(parents=True)
    (folder / "data" / "deep" / "n.txt").write_text("2")
    (folder / "data" / "other.txt").write_text("3")
    return folder


def test_programs_read_the_files_of_their_problem(tmp_path: Path) -> None:
    """A seed, a sampled program and one of a resumed run find the files; the prompt names them."""
    folder = _write(tmp_path / "p")
    replay = write_lines(tmp_path / "r.jsonl", [f"```python\n{READ}```"])
    run = tmp_path / "run"
    done = ttrl("solve", folder, "--sampler", f"replay:{replay}", "--out", run, "--steps", "1")
    assert done.code == 0
    (folder / "table.txt").write_text("0")  # the run has its own copy
    done = ttrl("resume", run, "--steps", "2", "--json")
    assert (done.json["best"]["score"], done.json["valid"]) == (42, 8)
    problem = load_problem(folder)
    state = State(
        id="seed.0",
        parent=None,
        step=0,
        score=42,
        signed=42,
        data=[40, 2],
        solution=READ,
        shown=READ,
        output="",
        feedback="",
    )
    prompt = solve_messages(problem, state, None)[-1].content
    assert (
        "These files lie in its working folder, to be read: table.txt, data/deep/n.txt." in prompt
    )


def _spec(folder: Path) -> SandboxSpec:
    """Return the spec of a sandbox with one file, 7, in it."""
    files = folder / "files"
    files.mkdir()
    (files / "table.txt").write_text("7")
    (files / "table.txt").chmod(0o444)
    folder.chmod(0o755)
    return SandboxSpec(hidden=(Path.home(), Path.cwd()), files=files)


@attack(Property.FILES_READ_ONLY)
def test_files_are_read_only(backend: Backend, tmp_path: Path) -> None:
    """No program changes a file that it was shown, for itself, the next one or the user."""
    spec = _spec(tmp_path)
    with Sandbox(backend, spec) as sandbox:
        for _ in range(2):
            result = sandbox.run(Program(source=CHANGE), LIMITS)
            assert (result.status, result.data) == (Status.OK, [False, 7])
    assert (tmp_path / "files" / "table.txt").read_text() == "7"


@attack(Property.WALL_TIME)
def test_each_backend_shows_the_files(backend: Backend, tmp_path: Path) -> None:
    """Programs, what they start and compiled programs find the files on each backend."""
    source = (
        "import subprocess\ndef run():\n"
        "    return int(subprocess.run(['cat', 'table.txt'], capture_output=True).stdout)"
    )
    cpp = '#include <fstream>\n#include <iostream>\nint main() { std::ifstream f("table.txt"); '
    cpp += "int n; f >> n; std::cout << n; }"
    with Sandbox(backend, _spec(tmp_path)) as sandbox:
        assert sandbox.run(Program(source=source), LIMITS).data == 7
        assert run_cpp(sandbox, Program(source=cpp), LIMITS, tmp_path / "built").data == 7


class Outside:
    """A backend as a plug-in writes it: namespaces, at the lowest priority."""

    name = "outside"
    isolated = True
    claims = Namespaces.claims

    def command(self, server: Sequence[str], spec: SandboxSpec) -> list[str]:
        """Return the command."""
        return ["nice", "-n", "19", *Namespaces().command(server, spec)]


class Blind(Outside):
    """A backend that shows no file of the problem."""

    def command(self, server: Sequence[str], spec: SandboxSpec) -> list[str]:
        """Return the command of a spec without files."""
        return super().command(server, replace(spec, files=None))


@attack(Property.FILES_HIDDEN)
def test_backend_from_outside_shows_the_files(backend: Backend, tmp_path: Path) -> None:
    """A plug-in's backend that builds on ours shows the files; one that does not is refused."""
    del backend  # where namespaces work, so does this
    spec = _spec(tmp_path)
    source = "def run():\n    return int(open('table.txt').read())"
    with Sandbox(Outside(), spec) as sandbox:
        assert sandbox.run(Program(source=source), LIMITS).data == 7
    with Sandbox(Blind(), spec) as sandbox, pytest.raises(SetupError, match=r"solution\.files"):
        sandbox.start()


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("gone.txt", "no such file"),
        ("data", "is a folder; name the files in it"),
        ("../outside.txt", "lies outside the problem's folder"),
        ("data/../../outside.txt", "lies outside the problem's folder"),
        ("/etc/passwd", "lies outside the problem's folder"),
        ("link.txt", "lies outside the problem's folder"),
        ("linked/outside.txt", "lies outside the problem's folder"),
        ("broken.txt", "no such file"),
        ("pipe", "is no ordinary file"),
        ("", "expected a path"),
        (".", "expected a path"),
        ("./table.txt", "expected a path"),
        ("data//other.txt", "expected a path"),
        ("candidate.py", "is what the program's own text is called"),
        ("runs/table.txt", "a run's copy of the problem leaves out runs"),
        ("table.txt", "comes twice"),
    ],
)
def test_file_that_cannot_be_shown_is_refused(name: str, why: str, tmp_path: Path) -> None:
    """A file outside of the folder, a missing one and others are refused with file and key."""
    (tmp_path / "outside.txt").write_text("secret")
    solution = {"kind": "program", "files": ["table.txt", name]}
    folder = _write(tmp_path / "p", solution=solution)
    (folder / "link.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "linked").symlink_to(tmp_path)
    (folder / "broken.txt").symlink_to(folder / "nowhere")
    (folder / "candidate.py").write_text("")
    (folder / "runs").mkdir()
    (folder / "runs" / "table.txt").write_text("1")
    os.mkfifo(folder / "pipe")
    done = ttrl("check", folder)
    assert done.code == 2
    assert "problem.yaml: solution.files[1]: " in done.err
    assert why in done.err


def test_files_go_with_programs(tmp_path: Path) -> None:
    """Files and flags of a solution that is no program, or flags of Python, are refused."""
    for solution, key in (
        ({"kind": "text", "files": ["seed.txt"]}, "solution.files"),
        ({"kind": "program", "flags": ["-O3"]}, "solution.flags"),
        ({"kind": "json", "flags": ["-O3"]}, "solution.flags"),
    ):
        folder = write_problem(tmp_path / key / solution["kind"], solution=solution)
        with pytest.raises(ProblemError) as refusal:
            load_problem(folder)
        assert refusal.value.key == key


NATIVE = """
#include <bits/stdc++.h>
int main() {
#ifdef __OPTIMIZE__
    int optimized = 1;
#else
    int optimized = 0;
#endif
    std::cout << "[" << LIMIT << "," << __cplusplus << "," << optimized;
#ifdef __STRICT_ANSI__
    std::cout << ",1]";
#else
    std::cout << ",0]";
#endif
}
"""


def _write_cpp(folder: Path, flags: list[str], seed: str = NATIVE) -> Path:
    solution = {"kind": "program", "language": "cpp", "flags": flags}
    return write_problem(folder, SUM, seed=seed, solution=solution)


def test_programs_are_compiled_with_the_flags(tmp_path: Path) -> None:
    """Flags come behind the defaults: another standard, another level, a name."""
    folder = _write_cpp(tmp_path / "a", ["-O0", "-std=gnu++17", "-DLIMIT=5"])
    replay = write_lines(tmp_path / "r.jsonl", [f"```cpp\n{NATIVE}```"])
    run = tmp_path / "run"
    done = ttrl("solve", folder, "--sampler", f"replay:{replay}", "--out", run, "--steps", "1")
    assert done.code == 0
    assert json.loads(ttrl("best", run, "--data").out) == [5, 201703, 0, 0]
    folder = _write_cpp(tmp_path / "b", ["-DLIMIT=6"])
    checked = ttrl("check", folder, "--json")
    assert checked.json["seeds"][0]["score"] == 6 + 202002 + 1 + 1


@pytest.mark.parametrize(
    "flags",
    [
        ["-O3", "-march=native", "-funroll-loops"],
        ["-Ofast", "-ffast-math", "-fno-exceptions", "-mtune=generic"],
        ["-std=gnu++20", "-O2", "-pthread", "-Wall", "-Wextra"],
    ],
    ids=["native", "fast", "gnu"],
)
def test_usual_flags_compile(flags: list[str], tmp_path: Path) -> None:
    """The flags that people take are allowed, and the compiler takes them inside the sandbox."""
    folder = _write_cpp(tmp_path / "p", flags, '#include <iostream>\nint main(){std::cout<<"[1]";}')
    assert ttrl("verify", folder, folder / "seed.txt").code == 0


@pytest.mark.parametrize(
    "flag",
    [
        "-o/tmp/x",
        "-I/etc",
        "-include/etc/passwd",
        "-include",
        "/etc/passwd",
        "-fplugin=evil.so",
        "-fplugin-arg-x-y",
        "-fprofile-use=/etc/x",
        "-fsanitize=address",
        "-Wl,-rpath,/home",
        "-Wp,-include,/etc/passwd",
        "-Wa,-I/etc",
        "-Xlinker",
        "-B/tmp",
        "-specs=/tmp/specs",
        "-wrapper",
        "@/etc/passwd",
        "-lm",
        "-L/tmp",
        "-xc",
        "-E",
        "-S",
        "-c",
        "-v",
        "-O3 -o x",
        "-O3\n",
        "-O9",
        "-std=c++98",
        "-march=native,evil",
        "-march=",
        '-DA="x"',
        "-DA(x)=x",
        "-UNDEBUG",
        "--help",
        "",
    ],
)
def test_other_flag_is_refused(flag: str, tmp_path: Path) -> None:
    """A flag that names files, programs, plug-ins or the linker's words is refused with its key."""
    folder = _write_cpp(tmp_path / "p", ["-O3", flag])
    with pytest.raises(ProblemError, match="is not allowed") as refusal:
        load_problem(folder)
    assert refusal.value.key == "solution.flags[1]"
    assert str(folder / "problem.yaml") in str(refusal.value)


def test_flags_that_the_compiler_refuses_are_named(tmp_path: Path) -> None:
    """A processor that the compiler does not know ends the command, and the flags are named."""
    done = ttrl("check", _write_cpp(tmp_path / "p", ["-march=abacus"]))
    assert done.code == 3
    assert "with solution.flags (-march=abacus)" in done.err


def _sum(data: Any) -> float:
    return float(sum(data))


def _verified(data: Any) -> Any:
    return data


def test_python_problem_shows_files(tmp_path: Path) -> None:
    """A problem made in Python shows files to its programs."""
    (tmp_path / "table.txt").write_text("5")
    source = "def run():\n    return [int(open('table.txt').read())]\n"
    problem = ttrl_cli.Problem(
        statement="Numbers.",
        verify=_verified,
        score=_sum,
        seeds=[source],
        kind="program",
        program_files=[tmp_path / "table.txt"],
    )
    folder = problem.save(tmp_path / "saved")
    assert load_problem(folder).spec.solution.files == ["table.txt"]
    assert ttrl("check", folder, "--json").json["seeds"][0]["score"] == 5
