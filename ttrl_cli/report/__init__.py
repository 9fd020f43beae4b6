"""From a run directory to summaries, metrics and digests."""

from ttrl_cli.report.summary import Best, Summary, digest, summarise

__all__ = ["Best", "Summary", "digest", "summarise"]
