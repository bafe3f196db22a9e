"""The glue against the bindings that componentize-py generates from wit/: what only a component would show otherwise.

Skipped until a build (`python3 build.py …`) has brought the toolchain.
"""

import importlib
import subprocess
import sys
import tempfile
import unittest
from decimal import Decimal
from pathlib import Path

from ringfence import Denied, StoreError, Trailing, order
from ringfence.testing import INSTRUMENTS

ROOT = Path(__file__).resolve().parents[3]
CLI = ROOT / "target/python-venv/bin/componentize-py"
SOURCE = '''
from ringfence import Manifest, Strategy, parameter
class Probe(Strategy):
    manifest = Manifest(name="probe", version="1.2.3", wishes={"BTCUSDT": ["trades", "klines:60"]}, parameters={
        "size": parameter.number("0.05", "0.01", "1", "how much"), "pace": parameter.choice("slow", ["slow", "fast"], "how fast"),
        "dry": parameter.boolean(False, "whether")})
    def on_init(self): self.seen = []
    def on_trade(self, trade): self.seen.append(trade.price); self.orders.market(trade.instrument, "buy", self.parameters.size)
    def on_fill(self, fill): self.seen.append(fill)
    def on_feed_gap(self, gap): self.seen.append(gap)
    def on_stop(self, reason): self.seen.append(reason)
    def save(self): return len(self.seen)
    def restore(self, state): self.seen = [None] * state
'''


@unittest.skipUnless(CLI.exists(), "no toolchain yet: python3 build.py installs it")
class Glue(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="ringfence-bindings-")
        cls.addClassCleanup(folder.cleanup)
        subprocess.run([CLI, "-d", ROOT / "wit", "-w", "strategy", "bindings", folder.name], check=True, stdout=subprocess.DEVNULL)
        (Path(folder.name) / "strategy.py").write_text(SOURCE)
        sys.path.insert(0, folder.name)
        cls.addClassCleanup(sys.path.remove, folder.name)
        cls.app = importlib.import_module("ringfence.app")
        cls.contract, cls.types, cls.orders = cls.app.contract, cls.app.types, cls.app.orders
        cls.events = importlib.import_module("wit_world.imports.events")

    def setUp(self):
        self.calls = []
        for module, names in ((self.orders, "submit submit_list cancel cancel_all amend"), (self.app.log, "write"), (self.app.metrics, "gauge point"), (self.app.timers, "set set_interval")):
            for name in names.split():
                setattr(module, name, lambda *args, name=name: self.calls.append((name, *args)) or 1)
        self.handler = self.app.Handler()

    def context(self, **parameters):
        known = INSTRUMENTS[0]
        d = self.app._decimal
        instrument = self.types.Instrument(
            0, "BTCUSDT", "BTC", "USDT", 2, 5, d(known.tick_size), d(known.step_size), d(known.min_quantity), d(known.max_quantity), d(known.min_notional), True)
        given = [self.contract.Parameter(name, value) for name, value in parameters.items()]
        return self.contract.Context("x", self.contract.Mode.SIM, 10**15, 2**64 - 1, [instrument], given, [self.types.Balance("USDT", self.types.Decimal(1000, 0), self.types.Decimal(0, 0))])

    def batch(self, trades=None, *bodies):
        return self.events.Batch(trades, None, None, None, [self.events.Event(9 + i, 10**15, body) for i, body in enumerate(bodies)])

    def trades(self, *prices):
        rows = len(prices)
        return self.events.TradeColumns(list(range(1, rows + 1)), [10**15 + i for i in range(rows)], [0] * rows, [1] * rows, list(prices), [1] * rows, bytes(rows))

    def test_the_manifest_is_what_the_contract_wants(self):
        told = self.handler.describe()
        c, t = self.contract, self.types
        self.assertEqual((told.name, told.language), ("probe", "python"))
        self.assertEqual(told.wishes, [c.Wish("BTCUSDT", [t.Stream_Trades(), t.Stream_Klines(60)])])
        self.assertEqual(told.parameters, [
            c.ParameterSpec("size", "how much", c.Value_Number(t.Decimal(5, 2)), c.ValueRange_Number((t.Decimal(1, 2), t.Decimal(1, 0)))),
            c.ParameterSpec("pace", "how fast", c.Value_Text("slow"), c.ValueRange_Choice(["slow", "fast"])),
            c.ParameterSpec("dry", "whether", c.Value_Boolean(False), c.ValueRange_Any())])

    def test_events_come_in_and_commands_go_out(self):
        t, o, e = self.types, self.orders, self.events
        self.handler.init(self.context(size=self.contract.Value_Number(t.Decimal(2, 1))))
        self.assertEqual(self.handler.on_events(self.batch(self.trades(6700012, 6700013, 6700014)), 1), 1)
        wanted = o.NewOrder(0, t.Side.BUY, o.OrderKind_Market(o.MarketSize_Base(t.Decimal(2, 1))), False, None)
        self.assertEqual(self.calls, [("submit", wanted, 1)])
        fill = e.Fill(1, 0, t.Side.BUY, 5, t.Decimal(6700012, 2), t.Decimal(2, 1), t.Decimal(2, 4), "BTC", False, e.OrderStatus.PARTIALLY_FILLED, False)
        gap = e.FeedGap(0, t.Stream_Book(10), e.GapReason.SLOW_CONSUMER, 3)
        self.assertEqual(self.handler.on_events(self.batch(None, e.EventBody_Started(), e.EventBody_Fill(fill), e.EventBody_FeedGap(gap)), 1), 3)
        price, fill, gap = self.app.RUNNER.strategy.seen
        self.assertEqual((price, fill.price, fill.side, fill.status, fill.instrument.symbol), (Decimal("67000.12"), price, "buy", "partially-filled", "BTCUSDT"))
        self.assertEqual((gap.stream, gap.reason, gap.missed), ("book:10", "slow-consumer", 3))
        self.assertEqual(self.handler.save(), b"3")
        self.handler.shutdown(self.contract.StopReason.HOST_SHUTDOWN)
        self.assertEqual(self.app.RUNNER.strategy.seen[-1], "host-shutdown")

    def test_every_order_crosses(self):
        t, o, btc = self.types, self.orders, INSTRUMENTS[0]
        kind = lambda one: self.app._order(one).kind
        one, two = t.Decimal(1, 0), t.Decimal(2, 0)
        gtc, ioc = t.TimeInForce.GTC, t.TimeInForce.IOC
        self.assertEqual(kind(order.market_quote(btc, "sell", 2)), o.OrderKind_Market(o.MarketSize_Quote(two)))
        self.assertEqual(kind(order.limit(btc, "buy", 1, 2, time_in_force="ioc", iceberg=1)), o.OrderKind_Limit(o.Limit(one, two, ioc, one)))
        self.assertEqual(kind(order.limit_maker(btc, "buy", 1, 2)), o.OrderKind_LimitMaker(o.LimitMaker(one, two)))
        for name in ("stop_loss", "take_profit"):
            camel = "".join(part.capitalize() for part in name.split("_"))
            stop, limit = getattr(o, f"OrderKind_{camel}"), getattr(o, f"OrderKind_{camel}Limit")
            self.assertEqual(kind(getattr(order, name)(btc, "sell", 1, Trailing(50))), stop(o.Stop(one, o.Trigger_Trailing(50))))
            self.assertEqual(kind(getattr(order, f"{name}_limit")(btc, "sell", 1, 2, 1)), limit(o.StopLimit(one, o.Trigger_Price(two), one, gtc)))
        self.handler.init(self.context())
        legs = order.limit_maker(btc, "sell", 1, 2, tag="a"), order.stop_loss(btc, "sell", 1, 1, reduce_only=True)
        desk = self.app.RUNNER.strategy
        desk.orders.oco(*legs)
        desk.metrics.gauge("x", 0.5)
        desk.log.warn("careful")
        desk.timers.after(5)
        self.assertEqual(self.calls, [
            ("submit_list", o.OrderList_Oco(tuple(map(self.app._order, legs))), 0), ("gauge", "x", t.Decimal(50000000, 8)),
            ("write", self.app.log.Level.WARN, "careful"), ("set", 10**15 + 5, 0)])

    def test_denials_and_refusals_are_variants(self):
        t, err = self.types, self.app.Err
        self.handler.init(self.context())

        def deny(denial):
            def run(*_):
                raise err(denial)
            return run
        desk = self.app.RUNNER.strategy
        self.orders.cancel = deny(t.Denial_Risk(t.RiskDenial(t.RiskLimit.OPEN_NOTIONAL, t.Decimal(1, 1), t.Decimal(5, 1))))
        self.orders.amend = deny(t.Denial_NotPermitted())
        self.app.state.set = deny(self.app.state.StateError_StoreFull())
        with self.assertRaises(Denied) as risk:
            desk.orders.cancel(1)
        self.assertEqual((risk.exception.kind, risk.exception.detail.limit, risk.exception.detail.asked), ("risk", "open-notional", Decimal("0.5")))
        with self.assertRaises(Denied) as plain:
            desk.orders.amend(1, "0.5")
        self.assertEqual((plain.exception.kind, plain.exception.detail), ("not-permitted", None))
        with self.assertRaises(StoreError) as store:
            desk.store.set("a", "b")
        self.assertEqual(store.exception.kind, "store-full")
        with self.assertRaises(err) as bad:
            self.handler.init(self.context(pace=self.contract.Value_Text("odd")))
        self.assertEqual(bad.exception.value, self.contract.InitError_InvalidParameter(("pace", "must be one of slow, fast")))
        with self.assertRaises(err) as bad:
            self.handler.restore(b"{")
        self.assertIsInstance(bad.exception.value, self.contract.RestoreError_Corrupt)


if __name__ == "__main__":
    unittest.main()
