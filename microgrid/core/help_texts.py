"""Generated from the rule table: each function's equations and example, for its help."""

# Written from the rule table by `python -m microgrid.core.stubs`; not to be edited.

__all__ = ["TEXTS"]

TEXTS: dict[str, str] = {
    "add": """\
add(x, y) = x + y
d/dx add(x, y) = 1
d/dy add(x, y) = 1

>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.add(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(3.5, 1.0, 1.0)
""",
    "sub": """\
sub(x, y) = x - y
d/dx sub(x, y) = 1
d/dy sub(x, y) = -1

>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.sub(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(0.5, 1.0, -1.0)
""",
    "mul": """\
mul(x, y) = x*y
d/dx mul(x, y) = y
d/dy mul(x, y) = x

>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.mul(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(3.0, 1.5, 2.0)
""",
    "div": """\
div(x, y) = x/y
d/dx div(x, y) = 1/y
d/dy div(x, y) = -x/y**2

>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(0.5)
>>> out = microgrid.div(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(4.0, 2.0, -8.0)
""",
    "neg": """\
neg(x) = -x
d/dx neg(x) = -1

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.neg(x)
>>> out.backward()
>>> out.data, x.grad
(-2.0, -1.0)
""",
    "pow": """\
pow(x, y) = x**y
d/dx pow(x, y) = y*x**(y - 1)
d/dy pow(x, y) = x**y*log(x)

>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.pow(x, y)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6), round(y.grad, 6)
(2.828427, 2.12132, 1.960516)
""",
    "abs": """\
d/dx abs(x) = -1 if x < 0 else 1 if 0 < x else 0

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.abs(x)
>>> out.backward()
>>> out.data, x.grad
(2.0, 1.0)
""",
    "exp": """\
d/dx exp(x) = exp(x)

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.exp(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(7.389056, 7.389056)
""",
    "expm1": """\
d/dx expm1(x) = exp(x)

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.expm1(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(6.389056, 7.389056)
""",
    "log": """\
d/dx log(x) = 1/x

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.log(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(0.693147, 0.5)
""",
    "log1p": """\
d/dx log1p(x) = 1/(1 + x)

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.log1p(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(1.098612, 0.333333)
""",
    "sqrt": """\
d/dx sqrt(x) = 0.5/sqrt(x)

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(0.25)
>>> out = microgrid.sqrt(x)
>>> out.backward()
>>> out.data, x.grad
(0.5, 1.0)
""",
    "sin": """\
d/dx sin(x) = cos(x)

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.sin(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(0.909297, -0.416147)
""",
    "cos": """\
d/dx cos(x) = -sin(x)

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.cos(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(-0.416147, -0.909297)
""",
    "tan": """\
d/dx tan(x) = 1 + tan(x)**2

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(0.5)
>>> out = microgrid.tan(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(0.546302, 1.298446)
""",
    "asin": """\
d/dx asin(x) = 1/sqrt(1 - x**2)

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(0.5)
>>> out = microgrid.asin(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(0.523599, 1.154701)
""",
    "acos": """\
d/dx acos(x) = -1/sqrt(1 - x**2)

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(0.5)
>>> out = microgrid.acos(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(1.047198, -1.154701)
""",
    "atan": """\
d/dx atan(x) = 1/(1 + x**2)

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.atan(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(1.107149, 0.2)
""",
    "atan2": """\
d/dx atan2(x, y) = y/(x**2 + y**2)
d/dy atan2(x, y) = -x/(x**2 + y**2)

>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.atan2(x, y)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6), round(y.grad, 6)
(0.927295, 0.24, -0.32)
""",
    "sinh": """\
d/dx sinh(x) = cosh(x)

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.sinh(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(3.62686, 3.762196)
""",
    "cosh": """\
d/dx cosh(x) = sinh(x)

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.cosh(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(3.762196, 3.62686)
""",
    "tanh": """\
d/dx tanh(x) = 1 - tanh(x)**2

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.tanh(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(0.964028, 0.070651)
""",
    "sigmoid": """\
sigmoid(x) = 1/(1 + exp(-x))
d/dx sigmoid(x) = sigmoid(x)*sigmoid(-x)

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.sigmoid(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(0.880797, 0.104994)
""",
    "softplus": """\
softplus(x) = log(1 + exp(x))
d/dx softplus(x) = sigmoid(x)

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.softplus(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(2.126928, 0.880797)
""",
    "relu": """\
relu(x) = 0 if x <= 0 else x
d/dx relu(x) = 1 if 0 < x else 0

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.relu(x)
>>> out.backward()
>>> out.data, x.grad
(2.0, 1.0)
""",
    "erf": """\
d/dx erf(x) = 2/sqrt(pi)*exp(-x**2)

>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.erf(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(0.995322, 0.020667)
""",
    "logaddexp": """\
logaddexp(x, y) = log(exp(x) + exp(y))
d/dx logaddexp(x, y) = sigmoid(x - y)
d/dy logaddexp(x, y) = sigmoid(y - x)

>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.logaddexp(x, y)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6), round(y.grad, 6)
(2.474077, 0.622459, 0.377541)
""",
    "hypot": """\
d/dx hypot(x, y) = x/hypot(x, y)
d/dy hypot(x, y) = y/hypot(x, y)

>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.hypot(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(2.5, 0.8, 0.6)
""",
    "maximum": """\
maximum(x, y) = y if x < y else x
d/dx maximum(x, y) = 1 if y < x else 0 if x < y else 0.5
d/dy maximum(x, y) = 1 if x < y else 0 if y < x else 0.5

>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.maximum(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(2.0, 1.0, 0.0)
""",
    "minimum": """\
minimum(x, y) = x if x < y else y
d/dx minimum(x, y) = 1 if x < y else 0 if y < x else 0.5
d/dy minimum(x, y) = 1 if y < x else 0 if x < y else 0.5

>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.minimum(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(1.5, 0.0, 1.0)
""",
    "less": """\
less(x, y) = 1 if x < y else 0
d/dx less(x, y) = 0
d/dy less(x, y) = 0

>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.less(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(0.0, 0.0, 0.0)
""",
    "less_equal": """\
less_equal(x, y) = 1 if x <= y else 0
d/dx less_equal(x, y) = 0
d/dy less_equal(x, y) = 0

>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.less_equal(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(0.0, 0.0, 0.0)
""",
    "equal": """\
equal(x, y) = 1 if x == y else 0
d/dx equal(x, y) = 0
d/dy equal(x, y) = 0

>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.equal(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(0.0, 0.0, 0.0)
""",
    "where": """\
where(x, y, z) = z if x == 0 else y
d/dx where(x, y, z) = 0
d/dy where(x, y, z) = 0 if x == 0 else 1
d/dz where(x, y, z) = 1 if x == 0 else 0

>>> import microgrid
>>> from microgrid import Value
>>> x, y, z = Value(1.0), Value(1.5), Value(-1.0)
>>> out = microgrid.where(x, y, z)
>>> out.backward()
>>> out.data, x.grad, y.grad, z.grad
(1.5, 0.0, 1.0, 0.0)
""",
    "sum": """\
sum(xs) = sum(x for x in xs)
d/dx sum(xs) = 1    for each x in xs

>>> import microgrid
>>> from microgrid import Value
>>> xs = [Value(1.0), Value(2.0)]
>>> out = microgrid.sum(xs)
>>> out.backward()
>>> out.data, [x.grad for x in xs]
(3.0, [1.0, 1.0])
""",
    "dot": """\
dot(xs, ys) = sum(x*y for x, y in zip(xs, ys))
d/dx dot(xs, ys) = y    for each x in xs
d/dy dot(xs, ys) = x    for each y in ys

>>> import microgrid
>>> from microgrid import Value
>>> xs, ys = [Value(1.0), Value(2.0)], [Value(0.5), Value(-1.0)]
>>> out = microgrid.dot(xs, ys)
>>> out.backward()
>>> out.data, [x.grad for x in xs], [y.grad for y in ys]
(-1.5, [0.5, -1.0], [1.0, 2.0])
""",
    "logsumexp": """\
logsumexp(xs) = log(sum(exp(x) for x in xs))
d/dx logsumexp(xs) = exp(x - logsumexp(xs))    for each x in xs

>>> import microgrid
>>> from microgrid import Value
>>> xs = [Value(1.0), Value(2.0)]
>>> out = microgrid.logsumexp(xs)
>>> out.backward()
>>> round(out.data, 6), [round(x.grad, 6) for x in xs]
(2.313262, [0.268941, 0.731059])
""",
}
