"""The run directory: every path, atomic commits, the lock, resume."""

from ttrl_cli.rundir.run import RunDir
from ttrl_cli.rundir.status import RunStatus, Totals

__all__ = ["RunDir", "RunStatus", "Totals"]
