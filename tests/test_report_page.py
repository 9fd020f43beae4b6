"""The report in a browser: nothing of a run is executed, and what it says can be read."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests._browser import Opened, opened
from tests._helpers import solve, ttrl, write_lines, write_problem
from ttrl_cli.report.page.texts import PART_RECORDS

MARKUP = (
    "</script><script>window.owned = 1; alert(1)</script>"
    "<img src=http://canary.invalid/a.png onerror='window.owned = 1'>"
    "<svg onload='window.owned = 1'></svg><style>* { display: none }</style>"
    "<!--<script>" + "${'owned'} javascript:alert(1)"
)
JUDGE = """
from ttrl_cli import Invalid

def verify(text):
    if "refuse" in text:
        raise Invalid("refused: " + text)
    return text

def score(text):
    return {"value": len(text), "feedback": "I read: " + text, "metrics": {"<b>letters</b>": 1}}
"""
VIEWS = [
    {"viewport": {"width": width, "height": 850}, "color_scheme": scheme}
    for width in (1280, 390)
    for scheme in ("light", "dark")
]


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a search in which every text is hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    problem = write_problem(
        folder / "problem",
        JUDGE,
        seed=f"seed {MARKUP}",
        statement=f"Write. {MARKUP}",
        best_known_source=MARKUP,
        prompt={"system": MARKUP},
    )
    replay = [f"first {MARKUP}", f"refuse {MARKUP}", f"second {MARKUP}\nof two lines", "third"]
    assert solve(problem, folder / "run", replay).code == 0
    assert ttrl("report", folder / "run").code == 0
    return folder / "run" / "report.html"


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a search whose best, 90, is its sixth sample, made from 50."""
    folder = tmp_path_factory.mktemp("search")
    problem = write_problem(folder / "problem", best_known=100)
    replay = ["3", "50", "no number", "4", "20", "90", "30", "50"]
    assert solve(problem, folder / "run", replay).code == 0
    assert ttrl("report", folder / "run").code == 0
    return folder / "run" / "report.html"


@pytest.fixture
def page(search: Path) -> Iterator[Opened]:
    """The search's report on a screen."""
    with opened(search, viewport={"width": 1280, "height": 900}) as found:
        yield found


def unharmed(found: Opened) -> None:
    """Nothing of a run was executed, nothing was asked for, and nothing was refused."""
    assert found.page.evaluate("window.owned") is None
    assert found.requests == []
    assert found.errors == []
    assert found.page.locator("#report img, #report style, #report script").count() == 0


def test_no_script_of_a_solution_runs(hostile: Path) -> None:
    """Every text of a hostile run is read, in every tab, and is nothing but text."""
    with opened(hostile) as found:
        for node in ("1.0.0", "1.0.1", "1.1.0", "seed.0"):
            found.page.locator("select").first.select_option("every")
            found.page.locator(f'circle[data-node="{node}"]').click()
            found.page.wait_for_function(
                f"() => document.querySelector('h3').innerText.startsWith('{node}')"
            )
            for tab in found.page.get_by_role("tab").all():
                tab.click()
        assert MARKUP in found.page.inner_text("#seen")
        for summary in found.page.locator("summary").all():
            summary.click()
        assert found.text().count(MARKUP) > 3
        unharmed(found)


def test_no_text_of_a_vote_runs(tmp_path: Path) -> None:
    """Questions, ids, labels, fields, answers and the file's own name are text as well."""
    record = {"question": MARKUP, "id": f"id {MARKUP}", "answer": "2", f"f {MARKUP}": MARKUP}
    other = {"question": "1 + 1?", "id": "two", "answer": "2", f"f {MARKUP}": "plain"}
    asked = write_lines(tmp_path / "q<script>alert(1)<script>.jsonl", [record, other])
    replay = write_lines(tmp_path / "replay.jsonl", [f"Answer: {MARKUP}", "Answer: 2"])
    done = ttrl("vote", asked, "--out", tmp_path / "run", "--sampler", f"replay:{replay}", "--n", 2)
    assert done.code == 0, done.err
    assert ttrl("report", tmp_path / "run").code == 0
    with opened(tmp_path / "run" / "report.html") as found:
        for tab in found.page.get_by_role("tab").all():
            tab.click()
        for summary in found.page.locator("summary").all():
            summary.click()
        assert MARKUP in found.text()
        unharmed(found)


def test_the_policy_refuses_what_would_be_added(search: Path, tmp_path: Path) -> None:
    """A script or an image that got into the page does nothing all the same, and asks nobody."""
    asked: list[str] = []

    class Canary(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Canary) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        added = f"<script>window.owned = 1; fetch('{address}/b')</script><img src='{address}/c'>"
        file = tmp_path / "changed.html"
        file.write_text(search.read_text().replace("</body>", f"{added}</body>"))
        with opened(file) as found:
            found.page.evaluate(f"() => fetch('{address}/d').catch(() => 0)")
            assert found.page.evaluate("window.owned") is None
            assert len([one for one in found.errors if "Content Security Policy" in one]) >= 3
        server.shutdown()
    assert asked == []


def test_the_tree_opens_a_solution(page: Opened) -> None:
    """A click on a node shows its score, its change, its completion and the prompt it came from."""
    assert page.page.inner_text("h3").startswith("2.0.1 (step 2, sample 6)")
    page.page.locator('circle[data-node="1.0.1"]').click()
    page.page.wait_for_function("() => document.querySelector('h3').innerText.startsWith('1.0.1')")
    assert "score\n50" in page.page.inner_text(".solution")
    assert page.page.locator(".solution del").inner_text() == "1"
    assert page.page.locator(".solution ins").inner_text() == "50"
    assert page.selected("Solution") == "50"
    assert "Name a large number." in page.selected("Prompt")
    unharmed(page)


def test_the_tree_zooms_and_moves(page: Opened) -> None:
    """Buttons zoom, a drag moves, Fit brings all of it back."""
    circle = page.page.locator('circle[data-node="2.0.1"]')
    frame = page.page.locator(".tree")
    first = float(circle.get_attribute("cx"))

    def wait_for(condition: str) -> float:
        """Wait until the circle's place, `at`, fulfils a condition; return it."""
        at = "Number(document.querySelector('circle[data-node=\"2.0.1\"]').getAttribute('cx'))"
        page.page.wait_for_function(f"() => {{ const at = {at}; return {condition}; }}")
        return float(circle.get_attribute("cx"))

    page.page.get_by_title("Zoom in").click()
    zoomed = wait_for(f"at > {first} + 20")
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    page.page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + 150, box["y"] + 190, steps=5)
    page.page.mouse.up()
    wait_for(f"at < {zoomed} - 20")
    page.page.get_by_role("button", name="Fit").click()
    wait_for(f"Math.abs(at - {first}) < 1")


def test_keys_walk_through_the_tree(page: Opened) -> None:
    """Left goes to the parent, right to the child that led to the best."""
    page.page.locator(".tree").focus()
    page.page.keyboard.press("ArrowLeft")
    page.page.wait_for_function("() => document.querySelector('h3').innerText.startsWith('1.0.1')")
    page.page.keyboard.press("ArrowRight")
    page.page.wait_for_function("() => document.querySelector('h3').innerText.startsWith('2.0.1')")


def test_the_three_answers_can_be_read(page: Opened) -> None:
    """Which change, from which parent, at which sample; whether it was healthy; what was seen."""
    found = page.page.inner_text("#found")
    assert "The best score is 90" in found
    assert "Attempt 2.0.1 found it, in step 2: sample 6 of 8." in found
    assert "It was made from 1.0.1 (score 50)" in found
    assert page.page.locator("#found del").inner_text() == "50"
    assert page.page.locator("#found ins").inner_text() == "90"
    assert "Nothing was learned: the completions were scripted." in page.page.inner_text("#healthy")
    assert "valid attempts: 75% -> 100%" in page.page.inner_text("#healthy")
    assert "Its score: 1 -> 50" in page.page.inner_text("#seen")


@pytest.mark.parametrize(
    "view", VIEWS, ids=lambda view: f"{view['viewport']['width']}-{view['color_scheme']}"
)
def test_it_fits_a_screen_and_a_phone(search: Path, view: dict[str, object]) -> None:
    """Nothing is wider than the window, and the text is not of the page's own colour."""
    with opened(search, **view) as found:
        wide = found.page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide == 0
        colours = found.page.evaluate(
            "() => { const style = getComputedStyle(document.body);"
            " return [style.color, style.backgroundColor]; }"
        )
        assert colours[0] != colours[1]
        dark = sum(json.loads(colours[1].replace("rgb(", "[").replace(")", "]"))) < 3 * 128
        assert dark == (view["color_scheme"] == "dark")
        unharmed(found)


def test_a_large_run_is_drawn_as_it_is_looked_at(tmp_path: Path) -> None:
    """Of 1,200 attempts a page that opens unpacks a few parts, and draws few of the nodes."""
    problem = write_problem(tmp_path / "problem")
    replay = [str(7 * k % 1201) for k in range(1200)]
    options = ["--groups", 4, "--group-size", 50, "--steps", 6]
    assert solve(problem, tmp_path / "run", replay, *options).code == 0
    assert ttrl("report", tmp_path / "run").code == 0
    with opened(tmp_path / "run" / "report.html") as found:
        found.page.wait_for_selector("#seen pre")
        found.page.wait_for_selector(".solution h3")
        parts = found.page.locator('script[type="application/gzip"]').count()
        assert parts >= 1200 // PART_RECORDS
        assert found.page.locator("#report *").count() < 1200
        unharmed(found)


def test_several_runs_are_drawn_in_one_picture(search: Path, tmp_path: Path) -> None:
    """A tab for each, the table of all, and one curve for each run of one problem."""
    file = tmp_path / "two.html"
    other = tmp_path / "other"
    solve(search.parent / "problem", other, ["60"] * 8)
    assert ttrl("report", search.parent, other, "--out", file).code == 0
    with opened(file) as found:
        assert found.page.locator("nav.tabs button").all_inner_texts() == [
            "All runs",
            "run",
            "other",
        ]
        assert "Best score over samples" in found.text()
        assert found.page.locator("svg path.line.two").count() == 1
        found.page.get_by_role("button", name="other", exact=True).click()
        assert "The best score is 60" in found.page.inner_text("#found")
        unharmed(found)
