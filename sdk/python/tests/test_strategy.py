"""Merging, the stop rule, parameters, state and orders, against the host in memory."""

import random
import unittest
from decimal import Decimal
from types import SimpleNamespace

from ringfence import Denied, InvalidParameter, Manifest, MissingGrant, Order, StateVersion, Strategy, Trailing, order, parameter
from ringfence.batch import merged, stream, stream_name
from ringfence.strategy import Refusal
from ringfence.testing import FOREVER, INSTRUMENTS, Bench, amount, batch, body

BTC, ETH = INSTRUMENTS


def columns(rows, *more):
    """Columns of rows (seq, ts); further columns repeat the seq."""
    seqs = [seq for seq, _ in rows]
    made = SimpleNamespace(seq=seqs, ts=[ts for _, ts in rows], instrument=[1] * len(rows), id=seqs, price=seqs, quantity=seqs, aggressor=bytes(len(rows)))
    vars(made).update({name: seqs for name in more})
    return made


def depth_columns(rows):
    """Row `seq` has seq % 3 bids and seq % 2 asks, all at price `seq`."""
    made = columns(rows, "first_update_id", "last_update_id")
    made.bids = [seq % 3 for seq, _ in rows]
    made.asks = [seq % 2 for seq, _ in rows]
    made.price = made.quantity = [seq for seq, _ in rows for _ in range(seq % 3 + seq % 2)]
    return made


def event(seq, ts, tag, *value):
    return SimpleNamespace(seq=seq, ts=ts, body=body(tag, *value))


class Merging(unittest.TestCase):
    HANDLERS = {"trades": "on_trade", "aggregate_trades": "on_aggregate_trade", "quotes": "on_quote", "depth": "on_depth", "events": "on_timer"}

    def test_any_split_is_merged_into_the_one_order(self):
        dice = random.Random(4)
        for _ in range(300):
            first = dice.randint(1, 100)
            rows = [(seq, seq * 10) for seq in range(first, first + dice.randint(0, 40))]
            parts = dice.sample(sorted(self.HANDLERS), dice.randint(1, 5))
            split = {part: [] for part in parts}
            wanted = []
            for row in rows:
                part = dice.choice(parts)
                split[part].append(row)
                wanted.append((*row, self.HANDLERS[part]))
            made = {}
            for part, own in split.items():
                if part == "events":
                    made[part] = [event(seq, ts, "timer", seq) for seq, ts in own]
                elif own or dice.random() < 0.5:  # An empty column set is as good as an absent one.
                    made[part] = depth_columns(own) if part == "depth" else columns(own, "bid_price", "bid_quantity", "ask_price", "ask_quantity")
            found = list(merged(batch(**made), INSTRUMENTS.__getitem__))
            self.assertEqual([one[:3] for one in found], wanted)
            for seq, _, handler, told in found:
                if handler == "on_depth":
                    prices = [level.price * 100 for level in told.bids], [level.price * 100 for level in told.asks]
                    self.assertEqual(prices, ([seq] * (seq % 3), [seq] * (seq % 2)))
                elif handler == "on_timer":
                    self.assertEqual(told, seq)

    def test_rows_speak_the_scales_of_their_instrument(self):
        trade = next(merged(batch(trades=columns([(123456, 1)])), INSTRUMENTS.__getitem__))[3]
        self.assertEqual((trade.instrument.symbol, str(trade.price), str(trade.quantity), trade.aggressor), ("ETHUSDT", "1234.56", "12.3456", "buy"))

    def test_records_become_plain_python(self):
        kline = SimpleNamespace(instrument=1, close=amount("1.50"))
        told = next(merged(batch(events=[event(1, 1, "history", SimpleNamespace(request=3, klines=[kline], complete=True))]), INSTRUMENTS.__getitem__))[3]
        self.assertEqual((told.klines[0].instrument, told.klines[0].close), (ETH, Decimal("1.5")))

    def test_streams_have_names(self):
        for name in ("trades", "book:10", "klines:60", "aggregate-trades"):
            self.assertEqual(stream_name(stream(name)), name)
        for bad in ("trade", "book", "book:x", "trades:1", "klines:", "book:²"):
            with self.assertRaises(ValueError, msg=bad):
                stream(bad)


class Probe(Strategy):
    """Buys at the trades whose seq is in `buy_at`."""

    manifest = Manifest(
        name="probe", version="1.2.3", wishes={"ETHUSDT": ["trades", "klines:60"]},
        parameters={
            "length": parameter.integer(3, 1, 9, "how long"),
            "size": parameter.number("0.05", "0.01", "1", "how much"),
            "pace": parameter.choice("slow", ["slow", "fast"], "how fast"),
            "dry-run": parameter.boolean(False, "whether to hold still"),
        })
    buy_at = ()

    def on_init(self):
        self.seen = []

    def on_start(self):
        self.seen.append("start")

    def on_trade(self, trade):
        self.seen.append(trade.seq)
        if trade.seq in self.buy_at:
            self.orders.market(self.instrument("ETHUSDT"), "buy", self.parameters.size)

    def on_timer(self, timer):
        if timer == 13:
            raise RuntimeError("broken on purpose")

    def save(self):
        return {"seen": self.seen, "size": self.parameters.size, "nothing": Decimal("0.00000000")}

    def restore(self, state):
        if "seen" not in state:
            raise StateVersion(0)
        self.seen = state["seen"]
        self.kept = state


def probe(buy_at=(), **options):
    return Bench(type("Made", (Probe,), {"buy_at": buy_at}), **options)


class Rules(unittest.TestCase):
    def refused(self, tag, run):
        with self.assertRaises(Refusal) as caught:
            run()
        self.assertEqual(caught.exception.variant.tag, tag)
        return caught.exception.variant.value

    def test_parameters_are_checked_and_filled_by_default(self):
        given = probe(length=5, size=Decimal("0.5"), dry_run=True).strategy.parameters
        self.assertEqual((given.length, given.size, given.pace, given.dry_run), (5, Decimal("0.5"), "slow", True))
        for name, value in (("length", 10), ("length", 0), ("length", "3"), ("length", True), ("size", Decimal("1.01")), ("pace", "odd"), ("none", 1)):
            self.assertEqual(self.refused("invalid-parameter", lambda: probe(**{name: value}))[0], name)
        # A whole number does where a decimal is asked for.
        self.assertEqual(probe(size=1).strategy.parameters.size, Decimal(1))

    def test_init_says_why_it_refuses(self):
        for raised, tag in ((InvalidParameter("length", "odd"), "invalid-parameter"), (MissingGrant("BNBUSDT"), "missing-grant"), (KeyError("x"), "other")):
            def on_init(self, raised=raised):
                raise raised
            self.refused(tag, lambda: Bench(type("Made", (Probe,), {"on_init": on_init})))

    def test_a_misspelt_stream_is_found_when_the_module_loads(self):
        with self.assertRaises(ValueError):
            Manifest(name="x", version="1", wishes={"ETHUSDT": ["trade"]})

    def test_a_batch_is_taken_whole_without_commands_or_with_endless_lookahead(self):
        self.assertEqual(probe().trades("ETHUSDT", ["1", "2", "3"], lookahead=0), 3)
        live = probe([1])
        self.assertEqual(live.trades("ETHUSDT", ["1", "2", "3"], lookahead=FOREVER), 3)
        self.assertEqual(live.strategy.seen, [1, 2, 3])

    def test_after_the_first_command_only_what_lies_before_its_answer_is_taken(self):
        bench = probe([2, 3])
        # Command at t(2); 3 lies 10 us after it, 4 lies exactly at the lookahead of 20 us and stays.
        self.assertEqual(bench.trades("ETHUSDT", ["1", "2", "3", "4", "5"], gap=10, lookahead=20), 3)
        self.assertEqual(bench.strategy.seen, [1, 2, 3])
        self.assertEqual([command[-1] for command in bench.commands], [2, 3], "each command carries its own cause")
        self.assertEqual(bench.trades("ETHUSDT", ["6"], lookahead=0), 1, "the next call starts anew")

    def test_the_stop_rule_holds_for_any_batch(self):
        dice = random.Random(5)
        for _ in range(200):
            rows, gap, lookahead = dice.randint(1, 30), dice.randint(0, 9), dice.randint(0, 60)
            buy_at = dice.sample(range(1, rows + 1), dice.randint(0, min(3, rows)))
            first = min(buy_at, default=None)
            wanted = rows if first is None else sum(1 for seq in range(1, rows + 1) if seq <= first or (seq - first) * gap < lookahead)
            self.assertEqual(probe(buy_at).trades("ETHUSDT", ["1"] * rows, gap=gap, lookahead=lookahead), wanted)

    def test_a_denied_command_stops_too(self):
        bench = probe([1], deny="halted")
        self.assertEqual(bench.trades("ETHUSDT", ["1", "2"], lookahead=0), 1)

    def test_a_denial_that_nobody_catches_is_told_and_is_no_fault(self):
        bench = probe([1], deny=Denied("risk", SimpleNamespace(limit="position", allowed=Decimal("0.1"), asked=Decimal("0.5"))))
        self.assertEqual(bench.trades("ETHUSDT", ["1", "2"]), 2)
        self.assertEqual(bench.logs, [("warn", "denied: risk limit=position allowed=0.1 asked=0.5")])
        with self.assertRaises(Denied) as caught:
            bench.strategy.orders.cancel(1)
        self.assertEqual((caught.exception.kind, caught.exception.detail.asked), ("risk", Decimal("0.5")))

    def test_budgets_are_told_as_the_host_has_them(self):
        queue = SimpleNamespace(key="queue", unit="count", limit=100, used=3)
        strategy = probe(budgets=[queue]).strategy
        self.assertEqual(strategy.quota.budgets(), [queue])
        self.assertEqual((strategy.quota.budget("queue"), strategy.quota.budget("other")), (queue, None))

    def test_an_exception_is_told_to_the_operator_then_it_is_a_fault(self):
        bench = probe()
        with self.assertRaisesRegex(RuntimeError, "on purpose"):
            bench.event("timer", 13)
        level, message = bench.logs[0]
        self.assertEqual(level, "error")
        self.assertRegex(message, r"on_timer: RuntimeError: broken on purpose(\n.*)*test_strategy.py:\d+ in on_timer$")

    def test_state_goes_from_one_generation_to_the_next(self):
        before = probe()
        before.event("started")
        before.trades("ETHUSDT", ["1", "2"])
        after = probe(state=before.runner.save()).strategy
        self.assertEqual(after.seen, ["start", 2, 3])
        self.assertEqual((after.kept["size"], after.kept["nothing"]), ("0.05", "0.00000000"))
        for bad in (b"{nonsense", b"\xff\xfe\xfd", b""):
            self.refused("corrupt", lambda: probe(state=bad))
        self.refused("version", lambda: probe(state=b"{}"))

    def test_raw_state_is_the_strategys_own(self):
        class Raw(Probe):
            raw_state = True
            def save(self): return b"\x00\xff"
            def restore(self, state): self.kept = state
        self.assertEqual(Bench(Raw, state=Bench(Raw).runner.save()).strategy.kept, b"\x00\xff")

    def test_every_order_of_the_contract_can_be_made(self):
        self.assertEqual(order.market_quote(ETH, "buy", "100"), Order(1, "buy", "market", quote=Decimal(100)))
        self.assertEqual(
            order.limit(ETH, "sell", "1", "2000.5", time_in_force="ioc", iceberg="0.1"),
            Order(1, "sell", "limit", Decimal(1), price=Decimal("2000.5"), time_in_force="ioc", iceberg=Decimal("0.1")))
        self.assertEqual(order.limit_maker(ETH, "sell", 1, 2000).kind, "limit-maker")
        self.assertEqual(order.stop_loss(ETH, "sell", "1", Trailing(50)).trigger, Trailing(50))
        self.assertEqual(order.take_profit_limit(ETH, "sell", "1", "2100", "2099").trigger, Decimal(2100))
        marked = order.market(ETH, "buy", "1", reduce_only=True, tag="in")
        self.assertEqual((marked.reduce_only, marked.tag), (True, "in"))
        for bad in (lambda: order.market(ETH, "BUY", "1"), lambda: order.limit(ETH, "buy", "1", "2", time_in_force="day"), lambda: order.market(ETH, "buy", 0.1)):
            with self.assertRaises((ValueError, TypeError)):
                bad()
        bench = probe()
        legs = order.limit_maker(BTC, "sell", "1", "70000"), order.stop_loss(BTC, "sell", "1", "60000")
        self.assertEqual(bench.strategy.orders.oco(*legs), [1, 2])
        self.assertEqual(bench.commands, [("submit_list", "oco", list(legs), 0)])

    def test_chance_is_that_of_the_javascript_sdk(self):
        self.assertNotEqual(probe(seed=3).strategy.random(), probe(seed=4).strategy.random())
        strategy = probe(seed=2**64 - 1).strategy
        self.assertTrue(all(0 <= strategy.random() < 1 for _ in range(100)))
        strategy = probe(seed=7).strategy
        self.assertEqual([strategy.random() for _ in range(3)], MULBERRY_7)

    def test_metrics_are_rounded_only_when_they_must_be(self):
        bench = probe()
        for value in (1 / 3, Decimal(1) / Decimal(3), Decimal("0.123456789012"), 4):
            bench.strategy.metrics.point("x", value)
        self.assertEqual([str(value) for _, _, value in bench.points], ["0.33333333", "0.33333333", "0.123456789012", "4"])


# The first three numbers of the JavaScript SDK for seed 7.
MULBERRY_7 = [0.011704753153026104, 0.06195825757458806, 0.97690763277933]

if __name__ == "__main__":
    unittest.main()
