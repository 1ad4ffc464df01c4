"""Standard errors, tests, intervals and summaries of maximum-likelihood estimates; no data are read here."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy
import scipy.linalg
import scipy.special

from microgrid._public import public
from microgrid.errors import DataError
from microgrid.util.tables import table

__all__ = ["CovarianceType", "Evidence", "Inference", "Summary"]

CovarianceType = Literal["nonrobust", "HC0", "HC1"]


def _covariance(information: Any, outer: Any, count: float, cov_type: str) -> Any:
    """The inverse of the information H; or H⁻¹ G H⁻¹ with the outer products G; or that times n / (n - parameters)."""
    if cov_type not in get_args(CovarianceType):
        raise DataError(f"cov_type is 'nonrobust', 'HC0' or 'HC1', not {cov_type!r}")
    scale = numpy.sqrt(numpy.maximum(numpy.diag(information), 0.0))
    try:
        if not (scale > 0.0).all() or not numpy.isfinite(information).all():
            raise numpy.linalg.LinAlgError
        factor = scipy.linalg.cho_factor(information / numpy.outer(scale, scale), lower=True)
        if numpy.square(numpy.diag(factor[0])).min() < 1e-13:  # the digits left of a column's own part
            raise numpy.linalg.LinAlgError
    except numpy.linalg.LinAlgError:
        raise DataError(
            "the information matrix is singular, so there are no standard errors: columns are collinear, parameters "
            "do the same, or the classes are separated; drop one, or fit with bias_reduction='firth' or alpha > 0"
        ) from None
    inverse = scipy.linalg.cho_solve(factor, numpy.eye(len(scale))) / numpy.outer(scale, scale)
    if cov_type == "nonrobust":
        return inverse
    robust = inverse @ outer @ inverse
    if cov_type == "HC0":
        return robust
    if count <= len(scale):
        raise DataError(f"HC1 needs more rows than parameters, and there are {count:g} and {len(scale)}: take HC0")
    return robust * (count / (count - len(scale)))


@public("microgrid.learn")
@dataclass(frozen=True)
class Inference:
    """What can be said of estimates: their errors, tests and intervals.

    Parameters
    ----------
    names : tuple of str
        The parameters.
    estimates : array of shape (parameters,)
        Their values.
    covariance : array of shape (parameters, parameters)
        Of the estimates.
    cov_type : {"nonrobust", "HC0", "HC1"}
        How the covariance was computed.
    count : float
        The sum of the rows' weights.
    log_likelihood : float
        At the estimates.
    null_log_likelihood : float
        Of the model with an intercept alone; nan where there is none.
    null_parameters : int
        The parameters of that model.
    title : str
        Of the summary.
    """

    names: tuple[str, ...]
    estimates: Any
    covariance: Any
    cov_type: str
    count: float
    log_likelihood: float
    null_log_likelihood: float = math.nan
    null_parameters: int = 0
    title: str = ""

    @property
    def standard_errors(self) -> Any:
        """The square roots of the covariance's diagonal."""
        return numpy.sqrt(numpy.diag(self.covariance))

    @property
    def z(self) -> Any:
        """The estimates divided by their standard errors."""
        return self.estimates / self.standard_errors

    @property
    def p_values(self) -> Any:
        """Two-sided, of a normal distribution."""
        return 2.0 * scipy.special.ndtr(-numpy.abs(self.z))

    def interval(self, level: float = 0.95) -> Any:
        """Wald's confidence intervals.

        Parameters
        ----------
        level : float, default 0.95
            The confidence, between 0 and 1.

        Returns
        -------
        array of shape (parameters, 2)

        Raises
        ------
        DataError
            If the level is not between 0 and 1.
        """
        if not 0.0 < level < 1.0:
            raise DataError(f"a confidence level is between 0 and 1, such as 0.95, not {level!r}")
        half = scipy.special.ndtri(0.5 + level / 2.0) * self.standard_errors
        return numpy.stack([self.estimates - half, self.estimates + half], axis=1)

    @property
    def odds_ratios(self) -> Any:
        """The exponentials of the estimates."""
        return numpy.exp(self.estimates)

    @property
    def likelihood_ratio(self) -> float:
        """Twice the gain in log-likelihood over the model with an intercept alone."""
        return 2.0 * (self.log_likelihood - self.null_log_likelihood)

    @property
    def likelihood_ratio_p_value(self) -> float:
        """Of the chi-squared distribution with as many degrees of freedom as parameters were added; nan for none."""
        degrees = len(self.names) - self.null_parameters
        return float(scipy.special.chdtrc(degrees, max(self.likelihood_ratio, 0.0))) if degrees > 0 else math.nan

    @property
    def pseudo_r_squared(self) -> float:
        """McFadden's: 1 less the ratio of the log-likelihoods."""
        return 1.0 - self.log_likelihood / self.null_log_likelihood

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return 2.0 * len(self.names) - 2.0 * self.log_likelihood

    @property
    def bic(self) -> float:
        """The Bayesian criterion."""
        return math.log(self.count) * len(self.names) - 2.0 * self.log_likelihood

    def summary(self, level: float = 0.95) -> Summary:
        """All of it as tables: text when printed, HTML in a notebook, and LaTeX.

        Parameters
        ----------
        level : float, default 0.95
            The confidence of the intervals.
        """
        low, high = f"{50 * (1 - level):.4g}%", f"{50 * (1 + level):.4g}%"
        columns = self.estimates, self.standard_errors, self.z, self.p_values, *self.interval(level).T, self.odds_ratios
        head = ("", "coef", "std err", "z", "p", low, high, "odds ratio")
        rows = [(name, *[f"{column[k]:.6g}" for column in columns]) for k, name in enumerate(self.names)]
        numbers = [("log-likelihood", self.log_likelihood), ("AIC", self.aic), ("BIC", self.bic)]
        if not math.isnan(self.null_log_likelihood):
            numbers += [
                ("log-likelihood of the null", self.null_log_likelihood),
                ("likelihood ratio", self.likelihood_ratio),
                ("its p-value", self.likelihood_ratio_p_value),
                ("pseudo R²", self.pseudo_r_squared),
            ]
        facts = [("rows", f"{self.count:,.10g}"), ("covariance", self.cov_type)]
        facts += [(name, f"{number:.6g}") for name, number in numbers]
        return Summary(self.title, tuple(facts), head, tuple(rows))


@dataclass(frozen=True)
class Evidence:
    """What inference takes from the rows; the last four are as ``Inference`` has them."""

    information: Any  # the Hessian of the sum of losses
    outer: Any  # the sum of the outer products of the rows' gradients
    count: float
    log_likelihood: float
    null_log_likelihood: float
    null_parameters: int

    def infer(self, names: Sequence[str], estimates: Any, cov_type: str, title: str) -> Inference:
        """What can be said of the last parameters, as many as there are names."""
        kept = slice(len(self.information) - len(names), None)
        covariance = _covariance(self.information[kept, kept], self.outer[kept, kept], self.count, cov_type)
        null = self.null_log_likelihood, self.null_parameters
        return Inference(
            tuple(names), estimates[kept], covariance, cov_type, self.count, self.log_likelihood, *null, title
        )


@public("microgrid.learn")
@dataclass(frozen=True)
class Summary:
    """A summary's tables: ``str`` gives text, ``html`` and ``latex`` the others; notebooks show the HTML.

    Parameters
    ----------
    title : str
        What was fitted.
    facts : tuple of pairs of str
        Names and values.
    head : tuple of str
        The columns' names.
    rows : tuple of tuple of str
        One for each parameter.
    """

    title: str
    facts: tuple[tuple[str, str], ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self.facts)
        facts = "\n".join([f"  {name:<{width}}  {value}" for name, value in self.facts])
        return f"{self.title}\n{facts}\n\n{table(self.head, self.rows, '<' + '>' * (len(self.head) - 1))}"

    def html(self) -> str:
        """Two tables."""

        def line(cells: Sequence[str], tag: str = "td") -> str:
            return "<tr>" + "".join([f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells]) + "</tr>"

        facts = "".join([line(pair) for pair in self.facts])
        rows = "".join([line(row) for row in self.rows])
        caption = f"<caption>{html.escape(self.title)}</caption>"
        return f"<table>{caption}{facts}</table><table>{line(self.head, 'th')}{rows}</table>"

    def latex(self) -> str:
        """Two tabulars, which need no package."""

        def tabular(rows: Sequence[Sequence[str]], columns: str) -> str:
            lines = [" & ".join([_escaped(cell) for cell in row]) + r" \\" for row in rows]
            return "\n".join([rf"\begin{{tabular}}{{{columns}}}", r"\hline", *lines, r"\hline", r"\end{tabular}"])

        facts = tabular(self.facts, "lr")
        return (
            f"{_escaped(self.title)}\n\n{facts}\n\n{tabular([self.head, *self.rows], 'l' + 'r' * (len(self.head) - 1))}"
        )

    def _repr_html_(self) -> str:
        return self.html()


_LATEX = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "²": "$^2$",
}


def _escaped(text: str) -> str:
    return "".join([_LATEX.get(letter, letter) for letter in text])
