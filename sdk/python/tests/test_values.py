"""Decimals and indicators."""

import json
import random
import unittest
from decimal import Decimal, FloatOperation, localcontext

from ringfence import Ema, Highest, Lowest, Rsi, Sma, exact, floor_to
from ringfence.decimals import CONTEXT, S64_MAX, S64_MIN, from_wire, rounded, to_wire


class Decimals(unittest.TestCase):
    def test_they_cross_the_border_exactly_both_ways(self):
        dice = random.Random(1)
        for _ in range(3000):
            mantissa = dice.choice([S64_MIN, S64_MAX, 0, dice.randint(S64_MIN, S64_MAX), dice.randint(-10**6, 10**6)])
            scale = dice.randint(0, 18)
            value = from_wire(mantissa, scale)
            self.assertEqual(to_wire(value), (mantissa, scale))
            self.assertEqual(value * 10**scale if abs(mantissa) < 10**9 else mantissa, mantissa)

    def test_the_way_over_does_not_depend_on_the_context_around(self):
        with localcontext() as small:
            small.prec = 3
            self.assertEqual(to_wire(from_wire(S64_MAX, 18)), (S64_MAX, 18))
            self.assertEqual(floor_to("67012.34567", "0.001"), Decimal("67012.345"))

    def test_zeros_at_the_end_are_dropped_when_they_must_be(self):
        self.assertEqual(to_wire(Decimal("0.050")), (50, 3))
        self.assertEqual(to_wire(Decimal("1." + "0" * 30)), (10**18, 18))
        self.assertEqual(to_wire(Decimal("12345678901.0000000000")), (1234567890100000000, 8))
        self.assertEqual(to_wire(Decimal("3E+4")), (30000, 0))
        self.assertEqual(to_wire(Decimal("-0.00")), (0, 2))
        self.assertEqual(to_wire(Decimal("0E+900000")), (0, 0))

    def test_what_does_not_fit_is_an_error(self):
        for bad in (Decimal(S64_MAX) + 1, Decimal(S64_MIN) - 1, Decimal("0." + "1" * 19), Decimal("NaN"), Decimal("Infinity")):
            with self.assertRaises(ValueError, msg=str(bad)):
                to_wire(bad)

    def test_what_is_not_an_exact_decimal_is_refused(self):
        for bad in (0.1, float("nan"), "1e5", "", "1.2.3", ".5", None, {}, True, "NaN", "1_000", "٣"):
            with self.assertRaises((TypeError, ValueError), msg=repr(bad)):
                exact(bad)
        with localcontext(CONTEXT), self.assertRaises(FloatOperation):
            Decimal("1") < 1.5

    def test_floor_to_is_the_greatest_multiple_below(self):
        self.assertEqual(floor_to("0.05999", "0.001"), Decimal("0.059"))
        self.assertEqual(floor_to("-0.0595", "0.001"), Decimal("-0.060"))
        dice = random.Random(2)
        for _ in range(2000):
            value = from_wire(dice.randint(-10**12, 10**12), dice.randint(0, 12))
            floor = floor_to(value, "0.025")
            self.assertTrue(floor <= value < floor + Decimal("0.025"))
            self.assertEqual(floor % Decimal("0.025"), 0)
        with self.assertRaises(ValueError):
            floor_to("1", "0")

    def test_statistics_are_rounded_by_name_only(self):
        self.assertEqual(str(rounded(1 / 3, 4)), "0.3333")
        self.assertEqual(rounded(1e21, 2), Decimal(10) ** 21)
        with self.assertRaises(ValueError):
            rounded(float("inf"), 2)


# Wilder's own example as it is printed in most textbooks (14 periods).
CLOSES = [44.34, 44.09, 44.15, 43.61, 44.33, 44.83, 45.1, 45.42, 45.84, 46.08, 45.89, 46.03, 45.61, 46.28, 46.28, 46.0, 46.03, 46.41, 46.22, 45.64]


class Indicators(unittest.TestCase):
    def test_rsi_gives_the_reference_values(self):
        rsi = Rsi(14)
        values = [rsi.update(close) for close in CLOSES]
        self.assertEqual(values[:14], [None] * 14)
        for found, wanted in zip(values[14:], [70.46, 66.25, 66.48, 69.35, 66.29, 57.92], strict=True):
            self.assertAlmostEqual(found, wanted, delta=0.01)
        flat = Rsi(2)
        self.assertEqual([flat.update(5) for _ in range(3)], [None, None, 50])

    def test_averages_give_hand_made_values(self):
        sma, ema = Sma(3), Ema(3)
        self.assertEqual([sma.update(x) for x in (1, 2, 3, 4)], [None, None, 2, 3])
        self.assertEqual([ema.update(x) for x in (1, 2, 3, 4, 8)], [None, None, 2, 3, 5.5])

    def test_extremes_are_those_of_the_window(self):
        dice = random.Random(3)
        for length in (1, 2, 7, 30):
            highest, lowest, early, seen = Highest(length), Lowest(length), Highest(length, least=2), []
            for _ in range(300):
                seen.append(dice.randint(0, 20))
                window = seen[-length:]
                full = len(window) == length
                self.assertEqual(highest.update(seen[-1]), max(window) if full else None)
                self.assertEqual(lowest.update(seen[-1]), min(window) if full else None)
                self.assertEqual(early.update(seen[-1]), max(window) if full or len(window) >= 2 else None)

    def test_each_goes_on_from_its_state(self):
        for kind in (Sma, Ema, Rsi, Highest, Lowest):
            whole, before = kind(4), kind(4)
            for x in CLOSES:
                whole.update(x)
            for x in CLOSES[:9]:
                before.update(x)
            after = kind(4).load(json.loads(json.dumps(before.state)))
            for x in CLOSES[9:]:
                after.update(x)
            self.assertEqual(after.value, whole.value, kind)

    def test_a_period_is_a_positive_integer(self):
        for bad in (0, -1, 1.5, True, "3"):
            with self.assertRaises(ValueError):
                Sma(bad)


if __name__ == "__main__":
    unittest.main()
