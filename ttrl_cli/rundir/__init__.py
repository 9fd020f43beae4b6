"""The run directory: every path, atomic commits, the lock, resume."""

from ttrl_cli.rundir.run import RunDir, Status, Totals

__all__ = ["RunDir", "Status", "Totals"]
