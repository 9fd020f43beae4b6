"""Writing a run's adapter where others can load it."""

import shutil
from pathlib import Path

from ttrl_cli.errors import UsageError
from ttrl_cli.rundir import RunDir, files

FILES = ("adapter_config.json", "adapter_model.safetensors")


def has_adapter(checkpoint: Path) -> bool:
    """Decide whether a checkpoint holds an adapter; only runs that learn write one."""
    return all((checkpoint / name).exists() for name in FILES)


def export(path: Path, folder: Path) -> Path:
    """Write the adapter of a run as a peft folder that transformers, peft and vLLM load.

    The adapter of the last commit is written: for a search its newest weights, for a vote the
    weights that were kept.

    Args:
        path: The run directory.
        folder: The folder to make.

    Returns:
        The folder.

    Raises:
        UsageError: If nothing was learned in the run, or the folder exists or cannot be made.
    """
    run = RunDir.open(path)
    checkpoint = run.last_checkpoint()
    if checkpoint is None or not has_adapter(checkpoint):
        msg = f"{path}: nothing was learned in this run, so there is no adapter to export"
        raise UsageError(msg)
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        msg = f"{folder} exists already; choose another folder"
        raise UsageError(msg) from None
    except OSError as error:
        msg = f"{folder} cannot be made: {error.strerror}"
        raise UsageError(msg) from error
    for name in FILES:
        with files.writing(folder / name):
            shutil.copyfile(checkpoint / name, folder / name)
    _write_template(run, folder / "chat_template.jinja")
    return folder


def _write_template(run: RunDir, path: Path) -> None:
    """Write the plain chat template that a base model was prompted with, if there was one."""
    found = files.read_checked(run.path / files.PROVENANCE_FILE).get("chat_template") or {}
    if found.get("plain"):
        with files.writing(path):
            path.write_text(found["plain"], encoding="utf-8")
