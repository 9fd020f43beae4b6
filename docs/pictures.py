"""Draw the pictures of README.md: a run in a terminal and its report, docs/live.png and report.png.

    python docs/pictures.py RUN

`make pictures` makes the run first, with the embedded model, where there is none yet. Needs
Chromium (`apt-get install chromium`); `make tools` installs playwright, and Pillow with matplotlib.
"""

import io
import re
import shutil
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console as RichConsole

from ttrl_cli.api.reporting import report
from ttrl_cli.console import Console, RunView
from ttrl_cli.problem import load_problem
from ttrl_cli.records import Watch
from ttrl_cli.rundir import RunDir

FOLDER = Path(__file__).parent
WIDTH, HEIGHT = 1180, 1590
COLOURS = 96
"""Enough for flat drawings; the file is a third as large as with all colours."""


FONT = re.compile(r"@font-face \{.*?\}", re.DOTALL)
"""What rich's pictures fetch from the network, and the browser has one of its own for."""


def main() -> None:
    """Write the pictures of the run that is named."""
    run = Path(sys.argv[1])
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        sys.exit("no chromium here: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser)
        file = report([run], out=Path(folder) / "report.html")
        save(pictured_report(opened, file), "report.png")
        drawing = Path(folder) / "live.svg"
        drawing.write_text(live_view(run), encoding="utf-8")
        save(pictured_drawing(opened, drawing), "live.png")
        opened.close()


def save(taken: bytes, name: str) -> None:
    """Write a picture with few colours."""
    picture = Image.open(io.BytesIO(taken)).convert("RGB").quantize(COLOURS)
    picture.save(FOLDER / name, optimize=True)


def pictured_report(browser: Browser, file: Path) -> bytes:
    """Return a picture of the beginning of a report."""
    view = {"width": WIDTH, "height": HEIGHT}
    page = browser.new_page(viewport=view, color_scheme="light")
    page.goto(file.as_uri())
    page.wait_for_selector("#seen pre")
    page.wait_for_selector(".tree circle[cx]")
    page.wait_for_selector(".wide path.line.one")
    return page.screenshot()


def pictured_drawing(browser: Browser, file: Path) -> bytes:
    """Return a picture of an SVG, twice its size for screens with fine pixels."""
    page = browser.new_page(device_scale_factor=2)
    style = "<style>body { margin: 0 } svg { display: block; width: 1000px }</style>"
    page.set_content(style + file.read_text(encoding="utf-8"))
    return page.locator("svg").first.screenshot(omit_background=True)


def live_view(path: Path) -> str:
    """Return what a terminal shows of a run before its last step, as an SVG.

    The view is the one of `ttrl solve`, fed with what the run has logged.
    """
    run = RunDir.open(path)
    console = Console()
    screen = io.StringIO()
    console.err = RichConsole(record=True, force_terminal=True, width=100, file=screen)
    view = RunView(console, started=0.0, clock=lambda: 0.0)
    spec = load_problem(run.path / "problem").spec
    steps = list(run.lines("metrics.jsonl"))
    watch = Watch(
        name=spec.name,
        path=str(path),
        steps=len(steps),
        seconds=None,
        best_known=spec.best_known,
    )
    view.began(replace(watch, expected=sum(step["time/step"] for step in steps)))
    for step in steps[:-1]:
        view.step_done(step, "")
    samples = run.solve_config.groups * run.solve_config.group_size
    view.sampled(len(steps), 1, samples)
    view.sampled(len(steps), 2 * samples // 3, samples)
    console.err.print(view.picture())
    return FONT.sub("", console.err.export_svg(title=f"ttrl solve {spec.name}"))


if __name__ == "__main__":
    main()
