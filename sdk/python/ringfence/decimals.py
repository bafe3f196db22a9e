"""Exact decimals for money: Python's `decimal.Decimal`, and its two ways over the border.

What may not live here: binary floats, except where a caller asks for one by name (`rounded`).
"""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, FloatOperation, InvalidOperation, Overflow

MAX_SCALE = 18
S64_MIN, S64_MAX = -(1 << 63), (1 << 63) - 1
_TEXT = re.compile(r"[+-]?[0-9]+(\.[0-9]*)?")

# Strategy code runs in this context. 60 digits hold the product of any three amounts of the border; Python's own 28
# would round it silently. A float among amounts is an error instead of a surprise.
CONTEXT = Context(prec=60, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow, FloatOperation])


def exact(value):
    """A Decimal from text (`"0.05"`), an integer or a Decimal. A binary fraction is refused: it is not what it looks like."""
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise ValueError(f"not an amount: {value}")
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str):
        if not _TEXT.fullmatch(value):
            raise ValueError(f"not a decimal: {value!r}")
        return Decimal(value)
    raise TypeError(f"not an exact decimal: {value!r}; write it as text, or round it with rounded(value, places)")


def rounded(value, places):
    """A Decimal of a float or of too long a Decimal. For statistics; money that is known stays exact."""
    number = Decimal(repr(value)) if isinstance(value, float) else exact(value)
    if not number.is_finite():
        raise ValueError(f"not a finite number: {value}")
    return number.quantize(Decimal(1).scaleb(-places), context=_WIDE)


def floor_to(value, step):
    """The greatest multiple of `step` that is not above `value`."""
    value, step = exact(value), exact(step)
    if step <= 0:
        raise ValueError(f"a step must be positive, not {step}")
    rest = CONTEXT.remainder(value, step)
    return CONTEXT.subtract(value, CONTEXT.add(rest, step) if rest < 0 else rest)


def from_wire(mantissa, scale):
    """The amount `mantissa / 10^scale`, with exactly `scale` places."""
    return CONTEXT.scaleb(mantissa, -scale)


def to_wire(value):
    """`(mantissa, scale)` of an amount: exactly, or an error. Zeros at the end are dropped only when they must be."""
    sign, digits, exponent = exact(value).as_tuple()
    mantissa, scale = int("".join(map(str, digits))) * (-1 if sign else 1), -exponent
    if scale < 0:
        mantissa, scale = mantissa * 10 ** -scale if mantissa else 0, 0
    while scale > 0 and mantissa % 10 == 0 and (scale > MAX_SCALE or not S64_MIN <= mantissa <= S64_MAX):
        mantissa, scale = mantissa // 10, scale - 1
    if scale > MAX_SCALE:
        raise ValueError(f"{value} has more than {MAX_SCALE} decimal places; cut it with floor_to(value, step)")
    if not S64_MIN <= mantissa <= S64_MAX:
        raise ValueError(f"{value} has more digits than the border carries (64 bits)")
    return mantissa, scale


# Quantizing a large float needs more digits than money ever has.
_WIDE = Context(prec=400, rounding=ROUND_HALF_EVEN)
