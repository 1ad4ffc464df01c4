"""Gradients of released packages, as they are and with planted mistakes, each put to the checker.

``python -m benchmarks.released`` asks the checker of gradients by hand in statsmodels, scikit-learn, SciPy and ASE, as
far as these are installed, and of the same with a mistake planted in one coordinate: a sign, a factor 2 or 3 %. A right
one must be found right. Where one is planted, the verdict must be wrong and the coordinate named. What is wrong, or
cannot be told, as it was released is printed as found.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any

from microgrid.checking import Report, Verdict, check_gradients
from microgrid.util.tables import table

__all__ = ["PACKAGES", "Pair", "main", "planted"]


@dataclass(frozen=True, slots=True)
class Pair:
    """A function with its gradient, as a package has them.

    Parameters
    ----------
    name : str
        What it is.
    f, gradient : callable
        Of one array.
    at : array of float
        The point.
    tol : float
        The relative error that the package's own exactness allows to be told.
    """

    name: str
    f: Callable[[Any], float]
    gradient: Callable[[Any], Any]
    at: Any
    tol: float = 1e-6

    def check(self, gradient: Callable[[Any], Any]) -> Report:
        """The report on a gradient of the function."""
        import numpy

        def f(x: Any) -> float:
            return float(self.f(numpy.asarray(x, dtype=float)))  # of floats alone: Values have no float()

        return check_gradients(f, (self.at,), closed_form=lambda x: (gradient(x),), tol=self.tol)


def planted(pair: Pair, source: random.Random) -> tuple[int, Callable[[Any], Any]]:
    """A mistake in one of the coordinates that matter: which one, and the gradient with it."""
    import numpy

    slopes = numpy.ravel(pair.gradient(pair.at))
    place = source.choice(numpy.flatnonzero(abs(slopes) > 1e-3 * abs(slopes).max()).tolist())
    factor = source.choice((-1.0, 2.0, 1.03))

    def wrong(x: Any) -> Any:
        result = numpy.array(pair.gradient(x), dtype=float)
        result.ravel()[place] *= factor
        return result

    return place, wrong


def _of_one(name: str, f: Callable[[Any], Any], slope: Callable[[Any], Any], at: float) -> Pair:
    """A function of one number and its derivative."""
    import numpy

    return Pair(name, lambda x: float(f(x[0])), lambda x: numpy.array([slope(x[0])]), numpy.array([at]))


# ---- the packages -----------------------------------------------------------------------------------------------


def _statsmodels() -> Iterator[Pair]:
    import numpy
    import statsmodels.api as sm  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from statsmodels.discrete import count_model  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from statsmodels.miscmodels.ordinal_model import (  # type: ignore[import-not-found, import-untyped, unused-ignore]
        OrderedModel,
    )

    rng = numpy.random.default_rng(0)
    x = sm.add_constant(rng.standard_normal((60, 3)))
    beta = numpy.array([0.3, -0.5, 0.8, 0.2])
    binary = (rng.random(60) < 1.0 / (1.0 + numpy.exp(-x @ beta))).astype(float)
    counts = rng.poisson(numpy.exp(0.4 * x @ beta))
    models = {
        "Logit": sm.Logit(binary, x),
        "Probit": sm.Probit(binary, x),
        "Poisson": sm.Poisson(counts, x),
        "GeneralizedPoisson": sm.GeneralizedPoisson(counts, x),
        "NegativeBinomial": sm.NegativeBinomial(counts, x),
        "NegativeBinomialP": sm.NegativeBinomialP(counts, x),
        "ZeroInflatedPoisson": count_model.ZeroInflatedPoisson(counts, x),
        "MNLogit": sm.MNLogit(rng.integers(0, 3, 60), x),
        "PHReg": sm.PHReg(rng.exponential(size=60), x[:, 1:]),
        "OrderedModel": OrderedModel(rng.integers(0, 3, 60), x[:, 1:], distr="logit"),
    }
    families = sm.families
    glms = {
        "GLM Gaussian": (rng.standard_normal(60), families.Gaussian()),
        "GLM Binomial": (binary, families.Binomial()),
        "GLM Binomial cloglog": (binary, families.Binomial(families.links.CLogLog())),
        "GLM Poisson": (counts, families.Poisson()),
        "GLM Gamma log": (rng.gamma(2.0, size=60), families.Gamma(families.links.Log())),
        "GLM InverseGaussian log": (rng.wald(1.0, 2.0, 60), families.InverseGaussian(families.links.Log())),
        "GLM Tweedie log": (rng.gamma(2.0, size=60), families.Tweedie(families.links.Log(), var_power=1.5, eql=True)),
    }
    models |= {name: sm.GLM(y, x, family=family) for name, (y, family) in glms.items()}
    sizes = {"GeneralizedPoisson": 5, "NegativeBinomial": 5, "NegativeBinomialP": 5, "ZeroInflatedPoisson": 5}
    sizes |= {"MNLogit": 8, "PHReg": 3, "OrderedModel": 5}
    for name, model in models.items():
        at = 0.3 * rng.standard_normal(sizes.get(name, 4)) + 0.1
        if name in ("GeneralizedPoisson", "NegativeBinomial", "NegativeBinomialP"):
            at[-1] = 0.7
        options = {"scale": 1.0} if name.startswith("GLM") else {}
        yield Pair(f"{name}: loglike, score", partial(model.loglike, **options), partial(model.score, **options), at)
    for link in ("Logit", "Probit", "CLogLog", "LogLog", "Cauchy"):
        one = getattr(families.links, link)()
        yield _of_one(f"link {link}: deriv", one, one.deriv, 0.3)
        yield _of_one(f"link {link}: inverse_deriv", one.inverse, one.inverse_deriv, 0.4)


def _sklearn() -> Iterator[Pair]:
    import numpy
    from sklearn._loss import loss as losses  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels  # type: ignore[import-untyped, unused-ignore]
    from sklearn.linear_model._linear_loss import LinearModelLoss  # type: ignore[import-untyped, unused-ignore]

    rng = numpy.random.default_rng(1)
    x, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    positive, binary = numpy.exp(y), (y > 0).astype(float)
    kinds = {
        "HalfSquaredError": (losses.HalfSquaredError(), y),
        "HalfBinomialLoss": (losses.HalfBinomialLoss(), binary),
        "HalfPoissonLoss": (losses.HalfPoissonLoss(), positive),
        "HalfGammaLoss": (losses.HalfGammaLoss(), positive),
        "HalfTweedieLoss": (losses.HalfTweedieLoss(power=1.5), positive),
        "HuberLoss": (losses.HuberLoss(quantile=0.7, delta=0.8), y),
        "PinballLoss": (losses.PinballLoss(quantile=0.3), y),
        "ExponentialLoss": (losses.ExponentialLoss(), binary),
    }
    for name, (kind, target) in kinds.items():
        linear = LinearModelLoss(base_loss=kind, fit_intercept=True)
        given = {"X": x, "y": target, "l2_reg_strength": 0.1}
        at = numpy.array([0.2, -0.4, 0.3, 0.1])
        yield Pair(f"{name} of a linear model", partial(linear.loss, **given), partial(linear.gradient, **given), at)
    shapes = {
        "RBF": kernels.RBF(1.3),
        "Matern 3/2": kernels.Matern(0.8, nu=1.5),
        "Matern 5/2": kernels.Matern(0.8, nu=2.5),
        "RationalQuadratic": kernels.RationalQuadratic(1.1, 0.7),
        "DotProduct": kernels.DotProduct(0.9),
        "RBF sum": kernels.ConstantKernel(1.4) * kernels.RBF(0.9) + kernels.DotProduct(0.6),
    }
    for name, kernel in shapes.items():
        process = GaussianProcessRegressor(kernel + kernels.WhiteKernel(0.3), optimizer=None).fit(x, y)
        yield _of_process(f"Gaussian process, {name}: likelihood", process)


def _of_process(name: str, process: Any) -> Pair:
    """A Gaussian process's marginal likelihood over its kernel's parameters."""

    def gradient(theta: Any) -> Any:
        return process.log_marginal_likelihood(theta, eval_gradient=True)[1]

    return Pair(name, process.log_marginal_likelihood, gradient, process.kernel_.theta + 0.05)


def _scipy() -> Iterator[Pair]:
    import numpy
    from scipy import optimize, special  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from scipy.interpolate import CubicSpline, PchipInterpolator  # type: ignore[import-untyped, unused-ignore]

    yield Pair("rosen, rosen_der", optimize.rosen, optimize.rosen_der, numpy.array([1.3, 0.7, 0.8, 1.9, 1.2]))
    for name, order in (("jv", 2.5), ("yv", 1.5), ("iv", 0.5), ("kv", 1.5)):
        f, slope = getattr(special, name), getattr(special, name + "p")
        yield _of_one(f"{name}, {name}p", partial(f, order), partial(slope, order), 2.2)
    pairs: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any], float]] = {
        "gammaln, digamma": (special.gammaln, special.digamma, 2.3),
        "digamma, polygamma 1": (special.digamma, lambda x: special.polygamma(1, x), 0.4),
        "ndtr, density": (special.ndtr, lambda x: numpy.exp(-0.5 * x * x) / numpy.sqrt(2.0 * numpy.pi), 0.7),
        "erf": (special.erf, lambda x: 2.0 / numpy.sqrt(numpy.pi) * numpy.exp(-x * x), 0.3),
        "airy Ai, Ai'": (lambda x: special.airy(x)[0], lambda x: special.airy(x)[1], -3.1),
        "airy Bi, Bi'": (lambda x: special.airy(x)[2], lambda x: special.airy(x)[3], 1.2),
        "legendre_p": (lambda x: special.eval_legendre(4, x), lambda x: special.legendre(4).deriv()(x), 0.3),
        "expit": (special.expit, lambda x: special.expit(x) * special.expit(-x), 1.4),
        "log_expit": (special.log_expit, lambda x: special.expit(-x), -2.0),
    }
    for name, (f, slope, at) in pairs.items():
        yield _of_one(name, f, slope, at)
    knots = numpy.linspace(0.0, 3.0, 9)
    for kind in (CubicSpline, PchipInterpolator):
        spline = kind(knots, numpy.sin(2.0 * knots))
        yield _of_one(f"{kind.__name__}: derivative", spline, spline.derivative(), 1.3)


def _ase() -> Iterator[Pair]:
    import numpy
    from ase.build import bulk, molecule  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from ase.calculators.emt import EMT  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from ase.calculators.lj import LennardJones  # type: ignore[import-not-found, import-untyped, unused-ignore]
    from ase.calculators.morse import MorsePotential  # type: ignore[import-not-found, import-untyped, unused-ignore]

    rng = numpy.random.default_rng(2)
    systems = {
        "EMT, copper": (bulk("Cu", cubic=True), EMT),
        "EMT, water": (molecule("H2O"), EMT),
        "LennardJones, argon": (
            bulk("Ar", cubic=True),
            lambda: LennardJones(sigma=3.4, epsilon=0.01, rc=8.0, smooth=True),
        ),
        "MorsePotential, nitrogen": (molecule("N2"), lambda: MorsePotential(r0=1.1, epsilon=5.0, rho0=3.0)),
    }
    for name, (atoms, calculator) in systems.items():
        atoms.rattle(0.05, rng=rng)
        atoms.calc = calculator()

        def energy(x: Any, atoms: Any = atoms) -> float:
            atoms.set_positions(numpy.reshape(x, (-1, 3)))
            return float(atoms.get_potential_energy())

        def gradient(x: Any, atoms: Any = atoms) -> Any:
            atoms.set_positions(numpy.reshape(x, (-1, 3)))
            return -atoms.get_forces().ravel()

        yield Pair(f"{name}: energy, forces", energy, gradient, atoms.get_positions().ravel())


PACKAGES: dict[str, Callable[[], Iterator[Pair]]] = {
    "statsmodels": _statsmodels,
    "scikit-learn": _sklearn,
    "scipy": _scipy,
    "ase": _ase,
}
"""From a package's name to its gradients."""


# ---- the table --------------------------------------------------------------------------------------------------


def _row(package: str, found: list[str]) -> tuple[str, ...]:
    """How many of a package's gradients are right, and how many planted mistakes were found and named."""
    source = random.Random(package)
    right = found_wrong = named = count = 0
    for pair in PACKAGES[package]():
        count += 1
        report = pair.check(pair.gradient)
        right += report.verdict is Verdict.RIGHT
        if report.verdict is not Verdict.RIGHT and report.worst is not None:
            one = report.worst
            found.append(
                f"  {package}, {pair.name}: {report.verdict}: {one.name} is {one.got!r}, {one.expected!r} expected"
            )
        place, wrong = planted(pair, source)
        report = pair.check(wrong)
        names = [one.name for one in report.judgements if one.verdict is Verdict.WRONG]
        found_wrong += report.verdict is Verdict.WRONG
        named += any([name.endswith(f"[{place}]") for name in names])
    return package, version(package), str(count), str(right), str(found_wrong), str(named)


def main() -> None:
    """Check every pair of every package that is installed, and print the table."""
    rows: list[tuple[str, ...]] = []
    found: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of infinities at the far ends of a difference: the verdict is what counts
        for package in PACKAGES:
            try:
                rows.append(_row(package, found))
            except ImportError as error:
                found.append(f"  {package}: not installed ({error})")
    print("Gradients of released packages")
    print(table(("package", "version", "gradients", "right", "planted found", "coordinate named"), rows, "<<>>>>"))
    print("\n".join(found))


if __name__ == "__main__":
    main()
