"""How a plan makes the arms comparable: the propensity model, and what is done with its score."""

from typing import Literal

from pydantic import Field

from protocol.plan.part import Level, Name, Part, Text, opt_in


class Covariate(Part):
    """A variable in the propensity model, and its form there."""

    variable: Name = Field(description="The variable.")
    form: Literal["linear", "log", "categories", "spline"] = Field(
        default="linear",
        description="'linear' (also for binary), natural 'log', 'categories', or a 'spline'.",
    )
    reference: Level | None = Field(
        default=None, description="The level that the others are compared with; default the first."
    )
    knots: tuple[float, ...] = Field(
        default=(), description="The fixed knots of a restricted cubic spline, three at least."
    )


class Propensity(Part):
    """The model of who is treated."""

    covariates: tuple[Covariate, ...] = Field(
        min_length=1, description="The covariates of the logistic model."
    )
    penalty: Literal["none", "ridge", "firth"] = Field(
        default="none",
        description="A penalty from the start: 'none' fits by maximum likelihood, 'firth' takes "
        "off the bias of small samples, 'ridge' shrinks standardised coefficients.",
    )
    fallback: Literal["stop", "ridge", "firth"] = Field(
        default="stop",
        description="What to do if the covariates separate the arms: 'stop' with the reason, or "
        "fit with a 'ridge' or 'firth' penalty.",
    )
    ridge_prior_sd: float = Field(
        default=2.5,
        gt=0,
        le=100,
        description="Prior standard deviation of a standardised coefficient under 'ridge'.",
    )


class Design(Part):
    """A way to make the arms comparable."""

    name: Name = Field(description="The name of the matched population.")
    label: Text = Field(default="matched", description="How the report calls the population.")
    method: Literal["pooled-quota", "within-hospital"] = Field(
        description="'pooled-quota' pairs patients across hospitals by quotas of score bins; "
        "'within-hospital' lets each hospital match its own patients."
    )
    ratio: int = Field(default=1, ge=1, le=5, description="Comparators per treated patient.")
    caliper_sd: float = Field(
        default=0.2,
        gt=0,
        le=2,
        description="The largest distance of a pair, in standard deviations of the logit score.",
    )
    exact: tuple[Name, ...] = Field(
        default=(), description="Variables with levels on which pairs have to agree."
    )
    lottery_keys: int = Field(
        default=20,
        ge=1,
        le=100,
        description="Lotteries drawn by 'pooled-quota'; the best balanced is kept, before any "
        "outcome is seen.",
    )
    caliper: Literal["strict", "none"] = opt_in(
        "strict",
        "'strict' lets no pair be farther apart than `caliper_sd`; 'none' takes the "
        "nearest partner however far, and `caliper_sd` only says how wide score bins are.",
    )
    pairs: bool = opt_in(
        False,
        "Whether to look within pairs: McNemar's test, Rosenbaum's bounds, tests and "
        "hazard ratios of pairs, an error that lets them be alike; by cell across hospitals.",
    )


Target = Literal[
    "overlap", "treated", "comparator", "everybody", "everybody-stabilised", "matchable"
]


class Weighting(Part):
    """A way to make the arms comparable by weighing patients with their propensity score."""

    name: Name = Field(description="The name of the weighted population.")
    label: Text = Field(default="weighted", description="How the report calls the population.")
    target: Target = Field(
        description="Whom the weighted arms resemble: patients who could have had either arm "
        "('overlap'), the 'treated', the 'comparator', 'everybody' (also 'stabilised'), or those "
        "whom a one-to-one match would take ('matchable')."
    )
    trim: float | None = opt_in(
        None,
        "Patients whose propensity is below this, or above 1 less this, are left out.",
        gt=0,
        lt=0.5,
    )
    truncate: float | None = opt_in(None, "A larger weight counts as this weight.", gt=0)
    fine_strata: int | None = opt_in(
        None,
        "Weigh by the share of treated in so many fine strata of the score, which says "
        "less of single patients and rests less on the model; fifty are usual.",
        ge=2,
        le=100,
    )


class Stratification(Part):
    """A way to make the arms comparable by comparing them within strata of the propensity."""

    label: Text = Field(
        default="stratified by propensity", description="How the report calls the comparison."
    )
    strata: int = Field(
        default=5, ge=2, le=10, description="Strata of about equal size; five are usual."
    )


class Imputation(Part):
    """Missing covariates are drawn from pooled models, several times."""

    imputations: int = Field(
        default=10, ge=2, le=50, description="Completed data sets; twenty if a fifth is missing."
    )
    cycles: int = Field(
        default=5,
        ge=1,
        le=20,
        description="Sweeps over the covariates with missing values, each a trip for each of "
        "them; ten if more than a third of a covariate is missing.",
    )
