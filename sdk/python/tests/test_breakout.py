"""The example strategy against the host in memory."""

import importlib.util
import math
import random
import unittest
from decimal import Decimal
from pathlib import Path

from ringfence.strategy import Refusal
from ringfence.testing import Bench

PLUGIN = Path(__file__).resolve().parents[3] / "plugins/breakout/strategy.py"
_spec = importlib.util.spec_from_file_location("breakout_strategy", PLUGIN)
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
Breakout = _module.Breakout


def walk(seed, seconds, rate, moves):
    """A market of `rate` trades a second that typically moves by the share `moves` in 10 s."""
    dice, price = random.Random(seed), 67_000.0
    step = moves / math.sqrt(rate * 10)
    made = []
    for _ in range(seconds * rate):
        price *= 1 + dice.gauss(0, step)
        made.append(f"{price + dice.choice((-0.5, 0.5)):.2f}")
    return made


def play(bench, prices, rate):
    """Second by second, fills in between; the answer is the second of the first order."""
    first = None
    for second in range(len(prices) // rate):
        bench.trades("BTCUSDT", prices[second * rate:(second + 1) * rate], gap=1_000_000 // rate)
        bench.settle()
        if first is None and bench.commands:
            first = second
    return first


def sides(bench):
    return [command[1].side for command in bench.commands]


class BreakoutOnBitcoin(unittest.TestCase):
    def test_it_trades_within_20_seconds_on_any_lively_market(self):
        for seed in range(60):
            rate, moves = (20, 40, 60)[seed % 3], (0.0005, 0.001, 0.002)[seed // 3 % 3]
            bench = Bench(Breakout, commission="0.001")
            first = play(bench, walk(seed, 40, rate, moves), rate)
            self.assertIsNotNone(first, (seed, rate, moves))
            self.assertLess(first, 20, (seed, rate, moves))
            # Long or flat in turn, and what commissions left is never sold twice.
            self.assertEqual(sides(bench)[:4], ["buy", "sell", "buy", "sell"][:len(bench.commands)])
            self.assertGreaterEqual(bench.held[0], 0)
            self.assertIn("sell", sides(bench))
            for command in bench.commands:
                self.assertEqual(command[1].quantity % Decimal("0.00001"), 0)

    def test_it_buys_above_the_high_and_sells_below_the_low(self):
        bench = Bench(Breakout, sample=1, window=5, exit_window=2, pause=0, patience=1000)
        bench.trades("BTCUSDT", ["100", "105", "103", "104", "105"])
        self.assertEqual(bench.commands, [], "to reach the high is not to break it")
        bench.trades("BTCUSDT", ["105.01"])
        self.assertEqual(sides(bench), ["buy"])
        bench.trades("BTCUSDT", ["106", "105.5", "105.4"])
        self.assertEqual(sides(bench), ["buy", "sell"])

    def test_it_sells_after_a_while_less_the_commission_in_whole_steps(self):
        bench = Bench(Breakout, sample=1, window=5, exit_window=2, pause=0, max_hold=1, commission="0.001")
        bench.trades("BTCUSDT", ["100", "101", "102"])
        self.assertEqual(bench.held[0], Decimal("0.001998"))
        bench.trades("BTCUSDT", ["103"] * 40)
        self.assertEqual((sides(bench), bench.commands[1][1].quantity), (["buy", "sell"], Decimal("0.00199")))
        self.assertEqual(bench.held[0], Decimal("0.000008"), "dust stays and counts as nothing")

    def test_it_pauses_between_orders_denied_or_not(self):
        bench = Bench(Breakout, sample=1, window=5, exit_window=2, pause=500, deny="halted")
        bench.trades("BTCUSDT", [str(100 + i) for i in range(60)], gap=20_000)
        self.assertEqual([command[-1] for command in bench.commands], [3, 28, 53])

    def test_a_reload_changes_nothing(self):
        prices = walk(11, 60, 30, 0.001)
        whole = Bench(Breakout)
        whole.trades("BTCUSDT", prices)
        self.assertGreater(len(whole.commands), 4)
        for cut in (0, 1, 100, 444, 1200):
            before = Bench(Breakout)
            before.trades("BTCUSDT", prices[:cut])
            after = Bench(Breakout, state=before.runner.save(), positions=before.held)
            after.seq, after.now = before.seq, before.now
            after.trades("BTCUSDT", prices[cut:])
            self.assertEqual(before.commands + after.commands, whole.commands, cut)

    def test_a_reload_with_other_windows_goes_on(self):
        prices = walk(12, 40, 30, 0.001)
        before = Bench(Breakout)
        before.trades("BTCUSDT", prices[:600])
        for window, exit_window in ((20, 5), (200, 50)):
            after = Bench(Breakout, state=before.runner.save(), window=window, exit_window=exit_window)
            after.now = before.now
            after.trades("BTCUSDT", prices[600:])
            self.assertTrue(after.commands)

    def test_an_exit_window_that_is_not_shorter_is_refused_by_name(self):
        with self.assertRaises(Refusal) as caught:
            Bench(Breakout, window=20, exit_window=20)
        self.assertEqual(caught.exception.variant, ("invalid-parameter", ("exit-window", "must be shorter than window")))


if __name__ == "__main__":
    unittest.main()
