"""A run directory on disk, and its commits.

A step is committed once: the JSON-lines files are flushed, a checkpoint is written to a temporary
folder with their byte lengths in it, synced, and renamed into place. A run that dies at any moment
is found again at its last commit: `restore` cuts the files to the committed lengths. The archive
is a log of expansions, so a commit costs the same however large it has grown.

    problem/ or questions.jsonl, prompt.yaml   config.json  provenance.json  status.json  lock
    metrics.jsonl  attempts.jsonl  archive.jsonl (solve) or votes.jsonl (vote)
    secret (of a run that measures)   see secret.py
    start/ (of a run with --start)    see start.py
    checkpoints/step_000010/      commit.json, adapter, optimiser: complete or absent
    best -> .best/ID              see best.py
    held_out.jsonl                see held_out.py
"""

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Self

import filelock

from ttrl_cli.config import RunConfig, SolveConfig, VoteConfig
from ttrl_cli.errors import UnwritableError, UsageError
from ttrl_cli.problem import Problem, Seed, load_problem
from ttrl_cli.records import Json, Kind
from ttrl_cli.rundir import files
from ttrl_cli.rundir.best import BestFolder
from ttrl_cli.rundir.making import folder_of, keep_source, make_folder
from ttrl_cli.rundir.provenance import provenance
from ttrl_cli.rundir.secret import SECRET_FILE, digest_of, run_secret, write_secret
from ttrl_cli.rundir.start import Start, read_start, told_of_roots, write_start
from ttrl_cli.rundir.status import Phase, RunStatus, Totals

LOGS: dict[Kind, tuple[str, ...]] = {
    "solve": ("attempts.jsonl", "archive.jsonl", "metrics.jsonl"),
    "vote": ("attempts.jsonl", "votes.jsonl", "metrics.jsonl"),
}
CONFIGS: dict[Kind, type[RunConfig]] = {"solve": SolveConfig, "vote": VoteConfig}


class RunDir:
    """Reads and writes one run directory. Use `create` or `open`.

    Attributes:
        path: The directory.
        config: The run's resolved configuration.
        status: The contents of status.json.
        best: The best solution found.
    """

    def __init__(self, path: Path, config: RunConfig, status: RunStatus) -> None:
        self.path = path
        self.config = config
        self.status = status
        self.best = BestFolder(path)

    # -- making and opening ------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        path: Path,
        kind: Kind,
        name: str,
        config: RunConfig,
        source: Path | Mapping[str, bytes],
        *,
        start_from: str | None = None,
        sandbox: str | None = None,
        chat_template: Json = None,
        plugins: Sequence[Mapping[str, Json]] = (),
        settings: Mapping[str, Json] | None = None,
        secret: str = "",
        start: Sequence[Seed] | None = None,
    ) -> Self:
        """Make a run directory.

        Args:
            path: Must not exist.
            kind: solve or vote.
            name: The problem's name, or the question file's.
            config: Written to config.json.
            source: A problem's file or folder, which is copied; or files of a vote by name.
            start_from: The run of a warm start.
            sandbox: Name of the sandbox backend, for provenance.json; None if no programs are run.
            chat_template: What is unusual about how the model is prompted, for provenance.json.
            plugins: What other packages add to the run, for provenance.json.
            settings: The problem's settings that were given, for provenance.json.
            secret: What its trials are drawn from, for a file of its own; empty if it has none.
            start: The user's own solutions, of which it makes roots; None of a vote.

        Raises:
            RunExistsError: If the path exists.
            UsageError: If it cannot be made, or the problem's folder is too large to copy.
            SetupError: If the file system refuses to make the folder, or to write in it
                (UnwritableError).
        """
        make_folder(path)
        begun = RunStatus(kind=kind, name=name, phase="running", totals=Totals())
        run = cls(path, config, replace(begun, start_from=start_from))
        made = {**provenance(), "sandbox": sandbox, "chat_template": chat_template}
        made |= {"plugins": [*plugins], **({"settings": dict(settings)} if settings else {})}
        made |= {} if start is None else told_of_roots(start)
        made |= {"secret_digest": digest_of(secret)} if secret else {}
        if isinstance(source, Path):
            made["problem"] = str(folder_of(source))
        try:
            # first: a run that lies in the problem's folder must not be copied into itself
            files.write_json(path / files.PROVENANCE_FILE, made)
            keep_source(path, source)
            if secret:
                write_secret(path, secret)
            write_start(path, start or ())
            run.write_config(config)
            run.write_status(run.status)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)  # there is nothing in it yet to go on with
            raise
        return run

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open an existing run.

        Raises:
            UsageError: If it is not a run directory, is damaged, or was written by a newer ttrl.
        """
        raw = files.read_checked(path / "status.json")
        config = files.read_checked(path / "config.json")
        try:
            totals = Totals(**raw.pop("totals"))
            status = RunStatus(totals=totals, **raw)
            return cls(path, CONFIGS[status.kind].model_validate(_of_today(config)), status)
        except (KeyError, TypeError, ValueError) as error:
            msg = f"{path}: its status.json or config.json is damaged: {error}"
            raise UsageError(msg) from error

    def provenance(self) -> dict[str, Json]:
        """Read provenance.json.

        Raises:
            UsageError: If it is missing or damaged.
        """
        return files.read_checked(self.path / files.PROVENANCE_FILE)

    @property
    def solve_config(self) -> SolveConfig:
        """The configuration of a solve run.

        Raises:
            UsageError: If it is not one.
        """
        self.require_search()
        assert isinstance(self.config, SolveConfig)
        return self.config

    def require_search(self) -> None:
        """Refuse a vote where a search is needed.

        Raises:
            UsageError: If it is a vote.
        """
        if not isinstance(self.config, SolveConfig):
            msg = f"{self.path} is a vote run; this needs a run of ttrl solve"
            raise UsageError(msg)

    @property
    def vote_config(self) -> VoteConfig:
        """The configuration of a vote run.

        Raises:
            UsageError: If it is not one.
        """
        if isinstance(self.config, VoteConfig):
            return self.config
        msg = f"{self.path} is a solve run; this needs a run of ttrl vote"
        raise UsageError(msg)

    def origin(self) -> Path | None:
        """Return the folder that the run's problem was copied from; None in runs that lack it.

        Raises:
            UsageError: If provenance.json is missing or damaged.
        """
        folder = files.read_checked(self.path / files.PROVENANCE_FILE).get("problem")
        return None if folder is None else Path(folder)

    def settings(self) -> dict[str, Json]:
        """Return the settings of the run's problem that were given when it began.

        Raises:
            UsageError: If provenance.json is missing or damaged.
        """
        given: dict[str, Json] = self.provenance().get("settings", {})
        return given

    def start(self) -> Start:
        """Return what the run's roots are made of, besides the seeds of its problem.

        Raises:
            UsageError: If provenance.json, or a solution of the user's, is missing or damaged.
        """
        return read_start(self.path, self.provenance())

    def problem(self) -> Problem:
        """Load the run's copy of its problem, with the settings that were given.

        Raises:
            UsageError: If it, or provenance.json, is missing or damaged.
        """
        return load_problem(self.path / "problem", self.settings())

    def secret(self) -> str:
        """Return what the run's trials are drawn from.

        Raises:
            UsageError: If the file is missing, or holds another secret than when the run began.
        """
        secret, noted = run_secret(self.path), self.secret_digest()
        if noted and noted != digest_of(secret):
            msg = (
                f"{self.path / SECRET_FILE} holds another secret than when the run began: its "
                "scores would be of other trials; put the old one back"
            )
            raise UsageError(msg)
        return secret

    def secret_digest(self) -> str:
        """Return the digest of its secret as provenance.json has it; "" where it has none."""
        return str(self.provenance().get("secret_digest", ""))

    def write_config(self, config: RunConfig) -> None:
        """Replace config.json."""
        self.config = config
        files.write_json(self.path / "config.json", config.model_dump())

    def write_status(self, status: RunStatus) -> None:
        """Replace status.json."""
        self.status = status
        fields = {**asdict(status), "totals": status.totals.as_json()}
        files.write_json(self.path / "status.json", fields)

    def set_phase(self, phase: Phase, stopped_by: str = "") -> None:
        """Write the run's phase, and why it stopped, to status.json."""
        self.write_status(replace(self.status, phase=phase, stopped_by=stopped_by))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lock the run for the block; the system releases the lock even if the process is killed.

        Raises:
            UsageError: If another process has locked it.
            UnwritableError: If the run's folder cannot be written.
        """
        # half a second: `held` may be looking at the lock just now
        lock = filelock.FileLock(self.path / "lock", timeout=0.5)
        try:
            with files.writing(self.path / "lock"):
                lock.acquire()
        except UnwritableError as error:
            if not isinstance(error.__cause__, filelock.Timeout):
                raise
            msg = f"{self.path}: another process is working on this run"
            raise UsageError(msg) from None
        try:
            yield
        finally:
            lock.release()

    def held(self) -> bool:
        """Decide whether a process is working on the run."""
        lock = filelock.FileLock(self.path / "lock", timeout=0)
        try:
            with lock:
                return False
        except filelock.Timeout:
            return True
        except OSError:  # another user's run, or one on a read-only disk: the lock cannot be tested
            return False

    # -- committing --------------------------------------------------------------------------

    def append(self, log: str, lines: Sequence[Mapping[str, Json]]) -> None:
        """Append records to one of LOGS; the next commit makes them permanent."""
        files.append_lines(self.path / log, lines)

    def commit(
        self,
        totals: Totals,
        save: Callable[[Path], None],
        extra: Mapping[str, Json],
        *,
        keep: Collection[int] = (),
    ) -> None:
        """Make everything up to this step permanent, or nothing of it.

        Args:
            totals: What the run has used, this step included.
            save: Writes the learner into a folder.
            extra: Further state that `restore` returns, such as a replay cursor.
            keep: Steps whose checkpoints stay, besides the newest ones.

        Raises:
            UnwritableError: If the file system refuses to write; the last commit remains.
        """
        with files.writing(self.path):
            self._commit(totals, save, extra, keep)

    def _commit(
        self,
        totals: Totals,
        save: Callable[[Path], None],
        extra: Mapping[str, Json],
        keep: Collection[int],
    ) -> None:
        lengths = {}
        for log in LOGS[self.status.kind]:
            path = self.path / log
            path.touch()
            files.sync(path)
            lengths[log] = path.stat().st_size
        final = self.checkpoint(totals.steps)
        temporary = final.with_name(f".{final.name}.tmp")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
        with files.writing(temporary):
            save(temporary)
        files.write_json(
            temporary / "commit.json",
            {"totals": totals.as_json(), "lengths": lengths, "extra": dict(extra)},
        )
        files.sync_tree(temporary)
        temporary.rename(final)
        files.sync(final.parent)
        self.write_status(replace(self.status, totals=totals))
        self._prune({self.checkpoint(step) for step in keep})

    def restore(self) -> tuple[Path, Mapping[str, Json]] | None:
        """Go back to the last commit: cut the logs, and remove unfinished checkpoints.

        Returns:
            The checkpoint's folder and its extra state; None if nothing was ever committed.

        Raises:
            UnwritableError: If the run's folder cannot be written.
        """
        with files.writing(self.path):
            return self._restore()

    def note_end(self, phase: Phase, stopped_by: str) -> None:
        """Note in status.json how the run ended, as far as the file system allows it."""
        try:
            self.set_phase(phase, stopped_by)
        except UnwritableError:
            # what was half written may be all that is in the way
            with suppress(UnwritableError):
                self.restore()
                self.set_phase(phase, stopped_by)

    def _restore(self) -> tuple[Path, Mapping[str, Json]] | None:
        for leftover in (self.path / "checkpoints").glob(".*.tmp"):
            shutil.rmtree(leftover)
        folder = self.last_checkpoint()
        if folder is None:
            for log in LOGS[self.status.kind]:
                files.truncate(self.path / log, 0)
            return None
        commit = files.read_checked(folder / "commit.json")
        for log, length in commit["lengths"].items():
            files.truncate(self.path / log, length)
        self.write_status(replace(self.status, totals=Totals(**commit["totals"])))
        return folder, commit["extra"]

    def lengths(self) -> Mapping[str, int]:
        """Return the committed length in bytes of each of LOGS; nothing before the first commit.

        Logs that are read to lengths of one commit agree, also while another process appends.

        Raises:
            UsageError: If the newest commit is damaged.
        """
        while (folder := self.last_checkpoint()) is not None:
            try:
                lengths: Mapping[str, int] = files.read_checked(folder / "commit.json")["lengths"]
            except UsageError:
                if folder.exists():
                    raise
                continue  # the run went on, and has removed it
            return lengths
        return {}

    def lines(
        self, log: str, lengths: Mapping[str, int] | None = None
    ) -> Iterator[dict[str, Json]]:
        """Return the committed records of one of LOGS, without those that were appended later.

        Args:
            log: The file.
            lengths: The commit to read to, as `lengths` returned it; by default the newest.
        """
        length = (self.lengths() if lengths is None else lengths).get(log, 0)
        return files.read_lines(self.path / log, length) if length else iter(())

    def placed_lines(self, log: str) -> Iterator[tuple[int, dict[str, Json]]]:
        """Return the committed records of one of LOGS, each behind its place in bytes."""
        length = self.lengths().get(log, 0)
        return files.read_placed_lines(self.path / log, length) if length else iter(())

    def last_checkpoint(self) -> Path | None:
        """Return the newest complete checkpoint; None if there is none."""
        return max((self.path / "checkpoints").glob("step_*"), default=None)

    def checkpoint(self, step: int) -> Path:
        """Return the folder of a step's checkpoint, which need not exist."""
        return self.path / "checkpoints" / f"step_{step:06d}"

    def committed(self, step: int) -> Mapping[str, Json]:
        """Return the extra state of a step's commit."""
        extra: Mapping[str, Json] = files.read_checked(self.checkpoint(step) / "commit.json")[
            "extra"
        ]
        return extra

    def _prune(self, keep: Collection[Path]) -> None:
        complete = sorted((self.path / "checkpoints").glob("step_*"))
        for old in complete[: -self.config.keep_checkpoints]:
            if old in keep:
                continue
            # a name that restore does not see, so that a half-removed checkpoint is never taken
            doomed = old.with_name(f".{old.name}.tmp")
            old.rename(doomed)
            shutil.rmtree(doomed)


def _of_today(config: Mapping[str, Json]) -> dict[str, Json]:
    """Replace DeepSpeed by FSDP, which does the same, in a stored configuration.

    Adapter and optimizer moments were unsharded under both, so such a run goes on under FSDP.
    """
    kept = dict(config)
    if kept.pop("deepspeed", False):
        kept["fsdp"] = True
    return kept
