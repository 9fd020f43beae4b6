"""What counts as a submission, and its score: all cases are legal and in time, and are summed."""

from ttrl_cli.contests.judging import score, verify

__all__ = ["score", "verify"]
