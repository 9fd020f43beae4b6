"""What `make check` holds of the house is found where it is broken."""

import shutil
from pathlib import Path

from tests.house import (
    ROOT,
    long_functions,
    unexplained_packages,
    unknown_axes,
    unknown_terms,
    unlisted_folders,
    wrong_layers,
)


def test_a_long_function_is_named(tmp_path: Path) -> None:
    """61 lines are one too many, 60 are none; a method counts as well."""
    package = tmp_path / "package"
    package.mkdir()
    body = "\n".join(["    x = 1"] * 59)
    (package / "fits.py").write_text(f"def fits():\n{body}\n")
    (package / "long.py").write_text(f"class A:\n  def longer(self):\n{body}\n    return 1\n")
    found = list(long_functions(package))
    assert found == ["package/long.py:2: longer has 61 lines, more than 60"]


def test_layers_that_part_are_named(tmp_path: Path) -> None:
    """A page without a layer, and a module that is in none, are both found; the true ones agree."""
    assert list(wrong_layers(ROOT)) == []
    (tmp_path / "docs").mkdir()
    page = (ROOT / "docs" / "design.md").read_text()
    (tmp_path / "docs" / "design.md").write_text(page.replace("    objectives ", "    others "))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "ttrl_cli").mkdir()
    (tmp_path / "ttrl_cli" / "stray.py").touch()
    first, second = wrong_layers(tmp_path)
    assert first.startswith("docs/design.md: its layers are")
    assert second == "pyproject.toml: stray is in no layer"


def test_a_folder_without_a_line_is_named(tmp_path: Path) -> None:
    """A new folder of the package or of the tests is found; templates may have any."""
    assert list(unlisted_folders(ROOT)) == []
    for folder in ("ttrl_cli/known/stray", "ttrl_cli/templates/more", "tests/known", "tests/lost"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "a.py").touch()
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "design.md").write_text("    ttrl_cli   x\n      known    a lost one\n")
    assert list(unlisted_folders(tmp_path)) == [
        "docs/design.md: tests/lost has no line",
        "docs/design.md: ttrl_cli/known/stray has no line",
    ]


def test_a_term_that_the_code_does_not_have_is_named(tmp_path: Path) -> None:
    """A name in the second column must be a word of the code; others may be anything."""
    assert list(unknown_terms(ROOT)) == []
    for folder in ("docs", "ttrl_cli"):
        (tmp_path / folder).mkdir()
    (tmp_path / "ttrl_cli" / "a.py").write_text("class Known:\n    pass\n")
    page = "## Terms\n\n| a | `Known`, `Gone` | `other` |\n| b | | |\n\n## Next\n\n| c | `More` |\n"
    (tmp_path / "docs" / "design.md").write_text(page)
    assert list(unknown_terms(tmp_path)) == ["docs/design.md: no Gone is in the code"]


def test_a_package_without_a_reason_is_named(tmp_path: Path) -> None:
    """One that is asked for and not explained is found, and one that is explained for nothing."""
    assert list(unexplained_packages(ROOT)) == []
    (tmp_path / "docs").mkdir()
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["builder>=1"]\n'
        '[project]\ndependencies = ["used>=2,<3", "new-one"]\n'
        '[project.optional-dependencies]\ndev = ["tester[all]>=1"]\n'
    )
    table = (
        "| package | why |\n|---|---|\n| used, gone | x |\n| builder | x |\n| tester (dev) | x |\n"
    )
    (tmp_path / "docs" / "design.md").write_text(f"## Dependencies\n\n{table}\n## Next\n")
    assert list(unexplained_packages(tmp_path)) == [
        "gone: is in docs/design.md alone",
        "new-one: is in pyproject.toml alone",
    ]


def test_an_axis_that_is_not_in_the_table_is_named(tmp_path: Path) -> None:
    """rewards_GZ has one, rewards_G none; a parameter counts as well."""
    (tmp_path / "ttrl_cli").mkdir()
    (tmp_path / "CONTRIBUTING.md").write_text("## Notation\n\n| `_G` | samples |\n\n## More\n")
    (tmp_path / "ttrl_cli" / "a.py").write_text("def f(x_Q):\n    rewards_G = rewards_GZ = x_Q\n")
    found = sorted(unknown_axes(tmp_path))
    assert found[0] == "ttrl_cli/a.py:1: x_Q: no axis Q is known"
    assert any("rewards_GZ: no axis Z" in line for line in found)
    assert not any("rewards_G:" in line for line in found)
