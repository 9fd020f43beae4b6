"""The run directory: every path, atomic commits, the lock, resume."""

from ttrl_cli.rundir.run import RunDir, RunStatus, Totals

__all__ = ["RunDir", "RunStatus", "Totals"]
