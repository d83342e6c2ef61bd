"""Methods ready to paste, with this study's numbers and the literature, and how to repeat it."""

from importlib.metadata import PackageNotFoundError, version

from coordinator.report.blocks import Block, Items, Section, Terms, Text
from coordinator.report.choice import main_population
from coordinator.report.wording import count, decimal, list_of, moment
from protocol.results.model import MatchedDesign, Results

REFERENCES = {
    "rosenbaum": "Rosenbaum PR, Rubin DB. The central role of the propensity score in "
    "observational studies for causal effects. Biometrika 1983;70:41-55.",
    "austin-caliper": "Austin PC. Optimal caliper widths for propensity-score matching when "
    "estimating differences in means and differences in proportions in observational studies. "
    "Pharm Stat 2011;10:150-161.",
    "austin-balance": "Austin PC. Balance diagnostics for comparing the distribution of baseline "
    "covariates between treatment groups in propensity-score matched samples. Stat Med "
    "2009;28:3083-3107.",
    "kaplan": "Kaplan EL, Meier P. Nonparametric estimation from incomplete observations. J Am "
    "Stat Assoc 1958;53:457-481.",
    "mantel": "Mantel N. Evaluation of survival data and two new rank order statistics arising in "
    "its consideration. Cancer Chemother Rep 1966;50:163-170.",
    "cox": "Cox DR. Regression models and life-tables. J R Stat Soc B 1972;34:187-220.",
    "efron": "Efron B. The efficiency of Cox's likelihood function for censored data. J Am Stat "
    "Assoc 1977;72:557-565.",
    "klein": "Klein JP, Logan B, Harhoff M, Andersen PK. Analyzing survival curves at a fixed "
    "point in time. Stat Med 2007;26:4505-4519.",
    "schemper": "Schemper M, Smith TL. A note on quantifying follow-up in studies of failure "
    "time. Control Clin Trials 1996;17:343-346.",
    "royston": "Royston P, Parmar MKB. Restricted mean survival time: an alternative to the "
    "hazard ratio for the design and analysis of randomized trials with a time-to-event outcome. "
    "BMC Med Res Methodol 2013;13:152.",
    "grambsch": "Grambsch PM, Therneau TM. Proportional hazards tests and diagnostics based on "
    "weighted residuals. Biometrika 1994;81:515-526.",
    "vanderweele": "VanderWeele TJ, Ding P. Sensitivity analysis in observational research: "
    "introducing the E-value. Ann Intern Med 2017;167:268-274.",
    "bonawitz": "Bonawitz K, Ivanov V, Kreuter B, et al. Practical secure aggregation for "
    "privacy-preserving machine learning. Proc ACM CCS 2017:1175-1191.",
}


class _Cited:
    """Numbers references in the order in which the text first cites them."""

    def __init__(self) -> None:
        self._order: list[str] = []

    def __call__(self, *keys: str) -> str:
        """Cite: " [1,2]"."""
        self._order += [key for key in keys if key not in self._order]
        return f" [{','.join(str(self._order.index(key) + 1) for key in keys)}]"

    @property
    def listed(self) -> tuple[str, ...]:
        """The references cited, in order."""
        return tuple(REFERENCES[key] for key in self._order)


def methods_section(results: Results) -> Section:
    """Write the methods of this very study."""
    cite = _Cited()
    paragraphs = [_federation(results, cite), *_comparability(results, cite)]
    paragraphs += _outcomes(results, cite)
    blocks = (Text(tuple(paragraphs), "quote"), Items(cite.listed, numbered=True))
    return Section("methods", "Methods, ready to paste", blocks)


def _federation(results: Results, cite: _Cited) -> str:
    study, flow = results.study, results.flow
    total = flow.patients.treated + flow.patients.comparator
    hospitals = "1 hospital" if len(study.hospitals) == 1 else f"{len(study.hospitals)} hospitals"
    return (
        f"We compared {study.arms.treated} ({count(flow.patients.treated)} patients) with "
        f"{study.arms.comparator} ({count(flow.patients.comparator)} patients) in a federated "
        f"cohort of {count(total)} patients of {hospitals}. The analysis plan "
        f"({study.plan_handle}) was fixed beforehand. Patients' rows stayed at their hospitals: "
        "each sent counts and sums under pairwise masks that cancel in the total over all "
        f"hospitals (secure aggregation{cite('bonawitz')}), so that every estimate equals the one "
        f"from pooled rows. Computations used riskset {software()} (program version "
        f"{study.program})."
    )


def _comparability(results: Results, cite: _Cited) -> list[str]:
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
    if results.balance:
        said.append(
            "Balance was judged by standardised mean differences over the pooled SD before "
            f"matching{cite('austin-balance')}."
        )
    return [" ".join(said)]


def _design(results: Results, design: MatchedDesign, cite: _Cited) -> str:
    caliper = f"{decimal(design.caliper_sd)} SD of the logit score{cite('austin-caliper')}"
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


def _outcomes(results: Results, cite: _Cited) -> list[str]:
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
    if main is not None:
        said.append(f"The main analysis is in “{main.label}” (estimand: {main.estimand}).")
    return [" ".join(said)] if said else []


def software() -> str:
    """Name the installed version of the software."""
    try:
        return version("riskset")
    except PackageNotFoundError:  # run from a folder of sources
        return "(not installed)"


def conventions_section() -> Section:
    """Say how numbers on the page are defined."""
    return Section("conventions", "How the numbers are defined", (Terms(_CONVENTIONS),))


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
        "At risk",
        "Patients whose time is at least t: those at risk just before t, as in R's survival.",
    ),
    (
        "Ties",
        "Efron's correction for Cox regression; the hypergeometric variance for the log-rank test.",
    ),
    (
        "SMD",
        "Difference of means, treated less comparator, over sqrt((s₁² + s₀²)/2) before matching; "
        "q(1 − q) is the variance of a share q.",
    ),
    (
        "Rounding",
        "Only on this page: results.json and the CSV tables hold every number in full.",
    ),
)


def reproducibility_section(results: Results) -> Section:
    """Name everything that a second run has to agree with, and the commands for it."""
    study = results.study
    terms = (
        ("Plan", study.plan_handle),
        ("Plan digest (SHA-256)", study.plan_digest),
        ("Roster digest", study.roster_digest),
        ("Run", study.run_id),
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
        "results.json holds every number of this page at full precision, and its schema is "
        "documented; the CSV tables hold the same, one estimate a row.",
    )
    blocks: list[Block] = [Terms(terms, code=True), Items(again)]
    return Section("reproducibility", "Reproducibility", tuple(blocks))
