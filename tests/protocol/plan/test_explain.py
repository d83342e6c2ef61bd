"""What reviewers read is what the plan says and what the program enforces."""

from dataclasses import asdict

import pytest

from protocol.cohort import reasons
from protocol.disclosure import rules
from protocol.plan.adjustment import Stratification, Weighting
from protocol.plan.check_analysis import FEWEST_PATIENTS, FEWEST_SITES
from protocol.plan.digest import plan_digest
from protocol.plan.endpoints import TimeToEvent
from protocol.plan.explain import Leaving, Section, explain, leaving_table
from protocol.plan.model import Disclosure, Plan, Sensitivity
from protocol.plan.profiles import LEVEL_HOSPITALS, PROFILES, STRATA_HOSPITALS, sentences
from protocol.plan.read import read_plan
from protocol.plan.words import handle
from riskset.plans import read_builtin

CRLM = read_plan(read_builtin("crlm"), "crlm.toml")
TEMPLATE = read_plan(read_builtin("template"), "template.toml")


def text(section: Section) -> str:
    """Join all that a section says."""
    rows = section.table.rows if section.table else ()
    return "\n".join([section.title, *section.sentences, *(" | ".join(row) for row in rows)])


def whole(plan: Plan) -> str:
    return "\n".join(text(part) for part in explain(plan))


def section(plan: Plan, title: str) -> str:
    return next(text(found) for found in explain(plan) if found.title == title)


def with_profile(name: str) -> Plan:
    disclosure = Disclosure.model_validate({**CRLM.disclosure.model_dump(), "profile": name})
    return TEMPLATE.model_copy(update={"disclosure": disclosure})


@pytest.mark.parametrize("plan", [CRLM, TEMPLATE], ids=["crlm", "template"])
def test_nothing_of_the_plan_is_left_unsaid(plan: Plan) -> None:
    said = "\n".join(text(part) for part in explain(plan))
    assert handle(plan_digest(plan)) in said
    assert plan.study.purpose in said
    for entry in (*plan.variables, *plan.designs, *plan.populations, *plan.endpoints):
        assert entry.name in said
        assert entry.label in said
    for condition in plan.eligibility:
        assert condition.reason in said
    for endpoint in plan.survival:
        assert all(f"{time:,}" in said for time in endpoint.landmarks)


def test_sentences_by_hand() -> None:
    assert "Surgery: Therapy is 'surgery' or 'robotic surgery'; about 150 patients" in section(
        TEMPLATE, "The two arms"
    )
    inclusion = section(TEMPLATE, "Who is in and who is out")
    assert "4 | Older than 85 | kept if Age (year) is at most 85" in inclusion
    assert "kept if Stage is known and not 'III'" in inclusion
    model = section(TEMPLATE, "How the arms are made comparable")
    assert "Stage | 'I', 'III' and 'unknown' against 'II'" in model
    assert "a restricted cubic spline with knots at 1, 3 and 7" in model
    assert "Pairs agree on Stage." in model
    compared = section(TEMPLATE, "What is compared")
    assert "Competing cause 'other': Status at the end of follow-up 'died of other" in compared
    assert "Mean survival time is taken up to 1,825 days." in compared


def test_reasons_are_those_of_the_flow_diagram() -> None:
    table = next(s.table for s in explain(TEMPLATE) if s.title == "Who is in and who is out")
    assert table is not None
    assert tuple(row[1] for row in table.rows) == reasons(TEMPLATE)


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_profiles_say_what_is_enforced(name: str) -> None:
    plan, profile = with_profile(name), PROFILES[name]
    enforced = rules(plan)
    assert FEWEST_SITES[name] == enforced.min_sites
    assert FEWEST_PATIENTS[name] == enforced.site_patients
    assert profile.arm == enforced.site_arm
    assert profile.difference == enforced.difference_floor
    assert profile.level == enforced.level_floor
    assert profile.bins_per_caliper == enforced.bins_per_caliper
    assert profile.subgroup_patients == enforced.subgroup_patients
    assert enforced.level_hospitals == LEVEL_HOSPITALS
    assert enforced.strata_hospitals == STRATA_HOSPITALS
    assert f"below {enforced.published_floor} " in profile.published
    assert ("every hospital see" in profile.totals) == enforced.totals_to_sites
    grids = {"unit": "to the unit", "month": "by month", "quarter": "by quarter"}
    assert grids[enforced.grid_step] in profile.grid
    if profile.weights:
        assert f"{enforced.weight_digits} significant" in profile.weights


def test_profiles_differ_in_their_sentences() -> None:
    said = {name: " ".join(sentences(with_profile(name))) for name in (*PROFILES, "open")}
    assert "SIMULATED" in said["open"]
    assert f"fewer than {FEWEST_PATIENTS['strict']} patients does not join, nor" in said["strict"]
    assert "nor one with 1 to 9 in an arm" in said["strict"]
    assert "A level that fewer than 3 hospitals have gets no column" in said["exact"]
    assert "A level that fewer than 10 patients or fewer than 3 hospitals" in said["strict"]
    assert "each arm of it has 20 patients and 4 hospitals have some" in said["strict"]
    assert len(set(said.values())) == len(said)
    assert FEWEST_SITES.keys() == said.keys()


def test_plan_without_a_model_says_so() -> None:
    bare = CRLM.model_copy(update={"propensity": None, "designs": (), "endpoints": ()})
    assert "compared as they are" in section(bare, "How the arms are made comparable")
    assert "Nothing: the plan has no endpoint." in section(bare, "What is compared")


def test_leaving_table_by_hand() -> None:
    table = leaving_table(
        [
            Leaving(1, "lock", "a commitment", 2, 16, exactly=True),
            Leaving(2, "describe", "patients by arm", 1200, 9600, exactly=False),
            Leaving(4, "describe", "patients by arm", 1000, 8000, exactly=True),
        ]
    )
    assert table.rows == (
        ("lock", "a commitment", "1", "1", "2", "16", "exactly"),
        ("describe", "patients by arm", "2–4", "2", "2,200", "17,600", "about"),
        ("all", "everything together", "1–4", "3", "2,202", "17,616", "about"),
    )
    assert len(table.header) == len(table.rows[0])


def test_sections_are_plain_data() -> None:
    assert all(
        set(asdict(part)) == {"title", "sentences", "table"} and part.sentences
        for part in explain(CRLM)
    )


def test_what_is_asked_of_pairs_and_lotteries_is_said() -> None:
    plain = whole(CRLM)
    near, far = (
        {"pairs": True, "method": "within-hospital"},
        {"pairs": True, "caliper": "none", "name": "far"},
    )
    first = CRLM.designs[0]
    designs = tuple(first.model_copy(update=keys) for keys in (near, far))
    asked = {"designs": designs, "sensitivity": Sensitivity(lottery=True)}
    said = whole(CRLM.model_copy(update=asked))
    for sentence in (
        "counts its pairs by which partner has an event",
        "in groups of at least five pairs, both sides apart",
        "however far apart",
        "How far would another lottery have moved the hazard ratio?",
    ):
        assert sentence in said
        assert sentence not in plain


def test_what_is_asked_beside_the_main_comparison_is_said() -> None:
    """Each key that lets more leave a hospital has a sentence, and none where it is not used."""
    plain = whole(CRLM)
    more = CRLM.model_copy(
        update={
            "sensitivity": Sensitivity(heterogeneity=True, common_odds=True, leave_one_out=True),
            "stratification": Stratification(strata=4),
            "weightings": (Weighting(name="w", target="overlap", trim=0.05, truncate=10.0),),
            "endpoints": tuple(
                e.model_copy(update={"further_tests": ("gehan",), "adjusted": True})
                if isinstance(e, TimeToEvent)
                else e
                for e in CRLM.endpoints
            ),
        }
    )
    said = whole(more)
    for sentence in (
        "Do hospitals agree?",
        "which hospitals they are, nobody learns (rule L)",
        "seven sums over four hospitals at least (rule S7)",
        "put into 4 strata of about equal size",
        "with a propensity below 0.05 or above 0.95 are left out",
        "A weight above 10 counts as 10",
        "compared by Gehan's test",
        "A hazard ratio adjusted for the covariates",
    ):
        assert sentence in said
        assert sentence not in plain
