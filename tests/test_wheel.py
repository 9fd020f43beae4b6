"""The wheel and the source distribution: the library is in both, from one copy in the tree."""

import tarfile
import zipfile
from pathlib import Path

import pytest

from tests._installed import REPOSITORY, files_below, unpack

wheels = pytest.importorskip("hatchling.builders.wheel", reason="make install gets hatchling")
sdists = pytest.importorskip("hatchling.builders.sdist", reason="make install gets hatchling")


def built(builder: type, folder: Path, version: str = "standard") -> Path:
    """Build a distribution without network."""
    (artifact,) = builder(str(REPOSITORY)).build(directory=str(folder), versions=[version])
    return Path(artifact)


def test_the_wheel_has_the_library_inside_the_package(tmp_path: Path) -> None:
    """Package and library lie under ttrl_cli, each file once, and nothing else does."""
    with zipfile.ZipFile(built(wheels.WheelBuilder, tmp_path)) as wheel:
        names = [name for name in wheel.namelist() if ".dist-info/" not in name]
        contents = {name: wheel.read(name) for name in names}
    unpack(tmp_path / "site")
    assert sorted(names) == sorted(files_below(tmp_path / "site"))
    for name in files_below(REPOSITORY / "problems"):
        inside = contents[f"ttrl_cli/problems/{name}"]
        assert inside == (REPOSITORY / "problems" / name).read_bytes()


def test_an_editable_install_has_no_copy(tmp_path: Path) -> None:
    """It points to the repository: a copy would be old after the next change, and not hidden."""
    with zipfile.ZipFile(built(wheels.WheelBuilder, tmp_path, "editable")) as wheel:
        names = [name for name in wheel.namelist() if ".dist-info/" not in name]
        (pointer,) = names
        assert pointer.endswith(".pth")
        assert wheel.read(pointer).decode().strip() == str(REPOSITORY)


def test_the_source_distribution_has_the_library_where_the_repository_has_it(
    tmp_path: Path,
) -> None:
    """A wheel that is built from it has the same files again."""
    with tarfile.open(built(sdists.SdistBuilder, tmp_path)) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = files_below(REPOSITORY / "problems")
    assert {f"problems/{name}" for name in wanted} <= names
    assert not any(name.startswith("ttrl_cli/problems") for name in names)
