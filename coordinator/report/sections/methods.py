"""Methods ready to paste, with this study's numbers and the literature, and how to repeat it."""

import math
from importlib.metadata import PackageNotFoundError, version

from coordinator.report.blocks import Block, Items, Section, Terms, Text
from coordinator.report.choice import effective, main_population, weighted_populations, weightings
from coordinator.report.sections.beside import beside
from coordinator.report.sections.pages import pages_blocks
from coordinator.report.sections.references import Cited
from coordinator.report.wording import count, decimal, list_of, moment, weight
from protocol.results.model import Results
from protocol.results.values.estimates import Pair
from protocol.results.values.propensity import MatchedDesign


def methods_section(results: Results) -> Section:
    """Write the methods of this very study."""
    cite = Cited()
    paragraphs = [_federation(results, cite), *_comparability(results, cite)]
    paragraphs += _outcomes(results, cite)
    paragraphs += _competing(results, cite)
    paragraphs += beside(results, cite)
    paragraphs += _imputed(results, cite)
    blocks = (
        Text(tuple(paragraphs), "quote"),
        Items(cite.listed, numbered=True),
        *pages_blocks(results),
    )
    return Section("methods", "Methods, ready to paste", blocks)


def _federation(results: Results, cite: Cited) -> str:
    study, flow = results.study, results.flow
    total = flow.patients.treated + flow.patients.comparator
    hospitals = "1 hospital" if len(study.hospitals) == 1 else f"{len(study.hospitals)} hospitals"
    masked = (
        "counts and sums under pairwise masks that cancel in the total over all hospitals "
        f"(secure aggregation{cite('bonawitz')}), so that every estimate equals what the same "
        "computation gives on pooled rows."
    )
    where = (
        f"In this simulation all rows were on one machine; each simulated hospital sent {masked}"
        if study.simulated
        else "The analysis plan was fixed before the first sum was opened. "
        f"Patients' rows stayed at their hospitals: each sent {masked}"
    )
    cohort = "simulated federation" if study.simulated else "federated cohort"
    return (
        f"We compared {study.arms.treated} ({count(flow.patients.treated)} patients) with "
        f"{study.arms.comparator} ({count(flow.patients.comparator)} patients) in a {cohort} of "
        f"{count(total)} patients of {hospitals}. {where} Computations used riskset {software()} "
        f"(plan {study.plan_handle}, program version {study.program})."
    )


def _comparability(results: Results, cite: Cited) -> list[str]:
    model = results.propensity
    if model is None or model.stopped:
        return ["The arms were compared as they are, without a propensity score."]
    penalty = (
        "maximum likelihood" if model.penalty in ("", "none") else f"a {model.penalty} penalty"
    )
    said = [
        f"Propensity scores{cite('rosenbaum')} came from one logistic model of "
        f"{len(model.coefficients) - 1} columns, fitted to {count(model.patients)} patients by "
        f"{penalty} (c-statistic {decimal(model.c_statistic)})."
    ]
    said += [_design(results, d, cite) for d in results.designs if not d.reason]
    said += _weights(results, cite)
    if results.balance:
        said.append(
            "Balance was judged by standardised mean differences over the pooled SD of all "
            f"patients with complete covariates{cite('austin-balance')}."
        )
    return [" ".join(said)]


def _design(results: Results, design: MatchedDesign, cite: Cited) -> str:
    caliper = (
        "any distance, without a caliper"
        if math.isinf(design.caliper)
        else f"{decimal(design.caliper_sd)} SD of the logit score{cite('austin-caliper')}"
    )
    n = f"{count(design.matched.treated)} and {count(design.matched.comparator)} patients"
    arms = f"({results.study.arms.treated} and {results.study.arms.comparator})"
    if design.method == "within-hospital":
        return (
            f"“{design.label}”: each hospital matched its own patients 1:{design.ratio} to the "
            f"nearest score within {caliper}, without replacement, which gave {n} {arms}."
        )
    tried = len(design.imbalance_by_key)
    lots = f"; of {tried} lotteries the best balanced was kept before any outcome was seen"
    return (
        f"“{design.label}”: patients were matched 1:{design.ratio} across hospitals within "
        f"{caliper}, by quotas of score bins that make the most pairs at the least distance; who "
        f"fills a quota was drawn by a public lottery{lots if tried > 1 else ''}. This gave {n} "
        f"{arms}."
    )


def _weights(results: Results, cite: Cited) -> list[str]:
    """Name the targets of the weights, and what their errors do not allow for."""
    cards = weightings(results)
    if not cards:
        return []
    arms, told = results.study.arms, []
    for card in cards:
        sizes = card.effective or Pair(math.nan, math.nan)
        told.append(
            f"“{card.label}”, {card.estimand}, with effective sample sizes of "
            f"{weight(sizes.treated)} and {weight(sizes.comparator)} "
            f"({arms.treated} and {arms.comparator})"
        )
    return [
        f"Patients were weighted by their propensity score{cite('li')}: {'; '.join(told)}.",
        "Robust errors of weighted populations take the score as known, which is conservative for "
        f"weights to everybody{cite('lunceford')} and not always for weights to one arm"
        f"{cite('reifeis')}.",
    ]


def _imputed(results: Results, cite: Cited) -> list[str]:
    """Say how missing covariates were imputed, where they were."""
    found = results.imputation
    if found is None:
        return []
    return [
        f"Missing covariates ({list_of(list(found.variables))}) were imputed {found.imputations} "
        f"times by chained equations{cite('buuren')}, from linear models of numbers and "
        "multinomial ones of levels, whose parameters were drawn from pooled sums; predictors "
        "were the arm, the other covariates, binary outcomes, and event and cumulative hazard of "
        f"each endpoint{cite('white')}. The propensity model was fitted and all patients were "
        f"weighted in each completed data set, and estimates were pooled by Rubin's rules"
        f"{cite('rubin')} with Barnard and Rubin's degrees of freedom{cite('barnard')}."
    ]


def _outcomes(results: Results, cite: Cited) -> list[str]:
    said = []
    main = main_population(results)
    if results.survival:
        said.append(
            f"Survival was estimated by Kaplan and Meier's method{cite('kaplan')} with log-log "
            f"intervals, arms were compared by the log-rank test{cite('mantel')} and by Cox "
            f"regression{cite('cox')} with Efron's ties{cite('efron')}, plain and stratified by "
            "hospital. Hazard ratios are of treated against comparator; in matched populations a "
            "pair-robust variance is given beside the model's. Follow-up is the reverse "
            f"Kaplan-Meier median{cite('schemper')}."
        )
    if results.survival and weighted_populations(results):
        said.append(
            f"In weighted populations the log-rank test is Xie and Liu's{cite('xie')}, and hazard "
            f"ratios, survival differences and mean times have robust errors{cite('lin')}."
        )
    times = dict.fromkeys(p.time for found in results.survival for p in found.landmarks.treated)
    if times:
        at = list_of([moment(time, results.study.time_unit) for time in times])
        said.append(
            f"Survival at {at} was compared on the log(-log) scale{cite('klein')}, and its "
            "difference is given with Greenwood's variance."
        )
    if any(found.mean_time for found in results.survival):
        said.append(f"Restricted mean times{cite('royston')} were compared up to the horizon.")
    if any(found.proportional_hazards for found in results.survival):
        said.append(
            f"Proportional hazards were tested by scaled residuals{cite('grambsch')}; E-values "
            f"say how strong unmeasured confounding would have to be{cite('vanderweele')}."
        )
    if results.binary:
        said.append(
            "Outcomes without a time were compared by Pearson's χ² test and Fisher's exact test."
        )
    if any(effective(results, one.population) for one in results.binary):
        said.append(
            "In weighted populations weighted shares were compared by their difference with a "
            f"robust error{cite('lunceford')}."
        )
    if main is not None:
        said.append(f"The main analysis is in “{main.label}” (estimand: {main.estimand}).")
    return [" ".join(said)] if said else []


def _competing(results: Results, cite: Cited) -> list[str]:
    if not results.competing:
        return []
    labels = dict.fromkeys(one.label for one in results.competing)
    return [
        f"Causes that compete with {list_of(list(labels))} were told apart: cumulative incidences "
        f"are Aalen and Johansen's{cite('aalen')}, compared by Gray's test{cite('gray')}; hazard "
        "ratios are cause-specific, with other causes as censorings, and of the subdistribution by "
        f"Fine and Gray's regression{cite('fine')}."
    ]


def software() -> str:
    """Name the installed version of the software."""
    try:
        return version("riskset")
    except PackageNotFoundError:  # run from a folder of sources
        return "(not installed)"


def conventions_section(edition: tuple[str, ...] = ()) -> Section:
    """Say how numbers on the page are defined; a published edition has no fuller ones."""
    terms = (*_CONVENTIONS, ROUNDED if edition else UNROUNDED)
    return Section("conventions", "How the numbers are defined", (Terms(terms),))


UNROUNDED = (
    "Rounding",
    "Only on this page: results.json and the CSV tables hold every number in full.",
)
ROUNDED = (
    "Rounding",
    "Estimates have three significant digits everywhere in this edition, its tables too.",
)


_CONVENTIONS = (
    ("Pairs of numbers", "The treated arm first, the comparator second (“36 % v 21 %”)."),
    (
        "P values",
        "Two-sided, never adjusted for multiplicity; three decimals below 0.2, two above. The P "
        "value beside a curve is the log-rank test's, that of a ratio's row is named in its table.",
    ),
    (
        "Intervals",
        "95 %. Survival: log-log; differences of survival and mean time: plain; hazard, risk and "
        "odds ratios: on the logarithm. A limit or median that the data do not reach is “not "
        "reached”.",
    ),
    (
        "ESS",
        "Effective sample size of weighted patients, (Σw)²/Σw²: so many who count alike would tell "
        "a mean as precisely.",
    ),
    (
        "At risk",
        "Patients whose time is at least t: those at risk just before t, as in R's survival.",
    ),
    (
        "Ties",
        "Efron's correction for Cox regression; the hypergeometric variance for the log-rank test.",
    ),
    (
        "SMD",
        "Difference of means, treated less comparator, over sqrt((s₁² + s₀²)/2) of all patients "
        "with complete covariates, unweighted; "
        "q(1 − q) is the variance of a share q.",
    ),
)


def reproducibility_section(results: Results, edition: tuple[str, ...] = ()) -> Section:
    """Name everything that a second run has to agree with, and the commands for it."""
    study = results.study
    terms = (
        ("Plan", study.plan_handle),
        ("Plan digest (SHA-256)", study.plan_digest),
        ("Roster digest", study.roster_digest),
        ("Run", study.run_id),
        *_runs(results),
        ("Chain of results", study.chain),
        ("Program", f"version {study.program}, riskset {software()}"),
        ("Results", results.schema),
        ("Hospitals", list_of(list(study.hospitals))),
    )
    again = (
        "riskset plan check PLAN shows the plan's name: it is the plan above only if the words and "
        "digits agree.",
        "riskset simulate PLAN --sites EXTRACTS --out NEW repeats the study over the same "
        "extracts; it draws who fills a quota anew, unless the same --seed is given.",
        "publication.json and the CSV tables hold what this edition shows, and no more."
        if edition
        else "results.json holds every number of this page at full precision, and its schema is "
        "documented; the CSV tables hold the same, one estimate a row.",
        *(_FOR_READERS if edition else ()),
        "riskset verify and riskset recompute, given the consortium's bundle of this run, prove "
        "its signatures and sums and work every number out again.",
    )
    blocks: list[Block] = [Terms(terms, code=True), Items(again)]
    return Section("reproducibility", "Reproducibility", tuple(blocks))


_FOR_READERS = (
    "riskset verify, given reader.zip of this run, checks who took part, who approved, what was "
    "asked and that these pages are the coordinating centre's; the sums are withheld there.",
)


def _runs(results: Results) -> tuple[tuple[str, str], ...]:
    """Say how often hospitals were asked the plan, as they signed at the end of this run."""
    if not results.runs:
        return ()
    others = [run for run in results.runs if run != results.study.run_id]
    told = f"{len(others) + 1}, beside this one {', '.join(others)}" if others else "this one alone"
    return (("Runs of this plan, as hospitals signed", told),)
