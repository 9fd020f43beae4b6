"""What pages say of every run: how far it came, its options, where it came from, its metrics."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from ttrl_cli.records import Json
from ttrl_cli.report.summary import Summary
from ttrl_cli.rundir import RunDir


def about(run: RunDir, summary: Summary) -> dict[str, Json]:
    """Return what pages say of a run of either kind."""
    defaults = type(run.config)().model_dump()
    return {
        "kind": run.status.kind,
        "name": run.status.name,
        "start_from": run.status.start_from,
        "summary": asdict(summary),
        # a value, and whether it is the default
        "config": [
            [key, value, value == defaults[key]] for key, value in run.config.model_dump().items()
        ],
        "provenance": run.provenance(),
    }


def columns(lines: Iterable[Mapping[str, Json]]) -> dict[str, list[Json]]:
    """Turn records into columns; a key that a record lacks is None there."""
    records = list(lines)
    keys = {key: None for record in records for key in record if key != "schema_version"}
    return {key: [record.get(key) for record in records] for key in keys}
