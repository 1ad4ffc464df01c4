"""What ``help`` says about the functions of the package, by their names."""

# Written from the rule table by `python -m microgrid.core.stubs`; not to be edited.

__all__ = ["HELP"]

HELP: dict[str, str] = {
    "add": """The sum x + y.

Parameters
----------
x, y : Value, float or array
    The operands.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array, broadcast together.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivatives::

    add(x, y) = x + y
    d/dx add(x, y) = 1
    d/dy add(x, y) = 1

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.add(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(3.5, 1.0, 1.0)
""",
    "sub": """The difference x - y.

Parameters
----------
x, y : Value, float or array
    The operands.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array, broadcast together.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivatives::

    sub(x, y) = x - y
    d/dx sub(x, y) = 1
    d/dy sub(x, y) = -1

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.sub(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(0.5, 1.0, -1.0)
""",
    "mul": """The product x*y.

Parameters
----------
x, y : Value, float or array
    The operands.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array, broadcast together.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivatives::

    mul(x, y) = x*y
    d/dx mul(x, y) = y
    d/dy mul(x, y) = x

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.mul(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(3.0, 1.5, 2.0)
""",
    "div": """The quotient x/y.

Parameters
----------
x, y : Value, float or array
    The operands.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array, broadcast together.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivatives::

    div(x, y) = x/y
    d/dx div(x, y) = 1/y
    d/dy div(x, y) = -x/y**2

Domain: y != 0.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(0.5)
>>> out = microgrid.div(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(4.0, 2.0, -8.0)
""",
    "neg": """The negative of x.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivative::

    neg(x) = -x
    d/dx neg(x) = -1

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.neg(x)
>>> out.backward()
>>> out.data, x.grad
(-2.0, -1.0)
""",
    "pow": """The power x**y.

Parameters
----------
x, y : Value, float or array
    The operands.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array, broadcast together.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivatives::

    pow(x, y) = x**y
    d/dx pow(x, y) = y*x**(y - 1)
    d/dy pow(x, y) = x**y*log(x)

Domain: x > 0, or x == 0 and y >= 0, or x < 0 and y is a whole number.

At x = 0, y > 0: 0**y stays 0 as y moves.
At x = 0, y = 0: 0**0 = 1, with derivatives 0.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.pow(x, y)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6), round(y.grad, 6)
(2.828427, 2.12132, 1.960516)
""",
    "abs": """The absolute value of x.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivative::

    d/dx abs(x) = -1 if x < 0 else 1 if 0 < x else 0

Defined for all real numbers.

At x = 0: derivative 0.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.abs(x)
>>> out.backward()
>>> out.data, x.grad
(2.0, 1.0)
""",
    "exp": """The exponential function, e to the power of x.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivative::

    d/dx exp(x) = exp(x)

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.exp(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(7.389056, 7.389056)
""",
    "expm1": """The exponential of x minus 1, accurate also where exp(x) rounds to 1.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivative::

    d/dx expm1(x) = exp(x)

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.expm1(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(6.389056, 7.389056)
""",
    "log": """The natural logarithm of x.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivative::

    d/dx log(x) = 1/x

Domain: x > 0.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.log(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(0.693147, 0.5)
""",
    "log1p": """The natural logarithm of 1 + x, accurate also where 1 + x rounds to 1.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivative::

    d/dx log1p(x) = 1/(1 + x)

Domain: x > -1.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.log1p(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(1.098612, 0.333333)
""",
    "sqrt": """The square root of x.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivative::

    d/dx sqrt(x) = 0.5/sqrt(x)

Domain: x >= 0.

At x = 0: infinite, the limit from the right.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(0.25)
>>> out = microgrid.sqrt(x)
>>> out.backward()
>>> out.data, x.grad
(0.5, 1.0)
""",
    "sin": """The sine of x, an angle in radians.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivative::

    d/dx sin(x) = cos(x)

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.sin(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(0.909297, -0.416147)
""",
    "cos": """The cosine of x, an angle in radians.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivative::

    d/dx cos(x) = -sin(x)

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.cos(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(-0.416147, -0.909297)
""",
    "tan": """The tangent of x, an angle in radians.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivative::

    d/dx tan(x) = 1 + tan(x)**2

Domain: cos(x) != 0.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(0.5)
>>> out = microgrid.tan(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(0.546302, 1.298446)
""",
    "asin": """The arc sine of x: the angle in radians, from -pi/2 to pi/2, whose sine is x.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivative::

    d/dx asin(x) = 1/sqrt((1 - x)*(1 + x))

Domain: -1 <= x <= 1.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(0.5)
>>> out = microgrid.asin(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(0.523599, 1.154701)
""",
    "acos": """The arc cosine of x: the angle in radians, from 0 to pi, whose cosine is x.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivative::

    d/dx acos(x) = -1/sqrt((1 - x)*(1 + x))

Domain: -1 <= x <= 1.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(0.5)
>>> out = microgrid.acos(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(1.047198, -1.154701)
""",
    "atan": """The arc tangent of x: the angle in radians, from -pi/2 to pi/2, whose tangent is x.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivative::

    d/dx atan(x) = 1/(1 + x**2)

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.atan(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(1.107149, 0.2)
""",
    "atan2": """The angle in radians, from -pi to pi, of the point at height x and horizontal distance y.

Parameters
----------
x, y : Value, float or array
    The operands.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array, broadcast together.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivatives::

    d/dx atan2(x, y) = y/(x**2 + y**2)
    d/dy atan2(x, y) = -x/(x**2 + y**2)

Domain: x != 0 or y != 0.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.atan2(x, y)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6), round(y.grad, 6)
(0.927295, 0.24, -0.32)
""",
    "sinh": """The hyperbolic sine of x.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivative::

    d/dx sinh(x) = cosh(x)

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.sinh(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(3.62686, 3.762196)
""",
    "cosh": """The hyperbolic cosine of x.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivative::

    d/dx cosh(x) = sinh(x)

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.cosh(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(3.762196, 3.62686)
""",
    "tanh": """The hyperbolic tangent of x.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivative::

    d/dx tanh(x) = 1 - tanh(x)**2

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.tanh(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(0.964028, 0.070651)
""",
    "sigmoid": """The logistic function, which maps x to a number between 0 and 1.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivative::

    sigmoid(x) = 1/(1 + exp(-x))
    d/dx sigmoid(x) = sigmoid(x)*sigmoid(-x)

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.sigmoid(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(0.880797, 0.104994)
""",
    "softplus": """The logarithm of 1 + exp(x), a smooth form of relu, without overflow.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivative::

    softplus(x) = log(1 + exp(x))
    d/dx softplus(x) = sigmoid(x)

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.softplus(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(2.126928, 0.880797)
""",
    "relu": """The rectified linear unit: x where it is positive, otherwise 0.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivative::

    relu(x) = 0 if x <= 0 else x
    d/dx relu(x) = 1 if 0 < x else 0

Defined for all real numbers.

At x = 0: derivative 0.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.relu(x)
>>> out.backward()
>>> out.data, x.grad
(2.0, 1.0)
""",
    "erf": """The error function: 2/sqrt(pi) times the integral of exp(-t**2) from 0 to x.

Parameters
----------
x : Value, float or array
    The operand.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivative::

    d/dx erf(x) = 2/sqrt(pi)*exp(-x**2)

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x = Value(2.0)
>>> out = microgrid.erf(x)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6)
(0.995322, 0.020667)
""",
    "logaddexp": """The logarithm of exp(x) + exp(y), without overflow.

Parameters
----------
x, y : Value, float or array
    The operands.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array, broadcast together.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivatives::

    logaddexp(x, y) = log(exp(x) + exp(y))
    d/dx logaddexp(x, y) = sigmoid(x - y)
    d/dy logaddexp(x, y) = sigmoid(y - x)

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.logaddexp(x, y)
>>> out.backward()
>>> round(out.data, 6), round(x.grad, 6), round(y.grad, 6)
(2.474077, 0.622459, 0.377541)
""",
    "hypot": """The length of the vector (x, y), sqrt(x**2 + y**2), without overflow.

Parameters
----------
x, y : Value, float or array
    The operands.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array, broadcast together.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Derivatives::

    d/dx hypot(x, y) = x/hypot(x, y)
    d/dy hypot(x, y) = y/hypot(x, y)

Defined for all real numbers.

At x = 0, y = 0: derivatives 0, as for abs.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.hypot(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(2.5, 0.8, 0.6)
""",
    "maximum": """The larger of x and y.

Parameters
----------
x, y : Value, float or array
    The operands.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array, broadcast together.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivatives::

    maximum(x, y) = y if x < y else x
    d/dx maximum(x, y) = 1 if y < x else 0 if x < y else 0.5
    d/dy maximum(x, y) = 1 if x < y else 0 if y < x else 0.5

Defined for all real numbers.

At x = y: each operand has half.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.maximum(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(2.0, 1.0, 0.0)
""",
    "minimum": """The smaller of x and y.

Parameters
----------
x, y : Value, float or array
    The operands.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array, broadcast together.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivatives::

    minimum(x, y) = x if x < y else y
    d/dx minimum(x, y) = 1 if x < y else 0 if y < x else 0.5
    d/dy minimum(x, y) = 1 if y < x else 0 if x < y else 0.5

Defined for all real numbers.

At x = y: each operand has half.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.minimum(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(1.5, 0.0, 1.0)
""",
    "less": """Whether x < y, as a number: 1.0 if so, otherwise 0.0.

Parameters
----------
x, y : Value, float or array
    The operands.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array, broadcast together.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivatives::

    less(x, y) = 1 if x < y else 0
    d/dx less(x, y) = 0
    d/dy less(x, y) = 0

Defined for all real numbers.

At x = y: a jump, with derivatives 0.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.less(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(0.0, 0.0, 0.0)
""",
    "less_equal": """Whether x <= y, as a number: 1.0 if so, otherwise 0.0.

Parameters
----------
x, y : Value, float or array
    The operands.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array, broadcast together.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivatives::

    less_equal(x, y) = 1 if x <= y else 0
    d/dx less_equal(x, y) = 0
    d/dy less_equal(x, y) = 0

Defined for all real numbers.

At x = y: a jump, with derivatives 0.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.less_equal(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(0.0, 0.0, 0.0)
""",
    "equal": """Whether x == y, as a number: 1.0 if so, otherwise 0.0.

Parameters
----------
x, y : Value, float or array
    The operands.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array, broadcast together.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivatives::

    equal(x, y) = 1 if x == y else 0
    d/dx equal(x, y) = 0
    d/dy equal(x, y) = 0

Defined for all real numbers.

At x = y: a jump, with derivatives 0.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x, y = Value(2.0), Value(1.5)
>>> out = microgrid.equal(x, y)
>>> out.backward()
>>> out.data, x.grad, y.grad
(0.0, 0.0, 0.0)
""",
    "where": """A choice: y where x is not 0, otherwise z; x may be a comparison such as a < b.

Parameters
----------
x, y, z : Value, float or array
    The operands.

Returns
-------
Value, float or array
    A node if an operand is a Value or a comparison; otherwise a float. Of arrays, an array, broadcast together.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivatives::

    where(x, y, z) = z if x == 0 else y
    d/dx where(x, y, z) = 0
    d/dy where(x, y, z) = 0 if x == 0 else 1
    d/dz where(x, y, z) = 1 if x == 0 else 0

Defined for all real numbers.

At x = 0: a jump, with derivative 0; the third operand is chosen.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> x, y, z = Value(1.0), Value(1.5), Value(-1.0)
>>> out = microgrid.where(x, y, z)
>>> out.backward()
>>> out.data, x.grad, y.grad, z.grad
(1.5, 0.0, 1.0, 0.0)
""",
    "sum": """The sum of a list, as one node.

Parameters
----------
xs : iterable of Value or float
    The operands.

Returns
-------
Value or float
    A node if an operand is a Value or a comparison; otherwise a float.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivative::

    sum(xs) = sum(x for x in xs)
    d/dx sum(xs) = 1    for each x in xs

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> xs = [Value(1.0), Value(2.0)]
>>> out = microgrid.sum(xs)
>>> out.backward()
>>> out.data, [x.grad for x in xs]
(3.0, [1.0, 1.0])
""",
    "dot": """The sum of the products of two lists, as one node.

Parameters
----------
xs, ys : iterable of Value or float
    The operands, as many in each.

Returns
-------
Value or float
    A node if an operand is a Value or a comparison; otherwise a float.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number, or if the lists differ in length.

Notes
-----
Formula and derivatives::

    dot(xs, ys) = sum(x*y for x, y in zip(xs, ys))
    d/dx dot(xs, ys) = y    for each x in xs
    d/dy dot(xs, ys) = x    for each y in ys

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> xs, ys = [Value(1.0), Value(2.0)], [Value(0.5), Value(-1.0)]
>>> out = microgrid.dot(xs, ys)
>>> out.backward()
>>> out.data, [x.grad for x in xs], [y.grad for y in ys]
(-1.5, [0.5, -1.0], [1.0, 2.0])
""",
    "logsumexp": """The logarithm of the sum of the exponentials of a list, without overflow.

Parameters
----------
xs : iterable of Value or float
    The operands.

Returns
-------
Value or float
    A node if an operand is a Value or a comparison; otherwise a float.

Raises
------
InvalidValueError
    If an operand is neither a Value nor a real number.

Notes
-----
Formula and derivative::

    logsumexp(xs) = log(sum(exp(x) for x in xs))
    d/dx logsumexp(xs) = exp(x - logsumexp(xs))    for each x in xs

Defined for all real numbers.

Examples
--------
>>> import microgrid
>>> from microgrid import Value
>>> xs = [Value(1.0), Value(2.0)]
>>> out = microgrid.logsumexp(xs)
>>> out.backward()
>>> round(out.data, 6), [round(x.grad, 6) for x in xs]
(2.313262, [0.268941, 0.731059])
""",
}
