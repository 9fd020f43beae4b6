"""Making a report of runs: one HTML file."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from ttrl_cli.errors import UsageError
from ttrl_cli.grading.comparer import Comparer
from ttrl_cli.records import Json
from ttrl_cli.report.page import page, search_run, vote_run
from ttrl_cli.rundir import RunDir, files

REPORT_FILE = "report.html"


def report(paths: Sequence[Path], *, out: Path | None = None, by: str | None = None) -> Path:
    """Write the report of one run or several as one HTML file; replace an older one.

    Args:
        paths: The run directories.
        out: The file; by default report.html in the first run's directory.
        by: Group a vote's questions by this field of theirs.

    Returns:
        The file.

    Raises:
        UsageError: If one is no run or is damaged, `by` is given without a vote, or no question has
            that field, or the file's folder does not exist.
        UnwritableError: If the file cannot be written; an older one then remains.
    """
    runs = [RunDir.open(path) for path in paths]
    if by is not None and all(run.status.kind == "solve" for run in runs):
        msg = "--by groups the questions of a vote; these are runs of ttrl solve"
        raise UsageError(msg)
    file = paths[0] / REPORT_FILE if out is None else out
    if not file.parent.is_dir():
        msg = f"--out {file}: its folder does not exist"
        raise UsageError(msg)
    made = [
        ({**data, "title": name}, texts)
        for name, (data, texts) in zip(run_names(paths), _data(runs, by), strict=True)
    ]
    title = ", ".join(dict.fromkeys(run.status.name for run in runs))
    files.write_text(file, page(made, f"{title} - ttrl report"))
    return file


def run_names(paths: Sequence[Path]) -> list[str]:
    """Return the shortest ends of the paths that tell them apart: at least the folder's name."""
    parts = [path.resolve().parts for path in paths]
    for length in range(1, max(map(len, parts))):
        names = ["/".join(one[-length:]) for one in parts]
        if len(set(names)) == len(set(parts)):
            return names
    return [str(path) for path in paths]


def _data(runs: Sequence[RunDir], by: str | None) -> list[tuple[dict[str, Json], list[str]]]:
    made = []
    with ExitStack() as stack:
        compare = None
        for run in runs:
            if run.status.kind == "solve":
                made.append(search_run(run))
                continue
            if compare is None:
                compare = stack.enter_context(Comparer(workers=1))
            made.append(vote_run(run, compare, by))
    return made
