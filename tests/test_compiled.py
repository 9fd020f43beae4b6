"""C++ candidates, compiled and run inside the sandbox for real."""

import os
from pathlib import Path

import pytest

from tests._helpers import read_lines, ttrl, write_lines, write_problem
from tests._sandboxes import LIMITS, Opened
from ttrl_cli.errors import SetupError
from ttrl_cli.sandbox.backends import BACKENDS
from ttrl_cli.sandbox.base import Program, ProgramResult
from ttrl_cli.sandbox.compiled import check_compiler, run_cpp
from ttrl_cli.sandbox.session import Sandbox

GOOD = """
#include <iostream>
#include <string>
int main() {
    std::string arguments;
    std::getline(std::cin, arguments);
    std::cerr << "read " << arguments;
    std::cout << "[1, 2.5]" << std::endl;
}
"""
TINY = 'extern "C" int puts(const char*); int main() { puts("[1, 2.5]"); }'


@pytest.fixture(params=BACKENDS)
def sandbox(request: pytest.FixtureRequest, sandboxes: Opened) -> Sandbox:
    """Every test of this file runs on every backend."""
    return sandboxes.get(request.param)


def compiled(sandbox: Sandbox, source: str, folder: Path, **limits: float) -> ProgramResult:
    """Compile and run a program; LIMITS but for what is given."""
    bounds = LIMITS.model_copy(update=limits)
    return run_cpp(sandbox, Program(source=source, arguments={"seed": 3}), bounds, folder)


def test_data_come_from_stdout(sandbox: Sandbox, tmp_path: Path) -> None:
    """A program finds its arguments on stdin, and what it prints is its data."""
    result = compiled(sandbox, GOOD, tmp_path)
    assert (result.status, result.data) == ("ok", [1, 2.5])
    assert result.output == 'read {"seed": 3}'
    assert min(result.compile_seconds, result.seconds) > 0


def test_small_output_does_not_become_large(sandbox: Sandbox, tmp_path: Path) -> None:
    """More than a million lists on stdout are refused unread; 100,000 pairs are read."""
    lists = (
        "#include <cstdio>\n"
        'int main() { putchar(91); for (int i = 0; i < %d; ++i) fputs("%s,", stdout); puts("0]"); }'
    )
    result = compiled(sandbox, lists % (1_100_000, "[]"), tmp_path, output_mb=16)
    assert result.status == "malformed"
    assert result.reason == (
        "what the program printed is JSON with 1100001 lists and objects; at most 1000000 are read"
    )
    result = compiled(sandbox, lists % (100_000, "[1,2.5]"), tmp_path, output_mb=16)
    assert (result.status, len(result.data)) == ("ok", 100_001)


def test_a_source_is_compiled_once(sandbox: Sandbox, tmp_path: Path) -> None:
    """The same source is not compiled again, another one is."""
    assert compiled(sandbox, TINY, tmp_path).compile_seconds > 0
    again = compiled(sandbox, TINY, tmp_path)
    assert (again.data, again.compile_seconds) == ([1, 2.5], 0)
    assert compiled(sandbox, TINY + "\n", tmp_path).compile_seconds > 0
    assert len(list(tmp_path.iterdir())) == 2


def test_what_is_kept_is_bounded(sandbox: Sandbox, tmp_path: Path) -> None:
    """A program larger than its disk is refused, and old ones go when there are too many."""
    huge = "char held[%d] = {1};\n" + TINY
    result = compiled(sandbox, huge % (15 << 20), tmp_path)
    assert (result.status, list(tmp_path.iterdir())) == ("output", [])
    for number in range(3):
        old = tmp_path / f"old-{number}"
        with old.open("wb") as file:
            file.truncate(100 << 20)
        os.utime(old, (number, number))
    assert compiled(sandbox, TINY, tmp_path).status == "ok"
    assert {path.name for path in tmp_path.iterdir()} > {"old-1", "old-2"}
    assert not (tmp_path / "old-0").exists()


def test_a_compiler_that_does_not_work_is_not_the_candidates(
    sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A g++ that programs cannot reach is found before any of them is judged."""
    fake = tmp_path / "g++"
    fake.write_text("#!/bin/sh\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SetupError, match="does not work inside the sandbox"):
        check_compiler(sandbox)


def test_what_does_not_compile_is_an_error(sandbox: Sandbox, tmp_path: Path) -> None:
    """The reason is the compiler's first complaint; nothing is kept."""
    result = compiled(sandbox, "int main() { return x; }", tmp_path)
    assert result.status == "error"
    assert result.reason.startswith("does not compile: candidate.cpp: In function")
    assert "'x' was not declared" in result.reason.replace("‘", "'").replace("’", "'")
    assert result.compile_seconds > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("body", "status", "why"),
    [
        ("return 3;", "error", "exit status 3"),
        ("__builtin_trap();", "error", "SIGILL"),
        ("abort();", "error", "SIGABRT"),
        ("for (;;);", "timeout", "still running"),
        ('puts("[1,");', "malformed", "not valid JSON"),
        ('puts("1\\n2");', "malformed", "not valid JSON"),
        ("", "malformed", "not valid JSON"),
        ('for (;;) puts("1");', "output", "returned more"),
        ('for (;;) fprintf(stderr, "%999d", 1);', "output", "printed more"),
        ("for (;;) if (fork() == 0) pause();", "error", "processes"),
    ],
)
def test_how_programs_end(
    sandbox: Sandbox, tmp_path: Path, body: str, status: str, why: str
) -> None:
    """Each way to end badly has its status, as with Python."""
    if "fork" in body and not sandbox.isolated:
        body = "return 3;"  # only isolation counts processes
        why = "exit status 3"
    source = f"#include <cstdio>\n#include <cstdlib>\n#include <unistd.h>\nint main() {{ {body} }}"
    seconds = 0.3 if status == "timeout" else 60.0
    result = compiled(sandbox, source, tmp_path, seconds=seconds)
    assert (result.status, result.data) == (status, None)
    assert why in result.reason


def test_compiling_has_a_limit_of_its_own(sandbox: Sandbox, tmp_path: Path) -> None:
    """Templates that compute for ever are a timeout of the compiler's, and cost no run."""
    source = (  # 2^40 additions, carried out by the compiler
        "constexpr long f(int n) { return n ? f(n - 1) + f(n - 1) : 1; }\n"
        "constexpr long g = f(40);\nint main() { return g; }"
    )
    result = compiled(sandbox, source, tmp_path, compile_seconds=0.01)
    assert (result.status, result.seconds) == ("timeout", 0)
    assert result.reason.startswith("compiling: still running after ")


def test_the_compiler_reads_no_file_of_ours(sandbox: Sandbox, tmp_path: Path) -> None:
    """A file that #include or an assembler directive names does not exist, where it is isolated."""
    canary = tmp_path / "canary"
    canary.write_text("int secret;")
    for line in (f'#include "{canary}"', f'asm(".incbin \\"{canary}\\"");'):
        result = compiled(sandbox, f"{line}\n{TINY}", tmp_path / "kept")
        assert (result.status == "error") is sandbox.isolated


def test_a_search_with_programs_in_cpp(tmp_path: Path) -> None:
    """`ttrl solve` compiles, runs, scores and keeps C++; compile time is told apart."""
    folder = write_problem(
        tmp_path / "p",
        "def verify(x):\n  return x\ndef score(x):\n  return sum(x)\n",
        seed='#include <cstdio>\nint main() { puts("[1]"); }\n',
        solution={"kind": "program", "language": "cpp"},
    )
    better = '```cpp\n#include <cstdio>\nint main() { puts("[1, 2]"); }\n```'
    replay = write_lines(tmp_path / "replay", [better, "```cpp\nint main() { return x; }\n```"])
    run = tmp_path / "run"
    arguments = ["--steps", 1, "--groups", 1, "--group-size", 2, "--json"]
    done = ttrl("solve", folder, "--out", run, "--sampler", f"replay:{replay}", *arguments)
    assert done.code == 0, done.err
    assert done.json["best"]["score"] == 3
    verdicts = [attempt["verdict"] for attempt in read_lines(run / "attempts.jsonl")]
    assert [verdict["status"] for verdict in verdicts] == ["ok", "error"]
    assert all(verdict["compile_seconds"] > 0 for verdict in verdicts)
    assert (run / "best" / "solution.cpp").read_text().startswith("#include <cstdio>")
