"""The report as a page: complete, safe, self-contained, and sensible where pieces are missing."""

import base64
import hashlib
import math
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from coordinator.report.page import report_html, write_report
from protocol.results.model import Results
from protocol.results.values.estimates import Pair
from protocol.results.values.propensity import DroppedColumn, LeftOut, MatchedDesign, Propensity
from tests.coordinator.examples import (
    EMPTY,
    binary,
    both,
    competing,
    imputed,
    nothing,
    results,
    survival,
    weighted,
)

VOID = {"meta", "img", "br", "col", "link"}


class Page(HTMLParser):
    """Reads a page; fails where a tag is not closed by its own end."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def full() -> Results:
    """Give the example with subgroups."""
    levels = [replace(survival(), level=f"stage={stage}") for stage in ("I", "II")]
    risks = replace(binary().odds_ratio, estimate=math.inf)
    rare = replace(binary(), level="stage=I", odds_ratio=risks)
    found = results()
    return replace(found, survival=(*found.survival, *levels), binary=(*found.binary, rare))


def no_fit() -> Results:
    model = replace(
        _model(results()),
        stopped="cea separates the arms",
        coefficients=(),
        c_statistic=math.nan,
        dropped=(DroppedColumn("site=left", "nobody has it"),),
    )
    design = replace(_design(results()), matched=Pair(0, 0), reason="there is no score")
    return replace(
        results(),
        propensity=model,
        overlap=None,
        designs=(design,),
        populations=results().populations[:1],
        left_out=(LeftOut("matched", "there is no score"),),
        survival=results().survival[:1],
        binary=(),
    )


def _model(found: Results) -> Propensity:
    assert found.propensity is not None
    return found.propensity


def _design(found: Results) -> MatchedDesign:
    return found.designs[0]


def empty_arm() -> Results:
    found = replace(
        survival(),
        patients=Pair(0, 8),
        events=Pair(0, 1),
        curves=Pair(EMPTY, survival().curves.treated),
        quantiles=Pair((), ()),
        follow_up=Pair(math.nan, math.nan),
        landmarks=Pair((), ()),
        landmark_contrasts=(),
        mean_time=None,
        log_rank=(),
        hazard_ratios=(),
        proportional_hazards=(),
        e_value=None,
        not_estimable="the comparator has no patient",
    )
    return replace(results(), survival=(found,))


CASES = {
    "full": full(),
    "weighted": weighted(),
    "causes": replace(both(), competing=competing().competing),
    "imputed": imputed(),
    "nothing": nothing(),
    "no propensity": replace(results(), propensity=None, overlap=None, designs=(), balance=()),
    "no fit": no_fit(),
    "no endpoints": replace(results(), survival=(), binary=()),
    "one endpoint": replace(results(), binary=()),
    "empty arm": empty_arm(),
    "two designs": replace(
        results(),
        designs=(_design(results()), replace(_design(results()), method="within-hospital")),
    ),
    "months": replace(results(), study=replace(results().study, time_unit="month")),
    "real": replace(results(), study=replace(results().study, simulated=False, profile="strict")),
    "open": replace(results(), study=replace(results().study, hospitals=("H1",), profile="open")),
}


@cache
def page_of(case: Results) -> str:
    """Draw a case once for all tests that look at it."""
    return report_html(case)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_every_case_is_a_whole_page(case: Results) -> None:
    page = Page(page_of(case))
    names = [tag["id"] for tag in page.all("section")]
    assert names[0] == "answer"
    assert {"flow", "privacy", "methods", "reproducibility", "left-out"} <= {*names}
    linked = {tag["href"].removeprefix("#") for tag in page.all("a")}
    assert {*names} <= linked
    for told in ("nan", "None", "inf ", "P = 0.000", "0.000)", "-1 "):
        assert told not in page.text


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_figures_have_words_and_a_table(case: Results) -> None:
    text = page_of(case)
    figures = re.findall(r"<figure.*?</figure>", text, flags=re.DOTALL)
    assert len(figures) == text.count("<img ")
    for figure in figures:
        page = Page(figure)
        (image,) = page.all("img")
        assert len(image["alt"]) > 30
        assert page.all("table")
        assert page.all("figcaption")
        drawing = base64.b64decode(image["src"].removeprefix("data:image/svg+xml;base64,"))
        assert ET.fromstring(drawing).tag.endswith("svg")  # noqa: S314 - our own drawing


def test_rows_of_a_table_are_as_long_as_its_header() -> None:
    for table in re.findall(r"<table>.*?</table>", page_of(full()), flags=re.DOTALL):
        widths = set()
        for row in re.findall(r"<tr.*?</tr>", table, flags=re.DOTALL):
            cells = [*Page(row).all("th"), *Page(row).all("td")]
            widths.add(sum(int(cell.get("colspan", 1)) for cell in cells))
        assert len(widths) == 1


def test_the_page_needs_nothing_else() -> None:
    text = page_of(full())
    page = Page(text)
    for tag in ("script", "link", "iframe", "object", "form"):
        assert page.all(tag) == []
    addresses = [a.get("src", "") + a.get("href", "") for _, a in page.tags]
    assert all(address.startswith(("#", "data:")) for address in addresses if address)
    assert not any(name == "style" or name.startswith("on") for _, a in page.tags for name in a)
    assert "url(" not in text
    assert "@import" not in text


def test_the_policy_allows_the_style_and_nothing_more() -> None:
    text = page_of(full())
    policy = next(tag["content"] for tag in Page(text).all("meta") if "http-equiv" in tag)
    style = text.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "unsafe" not in policy


def test_texts_of_a_plan_are_escaped() -> None:
    card = replace(
        results().study,
        title='<script>alert(1)</script> & "more"',
        arms=Pair("A <b>", "B </title>"),
        people=("<img src=x>",),
    )
    text = report_html(replace(results(), study=card), notice="<i>notice</i>")
    page = Page(text)
    assert page.all("script") == []
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#34;more&#34;" in text
    assert all(tag["src"].startswith("data:") for tag in page.all("img"))
    assert "<i>notice" not in text


def test_the_same_results_give_the_same_page(tmp_path: Path) -> None:
    write_report(full(), tmp_path / "a.html")
    write_report(full(), tmp_path / "b.html")
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


def test_simulations_are_marked() -> None:
    page = Page(report_html(full(), "The patients are synthetic."))
    assert page.text.startswith("SIMULATED · A small study")
    assert "SIMULATED All rows were on one machine" in page.text
    assert "The patients are synthetic." in page.text
    real = Page(page_of(CASES["real"]))
    assert "SIMULATED" not in real.text
    assert "simulation" not in real.text


def test_the_answer_stands_first_with_its_estimand() -> None:
    text = Page(page_of(full())).text
    answer = text[text.index("Does it work?") : text.index("Rows of the extracts")]
    assert "Among 18 patients of 3 hospitals (Matched: 8 with New, 10 with Old)" in answer
    assert "Estimand: effect in the New arm" in answer
    assert "87.5 % v 80.0 %" in answer
    assert "The hazard ratio is 0.61 (95 % CI 0.37 to 0.99; log-rank P = 0.046)" in answer
    assert "1 of 8 v 2 of 10" in answer
    assert "7.5 (−12.5 to 27.5) % points" in answer


def test_subgroups_have_their_labels() -> None:
    text = Page(page_of(full())).text
    assert "Hazard ratios across subgroups" in text
    assert "Matched, Stage: I" in text
    assert "stage=" not in text
    assert "infinite 0.00 to no limit" in text


def test_weighted_patients_have_no_log_rank_test() -> None:
    robust = replace(survival().hazard_ratios[0], method="efron robust")
    found = replace(survival(), log_rank=(), hazard_ratios=(robust,))
    text = Page(report_html(replace(results(), survival=(found,)))).text
    assert "0.61 0.37 to 0.99 P = 0.046 (Wald)" in text


def test_medians_that_are_not_reached() -> None:
    assert "Median: not reached v 16.0 (3.3 to not reached) months." in Page(page_of(full())).text


def test_why_things_are_left_out() -> None:
    text = Page(page_of(no_fit())).text
    assert "There is no propensity score: cea separates the arms." in text
    assert "Column site=left of the propensity model: nobody has it." in text
    assert "Matched: there is no score." in text
    without = Page(page_of(empty_arm())).text
    assert "Hazard ratio of Overall survival (Matched): the comparator has no patient." in without


def test_who_sees_what_is_said() -> None:
    text = Page(page_of(full())).text
    assert "Each sent 11 numbers (144 bytes) in 3 trips" in text
    assert "The coordinating centre is a recipient of the pooled sums, uncut" in text
    assert "Most times belong to one patient" in text  # profile exact
    assert "has to see to it that counts below 5 are left out." in text
    alone = Page(page_of(CASES["open"])).text
    assert "With fewer than three hospitals masks hide nothing" in alone
    assert "there are no disclosure rules" in alone


def test_methods_name_this_study_and_cite_in_order() -> None:
    page = Page(page_of(full()))
    methods = page.text.rpartition("Methods, ready to paste")[2].partition("How the numbers")[0]
    assert "New (8 patients) with Old (12 patients) in a simulated federation" in methods
    assert "rows stayed at their hospitals" not in methods  # they were on one machine
    assert "of 3 lotteries the best balanced was kept" in methods
    cited = [int(n) for group in re.findall(r"\[([\d,]+)\]", methods) for n in group.split(",")]
    assert list(dict.fromkeys(cited)) == list(range(1, max(cited) + 1))
    assert "Kaplan EL, Meier P." in methods
    real = Page(page_of(CASES["real"])).text
    assert "in a federated cohort of 20 patients" in real
    assert "rows stayed at their hospitals" in real


def test_a_lottery_is_named_beside_the_answer() -> None:
    """And weights as the companion for which no lot is drawn, where the plan has them."""
    assert "was drawn by lot within bins" in report_html(results())
    assert "no lot is drawn, stands beside it" in report_html(both())
    assert "was drawn by lot within bins" not in report_html(weighted())


def test_p_values_stand_before_adjustment_only() -> None:
    """One P a variable, of the quoted test; none for matched arms."""
    page = Page(page_of(results())).text
    assert "Welch's t test and Fisher's exact test, before adjustment only" in page
    assert page.count("0.16") >= 1
    assert "Mann-Whitney" not in page
    untested = replace(
        results(), table_one=tuple(replace(t, tests=()) for t in results().table_one)
    )
    assert "before adjustment only" not in Page(page_of(untested)).text


def test_imputed_comparisons_stand_beside_complete_cases() -> None:
    page = Page(page_of(imputed())).text
    assert "5 of 25 patients (20.0 %) miss a covariate: Age and Stage." in page
    assert "imputed 10 times by chained equations (5 sweeps)" in page
    # exp(-0.5) with exp(-0.9) and exp(-0.1).
    assert "0.61 (0.41 to 0.90)" in page
    assert "10.0 (−30.0 to 50.0)" in page
    assert "12.0 %" in page
    # Mean times in months: 31 days are 1.0; complete cases stand beside both differences.
    assert "Difference of mean time up to 2 years, months" in page
    section = page[page.index("Weighted comparisons of all patients") :]
    assert section.index("7.5 (") < section.index("10.0 (−30.0 to 50.0)")
    assert "1.0 (1.0 to 1.0)" in section
    assert "Missing covariates (Age and Stage) were imputed 10 times by chained equations" in page
    assert "Missing covariates imputed" not in Page(page_of(weighted())).text
