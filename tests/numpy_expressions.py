"""NumPy and SciPy expressions on an array, and the page of the documentation that says which of them work."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.special as sp

from microgrid import OperationError, jacobian

__all__ = ["EXPRESSIONS", "PAGE", "POINTS", "outcome", "page"]

M = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 2.0]])
A = np.array([[1.0, 2.0, -1.0], [0.5, -1.0, 2.0]])

# Where each group is evaluated: most functions anywhere, some above 1, some inside the unit interval.
POINTS = {
    "any": np.array([0.7, -0.3, 1.4]),
    "positive": np.array([0.7, 0.3, 1.4]),
    "above 1": np.array([1.7, 2.3, 1.4]),
    "unit": np.array([0.6, 0.3, 0.45]),
}


def _matrix(x: Any) -> Any:
    """A symmetric, positive definite matrix that depends on x."""
    return M + np.outer(x, x)


_Expression = Callable[[Any], Any]

ELEMENTWISE: dict[str, dict[str, _Expression]] = {
    "any": {
        "np.abs": np.abs,
        "np.absolute": np.absolute,
        "np.fabs": np.fabs,
        "np.negative": np.negative,
        "np.positive": np.positive,
        "np.exp": np.exp,
        "np.exp2": np.exp2,
        "np.expm1": np.expm1,
        "np.sin": np.sin,
        "np.cos": np.cos,
        "np.tan": np.tan,
        "np.arctan": np.arctan,
        "np.sinh": np.sinh,
        "np.cosh": np.cosh,
        "np.tanh": np.tanh,
        "np.arcsinh": np.arcsinh,
        "np.cbrt": np.cbrt,
        "np.square": np.square,
        "np.reciprocal": np.reciprocal,
        "np.conjugate": np.conjugate,
        "np.conj": np.conj,
        "np.real": np.real,
        "np.sinc": np.sinc,
        "np.sign": np.sign,
        "np.floor": np.floor,
        "np.ceil": np.ceil,
        "np.trunc": np.trunc,
        "np.rint": np.rint,
        "np.round": lambda x: np.round(x, 1),
        "np.fix": np.fix,
        "np.deg2rad": np.deg2rad,
        "np.rad2deg": np.rad2deg,
        "np.radians": np.radians,
        "np.degrees": np.degrees,
        "np.add": lambda x: np.add(x, 2.0),
        "np.subtract": lambda x: np.subtract(2.0, x),
        "np.multiply": lambda x: np.multiply(x, x),
        "np.divide": lambda x: np.divide(1.0, x),
        "np.true_divide": lambda x: np.true_divide(x, 3.0),
        "np.power": lambda x: np.power(x, 3),
        "np.maximum": lambda x: np.maximum(x, 0.5),
        "np.minimum": lambda x: np.minimum(0.5, x),
        "np.fmax": lambda x: np.fmax(x, 0.5),
        "np.fmin": lambda x: np.fmin(x, 0.5),
        "np.clip": lambda x: np.clip(x, -0.1, 1.0),
        "np.hypot": lambda x: np.hypot(3.0, x),
        "np.arctan2": lambda x: np.arctan2(1.0, x),
        "np.logaddexp": lambda x: np.logaddexp(0.0, x),
        "np.logaddexp2": lambda x: np.logaddexp2(x, 1.0),
        "np.heaviside": lambda x: np.heaviside(x, 0.5),
        "np.mod": lambda x: np.mod(x, 0.4),
        "np.remainder": lambda x: np.remainder(x, 0.4),
        "np.fmod": lambda x: np.fmod(x, 0.4),
        "np.floor_divide": lambda x: np.floor_divide(x, 0.4),
        "np.divmod": lambda x: np.divmod(x, 0.4)[1],
        "np.copysign": lambda x: np.copysign(x, -1.0),
        "np.where": lambda x: np.where(x > 0, x * x, 0.0),
        "np.select": lambda x: np.select([x > 1, x > 0], [x, x * x], 0.0),
        "np.nan_to_num": np.nan_to_num,
        "np.piecewise": lambda x: np.piecewise(x, [x < 0, x >= 0], [lambda t: -t, lambda t: t * t]),
        "sp.expit": sp.expit,
        "sp.erf": sp.erf,
        "sp.erfc": sp.erfc,
        "sp.erfcx": sp.erfcx,
        "sp.ndtr": sp.ndtr,
        "sp.log_ndtr": sp.log_ndtr,
        "sp.log_expit": sp.log_expit,
        "sp.exprel": sp.exprel,
        "sp.cosm1": sp.cosm1,
        "sp.huber": lambda x: sp.huber(1.0, x),
        "sp.pseudo_huber": lambda x: sp.pseudo_huber(1.0, x),
    },
    "positive": {
        "np.log": np.log,
        "np.log2": np.log2,
        "np.log10": np.log10,
        "np.log1p": np.log1p,
        "np.sqrt": np.sqrt,
        "np.float_power": lambda x: np.float_power(x, 2.5),
        "** with an exponent": lambda x: 2.0**x,
        "x**x": lambda x: np.power(x, x),
        "sp.gammaln": sp.gammaln,
        "sp.gamma": sp.gamma,
        "sp.digamma": sp.digamma,
        "sp.psi": sp.psi,
        "sp.xlogy": lambda x: sp.xlogy(x, x),
        "sp.xlog1py": lambda x: sp.xlog1py(2.0, x),
        "sp.beta": lambda x: sp.beta(x, 2.0),
        "sp.betaln": lambda x: sp.betaln(x, 2.0),
        "sp.entr": sp.entr,
        "sp.rel_entr": lambda x: sp.rel_entr(x, 0.4),
        "sp.kl_div": lambda x: sp.kl_div(x, 0.4),
        "sp.boxcox": lambda x: sp.boxcox(x, 0.3),
        "sp.exp10": sp.exp10,
        "sp.rgamma": sp.rgamma,
    },
    "above 1": {"np.arccosh": np.arccosh},
    "unit": {
        "np.arcsin": np.arcsin,
        "np.arccos": np.arccos,
        "np.arctanh": np.arctanh,
        "sp.logit": sp.logit,
        "sp.erfinv": sp.erfinv,
        "sp.ndtri": sp.ndtri,
    },
}

WHOLE: dict[str, _Expression] = {
    "np.sum": np.sum,
    "np.mean": np.mean,
    "np.average": lambda x: np.average(x, weights=[1.0, 2.0, 3.0]),
    "np.prod": np.prod,
    "np.var": np.var,
    "np.var, ddof": lambda x: np.var(x, ddof=1),
    "np.std": np.std,
    "np.max": np.max,
    "np.min": np.min,
    "np.ptp": np.ptp,
    "np.median": np.median,
    "np.quantile": lambda x: np.quantile(x, 0.3),
    "np.percentile": lambda x: np.percentile(x, [20, 70]),
    "np.cumsum": np.cumsum,
    "np.cumprod": np.cumprod,
    "np.diff": np.diff,
    "np.ediff1d": np.ediff1d,
    "np.nansum": np.nansum,
    "np.nanmean": np.nanmean,
    "np.nanvar": np.nanvar,
    "np.nanmax": np.nanmax,
    "np.nanprod": np.nanprod,
    "np.gradient": np.gradient,
    "np.trapezoid": getattr(np, "trapezoid" if hasattr(np, "trapezoid") else "trapz"),  # its name before NumPy 2
    "np.convolve": lambda x: np.convolve(x, [1.0, -2.0]),
    "np.correlate": lambda x: np.correlate(x, [1.0, 2.0], "full"),
    "np.interp": lambda x: np.interp(x, [-1.0, 0.0, 1.0, 2.0], [0.0, 1.0, -1.0, 3.0]),
    "np.interp of values": lambda x: np.interp([0.5, 1.5], [0.0, 1.0, 2.0], x),
    "np.polyval": lambda x: np.polyval(x, 2.0),
    "np.vander": np.vander,
    "np.cross": lambda x: np.cross(x, [1.0, 2.0, 3.0]),
    "np.cov": lambda x: np.cov(x, x * x),
    "np.corrcoef": lambda x: np.corrcoef(x, x * x),
    "np.dot": lambda x: np.dot(A, x),
    "np.vdot": lambda x: np.vdot(x, x),
    "np.inner": lambda x: np.inner(A, x),
    "np.outer": lambda x: np.outer(x, x),
    "np.matmul": lambda x: A @ x,
    "np.kron": lambda x: np.kron(x, [1.0, 2.0]),
    "np.tensordot": lambda x: np.tensordot(A, x, 1),
    "np.einsum": lambda x: np.einsum("ij,j->i", A, x),
    "np.einsum, squares": lambda x: np.einsum("i,i->", x, x),
    "np.trace": lambda x: np.trace(np.outer(x, x)),
    "np.linalg.norm": np.linalg.norm,
    "np.linalg.norm, 1": lambda x: np.linalg.norm(x, 1),
    "np.linalg.norm, inf": lambda x: np.linalg.norm(x, np.inf),
    "np.linalg.norm, fro": lambda x: np.linalg.norm(_matrix(x)),
    "np.linalg.det": lambda x: np.linalg.det(_matrix(x)),
    "np.linalg.slogdet": lambda x: np.linalg.slogdet(_matrix(x))[1],
    "np.linalg.inv": lambda x: np.linalg.inv(_matrix(x)),
    "np.linalg.solve": lambda x: np.linalg.solve(_matrix(x), x),
    "np.linalg.solve, right side": lambda x: np.linalg.solve(M, x),
    "np.linalg.cholesky": lambda x: np.linalg.cholesky(_matrix(x)),
    "np.linalg.eigvalsh": lambda x: np.linalg.eigvalsh(_matrix(x)),
    "np.linalg.matrix_power": lambda x: np.linalg.matrix_power(_matrix(x), 3),
    "np.linalg.multi_dot": lambda x: np.linalg.multi_dot([A, _matrix(x), x]),
    "np.linalg.vector_norm": lambda x: np.linalg.vector_norm(x),
    "np.reshape": lambda x: np.reshape(x, (3, 1)) * [1.0, 2.0],
    "np.transpose": lambda x: np.outer(x, [1.0, 2.0]).T,
    "np.concatenate": lambda x: np.concatenate([x, x * x]),
    "np.stack": lambda x: np.stack([x, 2.0 * x]),
    "np.vstack": lambda x: np.vstack([x, [1.0, 2.0, 3.0]]),
    "np.hstack": lambda x: np.hstack([x, 1.0]),
    "np.tile": lambda x: np.tile(x, 2),
    "np.repeat": lambda x: np.repeat(x, 2),
    "np.roll": lambda x: np.roll(x, 1),
    "np.flip": np.flip,
    "np.append": lambda x: np.append(x, 1.0),
    "np.pad": lambda x: np.pad(x, 1),
    "np.diag": np.diag,
    "np.triu": lambda x: np.triu(np.outer(x, x)),
    "np.tril": lambda x: np.tril(np.outer(x, x)),
    "np.take": lambda x: np.take(x, [0, 2]),
    "np.sort": np.sort,
    "np.expand_dims": lambda x: np.expand_dims(x, 0) * 2.0,
    "np.squeeze": lambda x: np.squeeze(x[None]),
    "np.broadcast_to": lambda x: np.broadcast_to(x, (2, 3)),
    "np.meshgrid": lambda x: np.meshgrid(x, x)[0],
    "np.split": lambda x: np.split(np.concatenate([x, x]), 2)[0],
    "np.ravel": lambda x: np.ravel(np.outer(x, x)),
    "np.swapaxes": lambda x: np.swapaxes(np.outer(x, [1.0, 2.0]), 0, 1),
    "np.delete": lambda x: np.delete(x, 1),
    "np.insert": lambda x: np.insert(x, 1, 0.5),
    "np.rot90": lambda x: np.rot90(np.outer(x, x)),
    "np.argmax": lambda x: x[np.argmax(x)],
    "np.argsort": lambda x: x[np.argsort(x)],
    "np.isnan": lambda x: np.where(np.isnan(x), 0.0, x),
    "np.isfinite": lambda x: np.where(np.isfinite(x), x, 0.0),
    "np.isinf": lambda x: np.where(np.isinf(x), 0.0, x),
    "np.isclose": lambda x: np.where(np.isclose(x, 5.0), 1.0, x),
    "np.allclose": lambda x: x if np.allclose(x, x) else -x,
    "np.equal": lambda x: np.where(x == 5.0, 1.0, x),
    "np.array_equal": lambda x: x if np.array_equal(x, x) else -x,
    "np.logical_and": lambda x: x * np.logical_and(x > 0, x < 1),
    "np.apply_along_axis": lambda x: np.apply_along_axis(np.sum, 1, np.outer(x, x)),
    "np.linspace": lambda x: np.linspace(x[1], x[0], 5),
    "np.logspace": lambda x: np.logspace(x[1], x[0], 3),
    "np.modf": lambda x: np.modf(x)[0],
    "np.unwrap": lambda x: np.unwrap(x),
    "np.zeros_like": lambda x: x + np.zeros_like(x),
    "np.ones_like": lambda x: x * np.ones_like(x),
    "np.full_like": lambda x: x * np.full_like(x, 2.0),
    "np.var, axis": lambda x: np.var(np.outer(x, x), axis=0),
    "np.add.reduce": np.add.reduce,
    "np.add.outer": lambda x: np.add.outer(x, x),
    "np.logaddexp.reduce": np.logaddexp.reduce,
    "np.maximum.accumulate": np.maximum.accumulate,
    "np.multiply.outer": lambda x: np.multiply.outer(x, x),
    "sp.logsumexp": sp.logsumexp,
    "sp.softmax": sp.softmax,
    "sp.log_softmax": sp.log_softmax,
    "sp.polygamma": lambda x: sp.polygamma(1, x * x + 0.5),
    "np.fft.fft": lambda x: np.abs(np.fft.fft(x)),
    "np.fft.rfft": lambda x: np.real(np.fft.rfft(x)),
    "np.linalg.svd": lambda x: np.linalg.svd(_matrix(x))[1],
    "np.linalg.eigh": lambda x: np.linalg.eigh(_matrix(x))[1],
    "np.linalg.pinv": lambda x: np.linalg.pinv(np.vstack([_matrix(x), x])),
    "np.linalg.lstsq": lambda x: np.linalg.lstsq(_matrix(x), x)[0],
    "np.linalg.qr": lambda x: np.linalg.qr(np.vstack([_matrix(x), x]))[0],
    "np.polyfit": lambda x: np.polyfit([1.0, 2.0, 4.0], x, 1),
    "np.i0": np.i0,
    "np.histogram": lambda x: np.histogram(x)[0],
    "sp.jv": lambda x: sp.jv(1.5, x),
    "np.spacing": np.spacing,
}

EXPRESSIONS: dict[str, tuple[str, _Expression]] = {
    **{name: (group, f) for group, members in ELEMENTWISE.items() for name, f in members.items()},
    **{name: ("any", f) for name, f in WHOLE.items()},
}
"""From the name to the group of points and the expression."""


# ---- the table of the documentation ---------------------------------------------------------------------------------

PAGE = Path(__file__).parent.parent / "docs" / "numpy_functions.md"

_HEAD = """# NumPy's and SciPy's functions on arrays of Values

Each is called on an array of Values, and its derivatives are compared with differences of the same expression on
numbers. `python tests/numpy_expressions.py` writes this page; a test holds it.

## They work

"""


def outcome(name: str) -> str:
    """What is said about an expression, nothing if its derivatives are right; AssertionError if they are wrong."""
    group, f = EXPRESSIONS[name]
    x = POINTS[group]
    step = 1e-6
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # newer versions warn of functions that older ones offer
        try:
            slopes = np.asarray(jacobian(f)(x), dtype=float)
        except OperationError as refused:
            return str(refused)
        differences = np.stack([(_flat(f(x + h)) - _flat(f(x - h))) / (2.0 * step) for h in step * np.eye(3)], -1)
    assert np.isfinite(differences).all()
    np.testing.assert_allclose(slopes.reshape(differences.shape), differences, rtol=1e-5, atol=1e-7, err_msg=name)
    return ""


def _flat(result: Any) -> Any:
    return np.asarray(result, dtype=float).ravel()


def page() -> str:
    """The page of the documentation."""
    found = {name: outcome(name) for name in EXPRESSIONS}
    works, refused = [name for name in found if not found[name]], {name: said for name, said in found.items() if said}
    groups = {
        "NumPy, element by element": [name for name in works if name in _ELEMENTWISE and not name.startswith("sp.")],
        "NumPy, sums, products, orders and shapes": [
            name for name in works if name not in _ELEMENTWISE and not name.startswith(("np.linalg", "sp."))
        ],
        "NumPy, linear algebra": [name for name in works if name.startswith("np.linalg")],
        "SciPy (`scipy.special` as `sp`)": [name for name in works if name.startswith("sp.")],
    }
    lines = [f"| {group} | {', '.join([f'`{name}`' for name in names])} |" for group, names in groups.items()]
    told = [f"| `{name}` | {said.partition(': ')[2]} |" for name, said in refused.items()]
    return (
        f"{_HEAD}| | |\n|---|---|\n"
        + "\n".join(lines)
        + "\n\n## They are refused\n\n| | what the message says |\n|---|---|\n"
        + "\n".join(told)
        + "\n"
    )


_ELEMENTWISE = {name for members in ELEMENTWISE.values() for name in members}

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
