"""The best solution of a run: a link to a folder, replaced at once when it is beaten.

best -> .best/ID   solution.*  data.json  verdict.json; when the run ends also
                   certificate.json, held_out.json
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path

from ttrl_cli.escapes import dumps
from ttrl_cli.records import Json, Verdict
from ttrl_cli.rundir import files
from ttrl_cli.rundir.held_out import HELD_OUT_FILE, HeldOut


class BestFolder:
    """Reads and replaces the best solution of a run.

    Args:
        run: The run directory.

    Attributes:
        folder: Where it is: a link that moves.
    """

    def __init__(self, run: Path) -> None:
        self.folder = run / "best"
        self._folders = run / ".best"

    def verdict(self) -> dict[str, Json] | None:
        """Return the contents of verdict.json: id, step, score and the rest; None if missing."""
        return self._read("verdict.json")

    def data(self) -> Json:
        """Return the verified data; there must be a best solution."""
        return json.loads((self.folder / "data.json").read_text(encoding="utf-8"))

    def solution(self) -> str:
        """Return the solution's text; there must be a best solution."""
        name: str = files.read_checked(self.folder / "verdict.json")["solution"]
        return (self.folder / name).read_text(encoding="utf-8")

    def certificate(self) -> dict[str, Json] | None:
        """Return the contents of certificate.json; None if there is none."""
        return self._read("certificate.json")

    def _read(self, name: str) -> dict[str, Json] | None:
        path = self.folder / name
        return files.read_checked(path) if path.exists() else None

    def write_certificate(self, certificate: Mapping[str, Json]) -> None:
        """Write a certificate beside the solution; it is removed when the solution is replaced."""
        files.write_json(self.folder / "certificate.json", certificate, indent=None)

    def held_out(self) -> HeldOut | None:
        """Return what held-out trials say of the solution; None if it was not measured on any.

        Raises:
            UsageError: If held_out.json is damaged.
        """
        found = self._read(HELD_OUT_FILE)
        return None if found is None else HeldOut.read(found, self.folder / HELD_OUT_FILE)

    def write_held_out(self, found: HeldOut) -> None:
        """Write what held-out trials say beside the solution, until it is replaced."""
        files.write_json(self.folder / HELD_OUT_FILE, found.as_json())

    def replace(self, id_: str, step: int, verdict: Verdict, suffix: str) -> None:
        """Replace the best solution atomically.

        Args:
            id_: Id of the attempt or seed.
            step: The step that found it.
            verdict: A valid one.
            suffix: The solution file's suffix, such as ".py".

        Raises:
            UnwritableError: If it cannot be written; the old one then remains.
        """
        with files.writing(self.folder):
            self._replace(id_, step, verdict, suffix)

    def _replace(self, id_: str, step: int, verdict: Verdict, suffix: str) -> None:
        folder = self._folders / id_.replace("/", "_")  # ids of a warm start have slashes
        while folder.exists():  # a step taken again after a resume may come by one id twice
            folder = folder.with_name(f"{folder.name}'")
        self._folders.mkdir(exist_ok=True)  # without parents: a run that is gone stays so
        folder.mkdir()
        (folder / f"solution{suffix}").write_text(verdict.solution, encoding="utf-8")
        (folder / "data.json").write_text(dumps(verdict.data) + "\n", encoding="utf-8")
        files.write_json(
            folder / "verdict.json",
            {
                "id": id_,
                "step": step,
                "score": verdict.score,
                **({} if verdict.error is None else {"error": verdict.error}),
                "metrics": dict(verdict.metrics),
                "solution": f"solution{suffix}",
                **({"unverified": True} if verdict.unverified else {}),
            },
        )
        files.sync_tree(folder)
        link = self.folder.with_name(".best.tmp")
        link.unlink(missing_ok=True)
        link.symlink_to(Path(self._folders.name) / folder.name, target_is_directory=True)
        link.replace(self.folder)
        files.sync(self.folder.parent)
        for other in self._folders.iterdir():
            if other != folder:
                shutil.rmtree(other)
