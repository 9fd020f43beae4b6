"""The evidence of docs/evidence.md: runs, statistics, plots and the page, by `make evidence`."""
