"""The literature that the methods cite, numbered in the order of first citation."""

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
    "li": "Li F, Morgan KL, Zaslavsky AM. Balancing covariates via propensity score weighting. J "
    "Am Stat Assoc 2018;113:390-400.",
    "lin": "Lin DY, Wei LJ. The robust inference for the Cox proportional hazards model. J Am "
    "Stat Assoc 1989;84:1074-1078.",
    "xie": "Xie J, Liu C. Adjusted Kaplan-Meier estimator and log-rank test with inverse "
    "probability of treatment weighting for survival data. Stat Med 2005;24:3089-3110.",
    "lunceford": "Lunceford JK, Davidian M. Stratification and weighting via the propensity score "
    "in estimation of causal treatment effects: a comparative study. Stat Med 2004;23:2937-2960.",
    "reifeis": "Reifeis SA, Hudgens MG. On variance of the treatment effect in the treated when "
    "estimated by inverse probability weighting. Am J Epidemiol 2022;191:1092-1097.",
    "aalen": "Aalen OO, Johansen S. An empirical transition matrix for non-homogeneous Markov "
    "chains based on censored observations. Scand J Stat 1978;5:141-150.",
    "gray": "Gray RJ. A class of K-sample tests for comparing the cumulative incidence of a "
    "competing risk. Ann Stat 1988;16:1141-1154.",
    "fine": "Fine JP, Gray RJ. A proportional hazards model for the subdistribution of a competing "
    "risk. J Am Stat Assoc 1999;94:496-509.",
    "cochran": "Cochran WG. The effectiveness of adjustment by subclassification in removing bias "
    "in observational studies. Biometrics 1968;24:295-313.",
    "strata": "Rosenbaum PR, Rubin DB. Reducing bias in observational studies using "
    "subclassification on the propensity score. J Am Stat Assoc 1984;79:516-524.",
    "common-odds": "Mantel N, Haenszel W. Statistical aspects of the analysis of data from "
    "retrospective studies of disease. J Natl Cancer Inst 1959;22:719-748.",
    "robins": "Robins J, Breslow N, Greenland S. Estimators of the Mantel-Haenszel variance "
    "consistent in both sparse data and large-strata limiting models. Biometrics 1986;42:311-323.",
    "dersimonian": "DerSimonian R, Laird N. Meta-analysis in clinical trials. Control Clin Trials "
    "1986;7:177-188.",
    "higgins": "Higgins JPT, Thompson SG. Quantifying heterogeneity in a meta-analysis. Stat Med "
    "2002;21:1539-1558.",
    "harrington": "Harrington DP, Fleming TR. A class of rank test procedures for censored "
    "survival data. Biometrika 1982;69:553-566.",
    "peto": "Peto R, Peto J. Asymptotically efficient rank invariant test procedures. J R Stat Soc "
    "A 1972;135:185-207.",
    "gehan": "Gehan EA. A generalized Wilcoxon test for comparing arbitrarily singly-censored "
    "samples. Biometrika 1965;52:203-223.",
    "tarone": "Tarone RE, Ware J. On distribution-free tests for equality of survival "
    "distributions. Biometrika 1977;64:156-160.",
    "wilson": "Wilson EB. Probable inference, the law of succession, and statistical inference. J "
    "Am Stat Assoc 1927;22:209-212.",
    "rubin": "Rubin DB. Multiple imputation for nonresponse in surveys. New York: Wiley; 1987.",
    "barnard": "Barnard J, Rubin DB. Small-sample degrees of freedom with multiple imputation. "
    "Biometrika 1999;86:948-955.",
    "white": "White IR, Royston P. Imputing missing covariate values for the Cox model. Stat Med "
    "2009;28:1982-1998.",
    "buuren": "van Buuren S, Groothuis-Oudshoorn K. mice: multivariate imputation by chained "
    "equations in R. J Stat Softw 2011;45(3):1-67.",
}


class Cited:
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
