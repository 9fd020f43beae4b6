"""Plug-ins: what other packages add, by name; what is wrong with one is said in a sentence."""

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests._helpers import command, solve, ttrl, write_lines, write_problem
from tests._plugins import EXAMPLE, install, install_example
from ttrl_cli import plugins
from ttrl_cli.errors import SetupError, TtrlError
from ttrl_cli.objectives import by_name
from ttrl_cli.problem import Limits
from ttrl_cli.sandbox import choose
from ttrl_cli.sandbox.backends import BACKENDS
from ttrl_cli.sandbox.base import Program, ProgramResult, Property, SandboxSpec
from ttrl_cli.sandbox.contract import check_contract
from ttrl_cli.sandbox.outside import backend_of
from ttrl_cli.sandbox.session import Sandbox

ROOT = Path(__file__).parents[1]
GROUPS = {
    "objective": "ttrl.objectives",
    "problems": "ttrl.problems",
    "sampler": "ttrl.samplers",
    "sandbox": "ttrl.sandboxes",
}
NOTHING = "def it(*arguments): raise AssertionError\n"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder on the path to install plug-ins into; what is imported from it is forgotten."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    before = frozenset(sys.modules)
    yield folder
    for name in frozenset(sys.modules) - before:
        if name.partition(".")[0] == "ttrl_example":
            del sys.modules[name]


def only(site: Path, kind: str, module: str, text: str, *, name: str = "mine") -> None:
    """Install a distribution with one plug-in, `it` of a module."""
    install(site, f"ttrl-{module}", {GROUPS[kind]: {name: f"{module}:it"}}, {f"{module}.py": text})


def one_line(message: str) -> bool:
    """Whether a message is a sentence, not a traceback."""
    return message.count("\n") <= 1 and "Traceback" not in message


# -- the example -----------------------------------------------------------------------------


def test_a_run_with_one_plugin_of_each_kind(tmp_path: Path) -> None:
    """Sampler, objective, sandbox and problem of another package make a run that says so."""
    site, run = install_example(tmp_path / "site"), tmp_path / "run"
    words = [
        "solve",
        "example:evens",
        "--sampler",
        "counting:10",
        "--no-train",
        "--objective",
        "ranks",
    ]
    words += ["--objective", "ranks", "--sandbox", "nice", "--out", run, "--json"]
    done = command(*words, PYTHONPATH=f"{ROOT}:{site}")
    assert done.code == 0, done.err
    assert "warning" not in done.err  # it claims all that a sandbox can
    # sample I of step S is 10 + S + I, of four samples in two steps: at most 14 among the even
    assert done.json["best"]["score"] == 14
    made = json.loads((run / "provenance.json").read_text())
    assert made["sandbox"] == "nice"
    told = {(p["kind"], p["name"], p["package"], p["version"]) for p in made["plugins"]}
    assert told == {
        ("sampler", "counting", "ttrl-example", "0.1.0"),
        ("objective", "ranks", "ttrl-example", "0.1.0"),
        ("sandbox", "nice", "ttrl-example", "0.1.0"),
        ("problems", "example", "ttrl-example", "0.1.0"),
    }


def test_the_objective_of_the_example(site: Path) -> None:
    """Of the rewards 1, 2, 4 and an invalid one, worse less better over 3."""
    install_example(site)
    found = by_name("ranks", 2.0)(np.array([1.0, 4.0, 2.0, np.nan]), np.array([1, 1, 1, 0]) == 1)
    assert found.values_G == pytest.approx([-1 / 3, 1.0, 1 / 3, -1.0])


def test_without_plugins_none_are_told(tmp_path: Path) -> None:
    """A run of what is built in has an empty list in its provenance."""
    solve(write_problem(tmp_path / "p"), tmp_path / "run", ["2"], "--steps", 1)
    assert json.loads((tmp_path / "run" / "provenance.json").read_text())["plugins"] == []


# -- names -----------------------------------------------------------------------------------


def test_nothing_is_imported_that_is_not_asked_for(site: Path, tmp_path: Path) -> None:
    """A package whose import raises does no harm to a run without it, and is listed by name."""
    for kind in GROUPS:
        only(site, kind, f"broken_{kind}", "raise RuntimeError\n")
    done = solve(write_problem(tmp_path / "p"), tmp_path / "run", ["2"], "--steps", 1)
    assert done.code == 0, done.err
    assert [plugin.name for plugin in plugins.declared("objective")] == ["mine"]


@pytest.mark.parametrize(
    ("option", "says"),
    [
        (["--objective", "no"], "--objective: unknown objective 'no'; known: constant-beta, "),
        (["--sandbox", "no"], "--sandbox: unknown sandbox 'no'; known: auto, bwrap, mine, "),
        (["--sampler", "no:1"], "--sampler no:1: unknown sampler 'no'; known: mine, replay, "),
    ],
)
def test_an_unknown_name_lists_the_known_ones(
    site: Path, tmp_path: Path, option: list[str], says: str
) -> None:
    """Those built in and those of plug-ins, and the exit code is that of a wrong usage."""
    for kind in ("objective", "sampler", "sandbox"):
        only(site, kind, f"any_{kind}", NOTHING)
    done = ttrl("solve", write_problem(tmp_path / "p"), *option, "--out", tmp_path / "run")
    assert done.code == 2
    assert says in done.err
    assert ", mine" in done.err or ": mine" in done.err
    assert not (tmp_path / "run").exists()


def test_an_unknown_name_in_a_file_is_named_by_its_key(tmp_path: Path) -> None:
    """A run: section with an objective that is none is found by `ttrl check`, with the key."""
    folder = write_problem(tmp_path / "p", run={"objective": "ppo"})
    done = ttrl("check", folder)
    assert done.code == 2
    assert "problem.yaml: run.objective: unknown objective 'ppo'" in done.err


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("objective", "grpo"),
        ("objective", "constant-beta"),
        ("sandbox", "auto"),
        ("sandbox", "process"),
        ("sampler", "replay"),
    ],
)
def test_a_clash_with_a_built_in_is_refused(
    site: Path, tmp_path: Path, kind: str, name: str
) -> None:
    """A plug-in never takes the place of what is built in, nor is it passed over in silence."""
    only(site, kind, f"clash_{name.replace('-', '_')}", NOTHING, name=name)
    replay = write_lines(tmp_path / "lines", ["2"])
    asked = f"{name}:{replay}" if kind == "sampler" else name
    done = ttrl("solve", write_problem(tmp_path / "p"), f"--{kind}", asked, "--out", tmp_path / "r")
    assert done.code == 3
    assert f"{kind} {name!r} is built in, and ttrl-clash_{name.replace('-', '_')} 1.0" in done.err
    assert one_line(done.err)


def test_two_packages_with_one_name_are_refused(site: Path, tmp_path: Path) -> None:
    """Which of them is meant is for the user to say, by uninstalling one."""
    only(site, "objective", "twin_a", NOTHING)
    only(site, "objective", "twin_b", NOTHING)
    done = ttrl("solve", write_problem(tmp_path / "p"), "--objective", "mine", "--out", tmp_path)
    assert done.code == 3
    assert "objective 'mine' is declared by ttrl-twin_a 1.0 and ttrl-twin_b 1.0" in done.err
    assert one_line(done.err)


# -- broken ones -----------------------------------------------------------------------------

RETURNS = "from ttrl_cli.objectives import Advantages\nimport numpy as np\ndef it(r, v): return "
BROKEN_OBJECTIVES = {
    "raises": ("raise RuntimeError('no luck')", "raised RuntimeError: no luck"),
    "lines": ("raise RuntimeError('one\\ntwo')", "raised RuntimeError: one"),
    "exits": ("import sys; sys.exit(0)", "raised SystemExit: 0"),
    "syntax": ("def it(", "raised SyntaxError"),
    "lacks": ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
    "attribute": ("that = 1", "has no 'it'"),
    "number": ("it = 7", "is of type int"),
    "signature": ("def it(rewards): return rewards", "must take (rewards_G, valid_G)"),
    "fails": ("def it(r, v): return 1 / 0", "computing advantages raised ZeroDivisionError"),
    "none": ("def it(r, v): pass", "it returned a NoneType, and no Advantages"),
    "array": ("def it(r, v): return r", "it returned a ndarray, and no Advantages"),
    "shape": (
        f"{RETURNS}Advantages(values_G=np.zeros(1), beta=None, dropped=False)",
        "of the shape (1,), and not (4,)",
    ),
    "list": (
        f"{RETURNS}Advantages(values_G=[0.0] * 4, beta=None, dropped=False)",
        "no array of floats",
    ),
    "nan": (
        f"{RETURNS}Advantages(values_G=r, beta=None, dropped=False)",
        "not finite",
    ),
}


@pytest.mark.parametrize("case", BROKEN_OBJECTIVES)
def test_a_broken_objective_is_one_sentence(site: Path, tmp_path: Path, case: str) -> None:
    """It is found before a run directory is made, with the plug-in's package and version."""
    text, says = BROKEN_OBJECTIVES[case]
    only(site, "objective", f"objective_{case}", f"{text}\n")
    problem, out = write_problem(tmp_path / "p"), tmp_path / "run"
    done = solve(problem, out, ["2"], "--objective", "mine")
    assert done.code == 3
    assert done.err.startswith(f"the objective 'mine' of ttrl-objective_{case} 1.0: ")
    assert says in done.err
    assert one_line(done.err)
    assert not out.exists()


SAMPLER = (
    "class Made:\n"
    "  def load(self, adapter): pass\n"
    "  def sample(self, prompts, *, step, stop): pass\n"
    "  def cursor(self): pass\n"
    "  def seek(self, cursor): pass\n"
    "  def close(self): pass\n"
    "def it(context, argument): return Made()\n"
)
BROKEN_SAMPLERS = {
    "import": ("raise OSError('gone')", "raised OSError: gone"),
    "takes": ("def it(context): pass", "must take (context, argument)"),
    "makes": (f"{SAMPLER}def it(c, a): return None\n", "load of the NoneType"),
    "method": (SAMPLER.replace("def seek", "def seeks"), "seek of the Made that"),
    "stop": (SAMPLER.replace(", stop)", ")"), "must take (prompts_P, step=, stop=)"),
    "raises": (f"{SAMPLER}def it(c, a): return {{}}[a]\n", "with 'words' raised KeyError: 'words'"),
}


@pytest.mark.parametrize("case", BROKEN_SAMPLERS)
def test_a_broken_sampler_is_one_sentence(site: Path, tmp_path: Path, case: str) -> None:
    """An import, a factory or an object that is not as the contract says ends with code 3."""
    text, says = BROKEN_SAMPLERS[case]
    only(site, "sampler", f"sampler_{case}", f"{text}\n")
    words = ["--sampler", "mine:words", "--no-train", "--out", tmp_path / "run"]
    done = ttrl("solve", write_problem(tmp_path / "p"), *words)
    assert done.code == 3
    assert f"the sampler 'mine' of ttrl-sampler_{case} 1.0: " in done.err
    assert says in done.err
    assert not (tmp_path / "run").exists()


BACKEND = (
    "from ttrl_cli.sandbox.backends import Process\n"
    "from ttrl_cli.sandbox.base import Property\n"
    "class it(Process):\n  name = 'mine'\n"
)
BROKEN_SANDBOXES = {
    "import": ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
    "value": ("it = 1", "must be called with ()"),
    "needs": ("def it(argument): pass", "must take ()"),
    "raises": ("def it(): raise OSError('gone')", "raised OSError: gone"),
    "makes": ("def it(): return 1", "command of the int"),
    "command": (f"{BACKEND}  def command(self): return []", "must take (server, spec)"),
    "name": (f"{BACKEND}  name = 'other'", "its name must be 'mine' (got 'other')"),
    "isolated": (f"{BACKEND}  isolated = 'yes'", "isolated must be true or false (got 'yes')"),
    "claims": (f"{BACKEND}  claims = ['network']", "claims must be a set of Property"),
    "few": (f"{BACKEND}  claims = {{Property.NETWORK}}", "and lacks wall time, CPU time, "),
}


@pytest.mark.parametrize("case", BROKEN_SANDBOXES)
def test_a_broken_sandbox_is_one_sentence(site: Path, case: str) -> None:
    """What is no backend is refused before a program is run."""
    text, says = BROKEN_SANDBOXES[case]
    only(site, "sandbox", f"sandbox_{case}", f"{text}\n")
    with pytest.raises(SetupError) as caught:
        choose.choose("mine")
    assert f"the sandbox 'mine' of ttrl-sandbox_{case} 1.0: " in str(caught.value)
    assert says in str(caught.value)
    assert one_line(str(caught.value))


def test_a_command_that_is_none_is_told(site: Path) -> None:
    """A backend whose command is a text, and one that raises, are named when they are started."""
    only(site, "sandbox", "texts", f"{BACKEND}  def command(self, serve, around): return 'bash'\n")
    with pytest.raises(SetupError, match=r"ttrl-texts 1\.0: command returned no list of words"):
        choose.choose("mine")


# -- sandboxes -------------------------------------------------------------------------------


def test_a_sandbox_that_breaks_a_claim_is_refused(site: Path) -> None:
    """One that claims to hide files and does not cannot be used; what got through is said."""
    claims = "  claims = Process.claims | {Property.FILES_HIDDEN}"
    only(site, "sandbox", "boasts", f"{BACKEND}{claims}\n")
    with pytest.raises(SetupError, match=r"--sandbox mine: private files: .*`ttrl doctor`"):
        choose.choose("mine")


def test_a_sandbox_says_what_it_does_not_cover(site: Path) -> None:
    """One that claims what `process` does is used, with a warning of all the rest."""
    only(site, "sandbox", "modest", BACKEND)
    name, warning = choose.choose("mine")
    assert name == "mine"
    for missing in frozenset(Property) - BACKENDS["process"].claims:
        assert missing.value in warning
    assert "wall time" not in warning


def test_auto_never_takes_one(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no built-in sandbox works there is none, whatever is installed."""
    only(site, "sandbox", "waiting", BACKEND)
    monkeypatch.setattr(choose, "BACKENDS", {})
    with pytest.raises(SetupError, match="no sandbox works here"):
        choose.choose("auto")


def test_the_doctor_examines_them(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`ttrl doctor` has a column for each, and says of which package it is and what is wrong."""
    only(site, "sandbox", "ill", "raise OSError('gone')\n")
    monkeypatch.setattr(choose, "BACKENDS", {"process": BACKENDS["process"]})
    done = ttrl("doctor")
    head = next(line for line in done.out.splitlines() if line.startswith("sandbox "))
    assert head.split() == ["sandbox", "process", "mine"]
    assert "mine comes from ttrl-ill 1.0, and is refused until all it claims holds" in done.out
    assert (
        "mine: the sandbox 'mine' of ttrl-ill 1.0: importing ill raised OSError: gone" in done.out
    )
    assert "--sandbox auto takes: process" in done.out
    row = next(line for line in done.out.splitlines() if line.startswith("runs programs"))
    assert row.split()[-2:] == ["yes", "-"]


class Forgetful(Sandbox):
    """A sandbox that loses what programs return."""

    def run(self, program: Program, limits: Limits) -> ProgramResult:
        """Run it, and return no data."""
        return replace(super().run(program, limits), data=None)


def test_the_contract_finds_a_sandbox_that_loses_data() -> None:
    """Of the contract's programs those that return something are named, and no others."""
    with Sandbox(BACKENDS["process"], SandboxSpec()) as honest:
        assert check_contract(honest) == []
    with Forgetful(BACKENDS["process"], SandboxSpec()) as forgetful:
        found = check_contract(forgetful)
    assert found[0].startswith("arguments and data pass unchanged (it ended as ok: None")
    assert not any("killed" in line or "error" in line for line in found)


def test_a_name_is_a_backend(site: Path) -> None:
    """A built-in name is the built-in backend, a plug-in's one that carries its own words."""
    only(site, "sandbox", "kept", BACKEND)
    assert backend_of("process") is BACKENDS["process"]
    assert backend_of("mine").command(["a"], SandboxSpec()) == ["a"]


# -- resuming --------------------------------------------------------------------------------


def begun(site: Path, tmp_path: Path) -> Path:
    """A run of one step with a plug-in's sampler and objective, whose package is gone again."""
    install_example(site)
    problem = write_problem(tmp_path / "p", "def verify(x): return x\ndef score(x): return len(x)")
    words = ["--sampler", "counting:1", "--objective", "ranks", "--no-train", "--steps", 1]
    done = ttrl("solve", problem, *words, "--out", tmp_path / "run")
    assert done.code == 0, done.err
    (site / "ttrl_example-0.1.0.dist-info").rename(site / "gone")
    return tmp_path / "run"


def fresh(site: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Another folder in the place of the first, as another environment would have."""
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.syspath_prepend(other)
    (site / "gone").rename(tmp_path / "gone")
    return other


def test_a_resume_without_its_plugins_is_refused(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 3 with what to install; the run can be shown all the same, and is as it was."""
    run = begun(site, tmp_path)
    fresh(site, monkeypatch, tmp_path)
    before = (run / "status.json").read_bytes()
    for options in ([], ["--steps", 2]):
        done = ttrl("resume", run, *options)
        assert done.code == 3
        assert "was begun with the sampler 'counting' of ttrl-example 0.1.0, which is" in done.err
        assert "not installed: pip install ttrl-example==0.1.0" in done.err
        assert one_line(done.err)
    assert (run / "status.json").read_bytes() == before
    for words in (["show", run], ["best", run], ["show", run, "--digest"]):
        assert ttrl(*words).code == 0


def test_a_resume_with_another_version_says_so(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on, with a warning of each plug-in whose version is another."""
    run = begun(site, tmp_path)
    other = fresh(site, monkeypatch, tmp_path)
    (site / "ttrl_example").rename(tmp_path / "old_example")
    install_example(other, version="0.2.0")
    done = ttrl("resume", run, "--steps", 2)
    assert done.code == 0, done.err
    said = "of ttrl-example 0.2.0: the run was begun with version 0.1.0"
    assert f"the sampler 'counting' {said}" in done.err
    assert f"the objective 'ranks' {said}" in done.err


def test_a_resume_with_another_package_is_refused(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name alone does not make it the same plug-in."""
    run = begun(site, tmp_path)
    other = fresh(site, monkeypatch, tmp_path)
    install(other, "imposter", {"ttrl.samplers": {"counting": "imposter:it"}})
    done = ttrl("resume", run, "--steps", 2)
    assert done.code == 3
    assert "of ttrl-example 0.1.0, which is not installed" in done.err
    assert "here, imposter declares one" in done.err


# -- problems --------------------------------------------------------------------------------


def folders(site: Path, value: str, files: Sequence[str]) -> dict[str, Path]:
    """The problems of a package with these files, which are all empty."""
    modules = dict.fromkeys(files, "raise RuntimeError\n")
    install(site, "ttrl-primes", {"ttrl.problems": {"primes": value}}, modules)
    return plugins.problem_folders(["ac1"])


def test_a_package_of_problems(site: Path) -> None:
    """Each folder with a problem.yaml is a problem of two words; its package is not imported."""
    files = ["pk_a/__init__.py", "pk_a/data/twins/problem.yaml", "pk_a/data/gaps/problem.yaml"]
    found = folders(site, "pk_a.data", [*files, "pk_a/data/notes/readme.md"])
    data = site / "pk_a" / "data"
    assert found == {"primes:gaps": data / "gaps", "primes:twins": data / "twins"}
    plugin = plugins.problem_plugin(data / "gaps")
    assert plugin is not None
    assert (plugin.name, plugin.package) == ("primes", "ttrl-primes")
    assert plugins.problem_plugin(site) is None
    assert plugins.problem_places() == [data]


def test_a_package_that_is_a_problem(site: Path) -> None:
    """A folder with a problem.yaml of its own is one problem, called as the entry point is."""
    files = ["pk_b/__init__.py", "pk_b/problem.yaml", "pk_b/more/problem.yaml"]
    assert folders(site, "pk_b", files) == {"primes": site / "pk_b"}


@pytest.mark.parametrize(
    ("value", "files"),
    [
        ("pk_none", []),
        ("pk_c.data", ["pk_c/__init__.py"]),
        ("pk_d", ["pk_d/__init__.py", "pk_d/a/b/problem.yaml"]),
        ("pk_e:it", ["pk_e/__init__.py", "pk_e/problem.yaml"]),
    ],
)
def test_a_package_without_problems_is_told(site: Path, value: str, files: list[str]) -> None:
    """A package that is not there, or has no problem where it says, is named with where that is."""
    with pytest.raises(SetupError, match=r"of ttrl-primes 1\.0: there is no problem\.yaml in "):
        folders(site, value, files)


def test_a_problem_that_is_called_as_a_built_in_one_is_refused(site: Path) -> None:
    """A name of the library means the library's problem."""
    files = {"pk_f/problem.yaml": ""}
    install(site, "ttrl-ac", {"ttrl.problems": {"ac1": "pk_f"}}, files)
    with pytest.raises(TtrlError, match=r"'ac1' is built in, and ttrl-ac 1\.0 declares one"):
        plugins.problem_folders(["ac1"])


def test_problems_of_packages_are_listed_and_found(site: Path) -> None:
    """`ttrl problems` lists them behind the library's; commands take their names, or say them."""
    install_example(site)
    listed = [json.loads(line) for line in ttrl("problems", "--json").out.splitlines()]
    (evens,) = [one for one in listed if one["name"] == "example:evens"]
    assert evens["path"] == str(site / "ttrl_example" / "problems" / "evens")
    assert ttrl("check", "example:evens", "--json").code == 0
    done = ttrl("check", "example:even")
    assert (done.code, "near to it: example:evens" in done.err) == (2, True)


def test_a_broken_package_of_problems_is_named_where_it_may_be_meant(site: Path) -> None:
    """A name of the library needs no other package; an unknown one may be that package's."""
    install(site, "ttrl-empty", {"ttrl.problems": {"empty": "pk_none"}})
    assert ttrl("check", "ac1_16", "--json").code == 0
    done = ttrl("check", "something")
    assert (done.code, "ttrl-empty 1.0" in done.err) == (3, True)


def test_programs_do_not_see_what_packages_bring(site: Path, tmp_path: Path) -> None:
    """The folder of a plug-in's problems is hidden from candidates of any problem."""
    from ttrl_cli.grading.worker import sandbox_spec
    from ttrl_cli.problem import load_problem

    install_example(site)
    problem = load_problem(write_problem(tmp_path / "p"))
    assert site / "ttrl_example" / "problems" in sandbox_spec(problem).hidden


def test_an_objective_must_not_change_what_it_is_given(site: Path) -> None:
    """What one writes into its arguments does not reach the run."""
    kept = "Advantages(values_G=r, beta=None, dropped=False)"
    text = f"{RETURNS.removesuffix('return ')}\n  r[:] = 0.0\n  return {kept}\n"
    only(site, "objective", "writes", text)
    rewards_G = np.array([1.0, 2.0])
    by_name("mine", 1.0)(rewards_G, np.array([True, True]))
    assert rewards_G.tolist() == [1.0, 2.0]


def test_the_page_shows_what_the_tests_install() -> None:
    """Every piece of code on docs/plugins.md stands in the example, as it is there."""
    page = (ROOT / "docs" / "plugins.md").read_text()
    shown = re.findall(r"<!-- (\S+) -->\n```\w+\n(.*?)```", page, re.DOTALL)
    assert len(shown) == 4
    for file, code in shown:
        text = (EXAMPLE / file).read_text()
        assert all(part in text for part in code.strip().split("\n\n\n")), file
