"""From run directories to one HTML file that needs no network.

`search_run` and `vote_run` make the data of a page, `findings` and `health` the sentences at its
top, `texts` the compressed part of it, `html` the file. What a browser does with these is in `web`.
"""

from ttrl_cli.report.page.html import page
from ttrl_cli.report.page.search_run import search_run
from ttrl_cli.report.page.vote_run import vote_run

__all__ = ["page", "search_run", "vote_run"]
