"""The page of a sweep: what is in it, and what a browser makes of it."""

import html
import json
import re
from pathlib import Path

import pytest

from econml_cli.sweeps.show import page
from econml_cli.sweeps.show.importance import analyse
from econml_cli.sweeps.study.trials import Replicates, Results, Trial
from tests.support.browser import dumped

EVIL = "np.log(y) ~ a</script><script>throw 1</script><!-- {{data}} \u2028"


def sweep(n, *, varied=("lr", "width", "formula"), failed=3, goal="minimize"):
    """n complete trials, lr growing and the metric with it, and some failed ones."""
    trials = []
    for i in range(n + failed):
        params = {"lr": 1e-4 * 1.01**i, "width": (16, 64)[i % 2], "formula": ("y ~ a", EVIL)[i % 2]}
        done = i < n
        trials.append(
            Trial(
                i, i, "complete" if done else "failed", {name: params[name] for name in varied},
                value=1e-3 * 1.02**i if done else None,
                reason=None if done else "The loss became non-finite in epoch 3.",
                epochs=300, seconds=2.5, metrics={"test_loss": 2e-3 * 1.02**i} if done else {}, run=f"runs/s/{i:04d}",
            )
        )  # fmt: skip
    return Results("a <b>sweep</b>", "bayes", "val_loss", goal, varied, n + failed, tuple(trials), Path("runs/s"))


def rendered(results):
    return page.render(results, analyse(results))


def data(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)[1])


def test_the_page_holds_the_trials_and_no_text_of_theirs_ends_its_script():
    text = rendered(sweep(10))
    document = data(text)
    assert document["trials"][1]["params"] == [1e-4 * 1.01, 64, EVIL]
    assert document["best"] == 0 and document["parameters"] == ["lr", "width", "formula"]
    assert text.count("</script>") == 3 and "throw 1</" not in text and "\u2028" not in text
    assert "<title>a &lt;b&gt;sweep&lt;/b&gt;: val_loss</title>" in text


def test_every_place_of_the_template_is_filled():
    assert set(re.findall(r"\{\{\w+\}\}", rendered(sweep(4, varied=("lr",))))) == set()


def test_the_page_asks_for_nothing_from_elsewhere():
    text = rendered(sweep(4))
    urls = re.findall(r"""(?:https?:)?//[\w.-]+\.\w+[^\s"']*|url\([^)]*\)|@import|\bsrc=|<link""", text)
    assert [url for url in urls if "www.w3.org/2000/svg" not in url] == []
    assert "default-src 'none'" in text


def test_numbers_that_are_not_finite_become_null():
    trial = Trial(0, 0, "complete", {"lr": float("inf")}, 1.0, metrics={"test_loss": float("nan")})
    (row,) = data(rendered(Results("x", "grid", "loss", "minimize", ("lr",), 1, (trial,))))["trials"]
    assert row["params"] == [None] and row["metrics"] == {"test_loss": None}


def test_a_thousand_trials_stay_below_two_megabytes():
    assert len(rendered(sweep(1000)).encode()) < 2e6


# ----- in a browser


@pytest.fixture
def opened(tmp_path):
    """Open a page, run a script in it when it has loaded, and return the document that results."""

    def dump(text, script=""):
        path = tmp_path / "page.html"
        path.write_text(text + f"<script>addEventListener('load', () => {{{script}}});</script>", encoding="utf-8")
        found = dumped(path.as_uri(), tmp_path)
        assert "<h1" in found, found[:500]
        assert "data-errors" not in found.partition(">")[0] + found.partition("<head")[0], found[:500]
        return found

    return dump


def count(document, element, name):
    """How many elements have the class."""
    classes = re.findall(rf'<{element}\b[^>]*\bclass="([^"]*)"', document)
    return sum(name in found.split() for found in classes)


@pytest.mark.parametrize("n", [0, 500, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 3, 30))])
def test_every_trial_has_a_line_a_mark_and_a_row(opened, n):
    document = opened(rendered(sweep(n)))
    assert count(document, "path", "line") == n + 3 and count(document, "path", "none") == 3
    assert count(document, "circle", "point") == n and count(document, "path", "cross") == 3
    body = document.partition("<tbody>")[2].partition("</tbody>")[0]
    assert body.count("<tr") == n + 3 and body.count("non-finite in epoch 3") == 3
    assert count(document, "path", "best") == min(n, 1)


@pytest.mark.parametrize(
    "results",
    [sweep(0, failed=0), sweep(8, varied=()), sweep(8, varied=("lr",)), sweep(8, goal="maximize"), sweep(0, failed=5)],
    ids=["empty", "no parameter", "one parameter", "maximize", "all failed"],
)
def test_unusual_sweeps_are_drawn_without_an_error(opened, results):
    document = opened(rendered(results))
    assert "NaN" not in document.partition("<svg")[2].partition("<script type")[0]
    assert f"{len(results.trials)} failed" in document or results.best() or not results.trials


def test_a_page_whose_script_fails_is_noticed(opened):
    with pytest.raises(AssertionError):
        opened(rendered(sweep(3)), "undefined.member")


DRAG = """
  window.requestAnimationFrame = (draw) => { draw(0); return 0; };  // the document is dumped when it likes
  Element.prototype.setPointerCapture = () => {};
  const grip = document.querySelector('[data-axis="0"] .grip'), box = grip.getBoundingClientRect();
  const fire = (type, share) => grip.dispatchEvent(new PointerEvent(type, {
    bubbles: true, clientX: box.left + 16, clientY: box.top + box.height * share }));
  fire("pointerdown", 0.5); fire("pointermove", 1); fire("pointerup", 1);
"""


def replicated(points, seeds=30):
    """Points trained over seeds, with losses over four orders of magnitude; one fit of each came to nothing."""
    trials = []
    for i in range(points):
        values = [None if seed == 7 else 1e-5 * 10 ** (4 * ((7 * seed + i) % seeds) / seeds) for seed in range(seeds)]
        fits = Replicates("val_loss", [f"seed{s}" for s in range(seeds)], values, [v is not None for v in values], 33)
        value = sum(v for v in values if v is not None) / seeds
        trials.append(Trial(i, i, "complete", {"lr": 1e-3 * (i + 1)}, value, epochs=9, seconds=1.0, replicates=fits))
    over = {"option": "seed", "values": list(range(seeds)), "aggregate": "median", "fixed": {}}
    return Results("seeds", "bayes", "val_loss", "minimize", ("lr",), points, tuple(trials), replication=over)


INSIDE = """
  const figure = document.querySelector("#replicates"), svg = figure.querySelector("svg");
  const room = svg.getBoundingClientRect();
  const texts = [...svg.querySelectorAll("text")].map((node) => node.getBoundingClientRect());
  const beyond = [...svg.children].filter((node) => {
    const box = node.getBoundingClientRect();
    return box.left < room.left - 1 || box.right > room.right + 1;
  });
  const over = texts.filter((a, i) => texts.some((b, k) => k > i && a.left < b.right && b.left < a.right
    && a.top < b.bottom - 2 && b.top < a.bottom - 2));
  document.body.dataset.found = [beyond.length, over.length, figure.querySelectorAll("rect").length > 20,
    room.right <= document.documentElement.getBoundingClientRect().right, Math.round(room.width)].join(" ");
"""


#: of so many pixels, with the margins that the page has there
PHONE = "html {{ width: {}px; }} body {{ padding: 1rem !important; }}"


@pytest.mark.parametrize("width", [320, pytest.param(1200, marks=pytest.mark.slow)])
def test_the_histograms_of_fits_fit_on_a_phone(opened, width):
    """Nothing is drawn beyond the figure, no text lies on another, and the page need not be moved sideways for it."""
    text = rendered(replicated(12)).replace("<style>", f"<style>{PHONE.format(width)}", 1)
    document = opened(text, INSIDE)
    beyond, over, drawn, inside, wide = re.search(r'data-found="([^"]*)"', document)[1].split()
    assert (beyond, over, drawn, inside) == ("0", "0", "true", "true"), wide
    assert int(wide) <= width


def test_dragging_along_an_axis_filters_lines_and_rows_alike(opened):
    document = opened(rendered(sweep(40, failed=0)), DRAG)
    body = document.partition("<tbody>")[2].partition("</tbody>")[0]
    hidden = len(re.findall(r"<tr[^>]* hidden", body))
    assert 18 <= hidden <= 22 and count(document, "path", "off") == hidden
    assert f"{40 - hidden} of 40 trials" in document


def test_a_click_on_the_axis_lets_all_trials_back(opened):
    document = opened(rendered(sweep(40)), f'{DRAG} fire("pointerdown", 0.7); fire("pointerup", 0.7);')
    assert count(document, "path", "off") == 0
    assert '<span id="selected" aria-live="polite"></span>' in document and 'id="clear" hidden' in document


def test_a_header_sorts_both_ways_and_says_so(opened):
    click = """
      const button = [...document.querySelectorAll("th button")].find((one) => one.textContent === "lr");
      button.click(); button.click();
    """
    document = opened(rendered(sweep(5, failed=0)), click)
    assert re.search(r'aria-sort="descending"[^>]*><button[^>]*>lr<', document)
    body = document.partition("<tbody>")[2]
    assert re.findall(r"<tr[^>]*><td[^>]*>(\d+)<", body) == ["4", "3", "2", "1", "0"]


def test_pointing_at_a_line_shows_its_trial_as_text(opened):
    point = """
      const svg = document.querySelector("#parallel svg"), box = svg.getBoundingClientRect();
      const line = document.querySelector(".line.best"), at = line.getPointAtLength(1);
      svg.dispatchEvent(new PointerEvent("pointermove", { clientX: box.left + at.x, clientY: box.top + at.y }));
    """
    document = opened(rendered(sweep(9, failed=0, goal="maximize")), point)
    tip = document.partition('id="tip"')[2].partition("</div>")[0]
    assert "Trial 8, complete" in tip and "runs/s/0008" in tip
    assert html.unescape(tip).count("y ~ a") == 1
