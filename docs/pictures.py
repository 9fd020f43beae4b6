"""Draw the picture of a report that README.md and report.md show: docs/report.png.

    python docs/pictures.py RUN

`make pictures` makes the run first, with the embedded model, where there is none yet. Needs
Chromium (`apt-get install chromium`); `make tools` installs playwright, and Pillow with matplotlib.
"""

import shutil
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from ttrl_cli.api.reporting import report

PICTURE = Path(__file__).parent / "report.png"
WIDTH, HEIGHT = 1180, 1590
COLOURS = 96
"""Enough for flat drawings; the file is a third as large as with all colours."""


def main() -> None:
    """Write the picture of the run that is named."""
    (run,) = sys.argv[1:]
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = report([Path(run)], out=Path(folder) / "report.html")
        opened = playwright.chromium.launch(executable_path=browser)
        view = {"width": WIDTH, "height": HEIGHT}
        page = opened.new_page(viewport=view, color_scheme="light")
        page.goto(file.as_uri())
        page.wait_for_selector("#seen pre")
        page.wait_for_selector(".tree circle[cx]")
        page.wait_for_selector(".wide path.line.one")
        taken = page.screenshot()
        opened.close()
    Image.open(BytesIO(taken)).convert("RGB").quantize(COLOURS).save(PICTURE, optimize=True)


if __name__ == "__main__":
    main()
