"""What surrounds a run: launchers' variables, full disks, runs that start at once, odd files."""

import codecs
import errno
import json
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests._helpers import (
    SCRIPT,
    Done,
    command,
    solve,
    spawn,
    ttrl,
    until,
    wait,
    write_lines,
    write_problem,
)
from tests._ordinary_user import run_as_ordinary_user
from tests.conftest import make_tiny_model
from ttrl_cli import __version__
from ttrl_cli.config import RunConfig
from ttrl_cli.errors import SetupError, UnwritableError
from ttrl_cli.learner.published import AdapterFiles
from ttrl_cli.models.adapter import write_tensors
from ttrl_cli.rundir import RunDir, Totals

ROOT = os.geteuid() == 0
LAUNCHED = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


# -- a launcher's variables ------------------------------------------------------------------


def one_sentence(done: Done) -> str:
    """What a command said at its end, which must be one line of an error of the environment."""
    assert done.code == 3, done
    assert "Traceback" not in done.err
    return done.err.strip().splitlines()[-1]


@pytest.mark.parametrize("rank", ["1", "x", "-1", ""])
@pytest.mark.parametrize("arguments", [["--version"], ["model", "list"], ["solve", "--help"]])
def test_other_commands_do_not_follow(arguments: list[str], rank: str):
    """What no other process can be followed in takes no notice of RANK, whatever it is."""
    done = command(*arguments, RANK=rank)
    assert done.code == 0, done.err
    if arguments == ["--version"]:
        assert done.out == f"ttrl {__version__}\n"


@pytest.mark.parametrize("name", ["solve", "vote", "resume"])
def test_missing_variables_are_named(tmp_path: Path, name: str):
    """A process of several that was not told enough says which variables are missing."""
    said = one_sentence(command(name, tmp_path, RANK="1"))
    for variable in LAUNCHED[1:]:
        assert variable in said
    assert "RANK is 1" in said


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"RANK": "x"}, "RANK is 'x' in the environment"),
        ({"RANK": "-1"}, "RANK is '-1'"),
        ({"RANK": "1.0"}, "RANK is '1.0'"),
        ({"RANK": "\u0661"}, "RANK is '\u0661'"),
        ({"WORLD_SIZE": "many"}, "WORLD_SIZE is 'many'"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE is '0'"),
        ({"WORLD_SIZE": "2"}, "WORLD_SIZE is 2, and RANK, LOCAL_RANK, MASTER_ADDR"),
        ({"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "MASTER_PORT": "1"}, "MASTER_ADDR is"),
        (dict(zip(LAUNCHED, ("2", "2", "0", "localhost", "29500"), strict=True)), "RANK is 2"),
        (dict(zip(LAUNCHED, ("1", "2", "x", "localhost", "29500"), strict=True)), "LOCAL_RANK is"),
        (dict(zip(LAUNCHED, ("1", "2", "1", "localhost", "port"), strict=True)), "MASTER_PORT is"),
        (dict(zip(LAUNCHED, ("1", "2", "1", "localhost", "70000"), strict=True)), "no port"),
    ],
)
def test_malformed_variables_are_refused(tmp_path: Path, given: dict[str, str], says: str):
    """A variable that cannot be, alone or beside another, is named with its value."""
    assert says in one_sentence(command("solve", tmp_path, **given))


def test_one_process_of_one_is_no_other(tmp_path: Path):
    """A launcher of a single process changes nothing, and neither do empty variables."""
    problem, replay = write_problem(tmp_path / "p"), write_lines(tmp_path / "r", ["5"])
    for number, given in enumerate(({"RANK": "0", "WORLD_SIZE": "1"}, {"RANK": ""})):
        out = tmp_path / f"run{number}"
        done = command(
            "solve", problem, "--out", out, "--sampler", f"replay:{replay}", "--steps", 1, **given
        )
        assert done.code == 0, done.err


# -- runs that start at once -----------------------------------------------------------------


@pytest.mark.parametrize("kind", ["solve", "vote"])
def test_runs_that_start_at_once(tmp_path: Path, kind: str):
    """Three runs without --out that start together each take a number of their own."""
    write_problem(tmp_path / "number")
    write_lines(tmp_path / "number.jsonl", [{"question": "1 + 1?"}])
    write_lines(tmp_path / "r", ["5", "Answer: 2"])
    arguments = {
        "solve": ["solve", "number", "--steps", 1],
        "vote": ["vote", "number.jsonl", "--n", 2],
    }[kind]
    started = [spawn(*arguments, "--sampler", "replay:r", cwd=tmp_path) for _ in range(3)]
    done = [wait(process, timeout=120) for process in started]
    assert [each.code for each in done] == [0, 0, 0], [each.err for each in done]
    runs = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert runs == ["number-1", "number-2", "number-3"]
    phases = [RunDir.open(tmp_path / "runs" / name).status.phase for name in runs]
    assert phases == ["done"] * 3


def test_a_number_that_is_taken_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Files and links that lead nowhere take numbers as well."""
    monkeypatch.chdir(tmp_path)
    write_problem(tmp_path / "p")
    write_lines(tmp_path / "r", ["5"])
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "number-1").write_text("")
    (tmp_path / "runs" / "number-2").symlink_to("nowhere")
    done = ttrl("solve", "p", "--sampler", "replay:r", "--steps", 1, "--json")
    assert done.json["run"] == "runs/number-3"


# -- what cannot be written ------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 600 KiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=600k", "tmpfs", str(folder)]
    if not ROOT or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root, and not in every container, may mount a file system")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def bulky(count: int = 40) -> list[str]:
    """Completions that fill files quickly."""
    return [f"{n}{' ' * 20_000}" for n in range(count)]


def stopped(done: Done, run: Path) -> None:
    """See that a run that could not be written ended as it must."""
    said = one_sentence(done)
    assert str(run) in said
    assert "cannot be written" in said
    assert said.endswith(f"go on with: ttrl resume {run}")


OPTIONS = ("--steps", 30, "--groups", 2, "--group-size", 4)


def test_a_full_disk(tmp_path: Path, small: Path):
    """A run that fills its disk says so, is called failed, and goes on once there is room."""
    problem, run = write_problem(tmp_path / "p"), small / "run"
    replay = write_lines(tmp_path / "r", bulky())
    done = command("solve", problem, "--out", run, "--sampler", f"replay:{replay}", *OPTIONS)
    stopped(done, run)
    assert "No space left on device" in done.err
    status = RunDir.open(run).status
    assert (status.phase, "No space left on device" in status.stopped_by) == ("failed", True)
    assert 0 < status.totals.steps < 30
    shown = ttrl("show", run, "--json").json
    assert (shown["status"], shown["steps"]) == ("failed", status.totals.steps)
    subprocess.run(["mount", "-o", "remount,size=20m", str(small)], check=True)
    assert command("resume", run, "--steps", status.totals.steps + 2).code == 0


def test_a_disk_that_is_full_from_the_start(tmp_path: Path, small: Path):
    """A run that cannot even be begun leaves nothing behind."""
    problem, run = write_problem(tmp_path / "p"), small / "run"
    replay = write_lines(tmp_path / "r", ["5"])
    with (small / "film").open("wb") as file:
        while file.tell() < 600 * 1024:
            try:
                file.write(b"0" * 4096)
                file.flush()
            except OSError:
                break
    done = ttrl("solve", problem, "--out", run, "--sampler", f"replay:{replay}")
    assert done.code == 3
    assert "No space left on device" in done.err
    assert not run.exists()


def test_a_problem_that_does_not_fit(tmp_path: Path, small: Path):
    """A copy of the problem's folder that does not fit is the disk's fault, not the problem's."""
    problem, run = write_problem(tmp_path / "p"), small / "run"
    (problem / "table").write_bytes(b"0" * 2**20)
    replay = write_lines(tmp_path / "r", ["5"])
    done = ttrl("solve", problem, "--out", run, "--sampler", f"replay:{replay}")
    assert done.code == 3
    assert "No space left on device" in done.err
    assert not run.exists()


def test_a_disk_that_becomes_read_only(tmp_path: Path, small: Path):
    """A run on a read-only disk cannot be resumed, which is said; it can be looked at."""
    run = small / "run"
    assert solve(write_problem(tmp_path / "p"), run, ["5"], "--steps", 1).code == 0
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    stopped(command("resume", run, "--steps", 2), run)
    assert ttrl("show", run, "--json").json["status"] == "done"
    done = ttrl("solve", tmp_path / "p", "--out", small / "new", "--sampler", "replay:no")
    assert done.code in (2, 3)


def _limit_files() -> None:
    """Let no file of the process grow above 100 kB; Python ignores the signal."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


@pytest.mark.parametrize("kind", ["solve", "vote"])
def test_a_file_that_may_not_grow(tmp_path: Path, kind: str):
    """What an ordinary user's limit on files does to a run ends it like a full disk."""
    run = tmp_path / "run"
    replay = write_lines(tmp_path / "r", bulky() if kind == "solve" else ["Answer: 1 " * 2000])
    if kind == "solve":
        words = ["solve", write_problem(tmp_path / "p"), *OPTIONS]
    else:
        questions = [{"question": f"{n}?"} for n in range(16)]
        words = ["vote", write_lines(tmp_path / "q.jsonl", questions), "--n", 2, "--groups", 2]
    done = subprocess.run(
        [str(word) for word in (SCRIPT, *words, "--out", run, "--sampler", f"replay:{replay}")],
        check=False, capture_output=True, text=True, timeout=120, preexec_fn=_limit_files,
    )  # fmt: skip
    stopped(Done(code=done.returncode, out=done.stdout, err=done.stderr), run)
    assert "File too large" in done.stderr
    assert RunDir.open(run).status.phase == "failed"


def test_a_run_that_is_deleted(tmp_path: Path):
    """A run whose folder goes away says that it is gone, and does not make it anew."""
    verify = "import time\ndef verify(t): time.sleep(0.2); return t\ndef score(t): return int(t)\n"
    problem, run = write_problem(tmp_path / "p", verify), tmp_path / "run"
    replay = write_lines(tmp_path / "r", [str(n) for n in range(50)])
    process = spawn("solve", problem, "--out", run, "--sampler", f"replay:{replay}", "--steps", 400)
    until(lambda: (run / "checkpoints" / "step_000001").exists())
    shutil.move(run, tmp_path / "elsewhere")
    said = one_sentence(wait(process, timeout=60))
    assert f"{run} is gone" in said
    assert said.endswith(f"go on with: ttrl resume {run}")
    assert not run.exists()
    assert RunDir.open(tmp_path / "elsewhere").last_checkpoint() is not None


def test_a_folder_that_may_not_be_written():
    """As an ordinary user, a folder of somebody else's is refused for --out and for resume."""
    if not ROOT:
        pytest.skip("only root can become another user")
    folder = Path("/var/tmp") / f"ttrl-test-{os.getpid()}"
    folder.mkdir()
    try:
        problem, run = write_problem(folder / "p"), folder / "run"
        assert solve(problem, run, ["5"], "--steps", 1).code == 0
        for words in (
            [
                "solve",
                str(problem),
                "--out",
                str(folder / "new"),
                "--sampler",
                f"replay:{run}.replay",
            ],
            ["resume", str(run), "--steps", "2"],
        ):
            done = run_as_ordinary_user([sys.executable, "-m", "ttrl_cli", *words], {})
            assert done.returncode == 3, done.stdout
            assert "Permission denied" in done.stdout
            assert "Traceback" not in done.stdout
            assert str(folder) in done.stdout
    finally:
        shutil.rmtree(folder)


def test_every_file_of_a_run(tmp_path: Path):
    """Whatever file of a run it is that the system refuses, the error names it and is ours."""
    problem = write_problem(tmp_path / "p")
    run = RunDir.create(tmp_path / "run", "solve", "number", RunConfig(), problem)
    run.commit(Totals(), lambda folder: None, {})
    for log in ("attempts.jsonl", "archive.jsonl", "metrics.jsonl"):
        (run.path / log).unlink()
        (run.path / log).symlink_to("/dev/full")
        with pytest.raises(UnwritableError, match=f"{log} cannot be written: No space left"):
            run.append(log, [{"step": 1}] * 9999)
    (run.path / ".status.json.tmp").symlink_to("/dev/full")
    with pytest.raises(UnwritableError, match=r"status\.json cannot be written: No space left"):
        run.write_status(run.status)
    assert RunDir.open(run.path).status == run.status
    assert issubclass(UnwritableError, SetupError)


def test_tensors_that_do_not_fit(small: Path):
    """What safetensors says of a full disk is said like anything else of it."""
    import torch

    with pytest.raises(UnwritableError, match="a cannot be written: No space left on device$"):
        write_tensors({"x": torch.zeros(10**6)}, small / "a")


@pytest.mark.parametrize("why", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_adapters_that_cannot_be_published(tmp_path: Path, why: int):
    """An adapter that cannot be written names the folder, and the option for another one."""

    def write(folder: Path) -> None:
        raise OSError(why, os.strerror(why), str(folder))

    files = AdapterFiles(tmp_path / "adapters")
    with pytest.raises(UnwritableError, match="--adapter-folder names another place") as caught:
        files.publish(write, 10)
    files.close()
    assert os.strerror(why) in str(caught.value)
    assert str(tmp_path / "adapters") in str(caught.value)


def test_adapters_where_memory_is_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where the file system in memory may not be written, adapters go to the temporary folder."""
    closed = tmp_path / "shm"
    closed.mkdir()
    monkeypatch.setattr("ttrl_cli.learner.published._MEMORY", closed)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    if ROOT:
        mount = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(closed)]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            pytest.skip("no file system can be mounted here")
    else:
        closed.chmod(0o500)
    files = AdapterFiles()
    try:
        folder = files.publish(lambda to: (to / "x").touch(), 10)
        assert folder.parent.parent == tmp_path
    finally:
        files.close()
        if ROOT:
            subprocess.run(["umount", "-l", str(closed)], check=True)


def test_a_learner_on_a_full_disk(tmp_path: Path, small: Path):
    """A checkpoint that does not fit ends a run that learns like any other file."""
    model = make_tiny_model(tmp_path / "model")
    run = small / "run"
    done = command(
        "solve", write_problem(tmp_path / "p"), "--out", run, "--model", model, "--steps", 2,
        "--group-size", 2, "--max-tokens", 4, "--lora-rank", 64,
    )  # fmt: skip
    stopped(done, run)
    assert RunDir.open(run).status.phase == "failed"


# -- files as editors and shells write them --------------------------------------------------

MARKED = {
    "UTF-8 with a mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "UTF-16, little": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "UTF-16, big": lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"),
    "UTF-32": lambda text: codecs.BOM_UTF32_LE + text.encode("utf-32-le"),
    "lines of Windows": lambda text: codecs.BOM_UTF8 + text.replace("\n", "\r\n").encode(),
}
FILES = ("problem.yaml", "seed.txt", "statement.md", "prompt.jinja")


@pytest.mark.parametrize("mark", MARKED)
@pytest.mark.parametrize("file", FILES)
def test_byte_order_marks(tmp_path: Path, file: str, mark: str):
    """Every text file of a problem is read without its byte order mark."""
    keys = {"statement": "statement.md", "prompt": {"template": "prompt.jinja"}}
    folder = write_problem(tmp_path / "p", **keys)
    (folder / "statement.md").write_text("Größer, please.\n")
    (folder / "prompt.jinja").write_text("{{ statement }} Now {{ solution }}")
    assert ttrl("check", folder).code == 0
    path = folder / file
    path.write_bytes(MARKED[mark](path.read_text()))
    done = ttrl("check", folder)
    assert done.code == 0, done.err
    from ttrl_cli.problem import load_problem

    problem = load_problem(folder)
    assert problem.statement == "Größer, please."
    assert problem.template == "{{ statement }} Now {{ solution }}"
    assert problem.seeds[0].text == "1"


@pytest.mark.parametrize(
    "source",
    [
        codecs.BOM_UTF8 + b"def verify(t): return int(t)\ndef score(n): return n\n",
        "# coding: latin-1\nN = 'é'\ndef verify(t): return int(t)\ndef score(n): return n\n".encode(
            "latin-1"
        ),
        b"def verify(t): return int(t)\r\ndef score(n): return n\r\n",
    ],
)
def test_code_is_read_as_python_does(tmp_path: Path, source: bytes):
    """A verifier with a byte order mark, a coding cookie or lines of Windows is a verifier."""
    folder = write_problem(tmp_path / "p")
    (folder / "verify.py").write_bytes(source)
    done = ttrl("check", folder)
    assert done.code in (0, 2), done.err  # it is attacked as well, and is not a careful one
    assert "score 1" in done.out


@pytest.mark.parametrize("file", [*FILES, "verify.py"])
@pytest.mark.parametrize("raw", [b"\xe9t\xe9 = caf\xe9\n", b"\xff\xfex", b"\xff\xfe\x00\xd8"])
def test_what_is_no_text_is_refused(tmp_path: Path, file: str, raw: bytes):
    """A file in any other encoding is refused in one sentence, with its name."""
    keys = {"statement": "statement.md", "prompt": {"template": "prompt.jinja"}}
    folder = write_problem(tmp_path / "p", **keys)
    (folder / "statement.md").write_text("Larger.")
    (folder / "prompt.jinja").write_text("{{ statement }}")
    (folder / file).write_bytes(raw)
    done = ttrl("check", folder)
    assert done.code == 2
    assert file in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_marks_in_the_other_files(tmp_path: Path):
    """Solutions, replay files, certificates and prompt files are read without a mark as well."""
    folder = write_problem(tmp_path / "p")
    (tmp_path / "s.txt").write_bytes(codecs.BOM_UTF8 + b"17")
    assert ttrl("verify", folder, tmp_path / "s.txt", "--json").json["score"] == 17
    for number, encode in enumerate(MARKED.values()):
        replay = tmp_path / f"r{number}"
        replay.write_bytes(encode('{"text": "5"}\n'))
        out = tmp_path / f"run{number}"
        done = ttrl("solve", folder, "--out", out, "--sampler", f"replay:{replay}", "--steps", 1)
        assert done.code == 0, done.err
        questions = write_lines(tmp_path / f"q{number}.jsonl", [{"question": "1?"}])
        questions.with_suffix(".yaml").write_bytes(encode("system: Be kind.\n"))
        voted = tmp_path / f"vote{number}"
        done = ttrl("vote", questions, "--n", 2, "--out", voted, "--sampler", f"replay:{replay}")
        assert (voted / "prompt.yaml").read_text() == "system: Be kind.\n"


# -- values that YAML reads in its own way ---------------------------------------------------


@pytest.mark.parametrize(
    ("line", "taken"),
    [
        ("name: no", "a truth value"),
        ("name: on", "a truth value"),
        ("name: 007", "a number"),
        ("name: 1.10", "a number"),
        ("name: 2026-08-01", "a date"),
        ("statement: 12", "a number"),
        ("environment: {python: 3.11}", "a number"),
        ("environment: {imports: [yes]}", "a truth value"),
        ("solution: {kind: program, entry: off}", "a truth value"),
        ("best_known_source: 2026", "a number"),
        ("prompt: {system: yes}", "a truth value"),
    ],
)
def test_text_that_wants_quotes(tmp_path: Path, line: str, taken: str):
    """A text that YAML takes for something else is refused with the advice to quote it."""
    folder = write_problem(tmp_path / "p")
    key = line.partition(":")[0]
    kept = [x for x in (folder / "problem.yaml").read_text().splitlines() if not x.startswith(key)]
    if key == "solution":
        kept = [x for x in kept if x.strip() != "kind: text"]
    (folder / "problem.yaml").write_text("\n".join([*kept, line, ""]))
    done = ttrl("check", folder)
    assert done.code == 2
    assert f"; YAML takes it for {taken}: put it in quotes" in done.err
    assert f"problem.yaml: {key}" in done.err


@pytest.mark.parametrize(
    "key",
    ["run", "limits", "environment", "prompt", "reward", "environment: {imports", "best_known"],
)
def test_empty_sections_are_their_defaults(tmp_path: Path, key: str):
    """A section with nothing in it is as if it were not there."""
    folder = write_problem(tmp_path / "p", run=None, limits=None)
    closing = "}" if "{" in key else ""
    with (folder / "problem.yaml").open("a") as file:
        file.write(f"{key}:{closing}\n" if not closing else f"{key}: }}\n")
    done = ttrl("check", folder)
    assert done.code == 0, done.err


def test_a_required_section_that_is_empty(tmp_path: Path):
    """An empty section with a key that must be there lacks that key."""
    folder = write_problem(tmp_path / "p", solution=None)
    with (folder / "problem.yaml").open("a") as file:
        file.write("solution:\n")
    assert "solution.kind: is missing" in ttrl("check", folder).err


def test_an_empty_section_of_a_prompt_file(tmp_path: Path):
    """Of a prompt file, empty sections are their defaults, too."""
    questions = write_lines(tmp_path / "q.jsonl", [{"question": "1?"}])
    (tmp_path / "q.yaml").write_text("system: Hi.\nrun:\nexamples:\n")
    replay = write_lines(tmp_path / "r", ["Answer: 1"])
    out = tmp_path / "run"
    done = ttrl("vote", questions, "--n", 2, "--out", out, "--sampler", f"replay:{replay}")
    assert done.code == 0, done.err
    assert json.loads(done.out)["answer"] == "1"
