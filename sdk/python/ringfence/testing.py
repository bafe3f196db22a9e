"""A host in memory: drives a strategy without any component. `Bench(Class, window=9)`, then `bench.trades(...)`.

What arrives at the strategy has the shape of the contract's records, so tests take the way that a component takes.
"""

from decimal import Decimal
from types import SimpleNamespace

from .batch import Variant
from .decimals import CONTEXT, exact, to_wire
from .desk import Denied, Instrument
from .strategy import Runner

FOREVER = 2**64 - 1


def _instrument(number, symbol, base, step):
    return Instrument(
        id=number, symbol=symbol, base=base, quote="USDT", price_scale=2, quantity_scale=-Decimal(step).as_tuple().exponent,
        tick_size=Decimal("0.01"), step_size=Decimal(step), min_quantity=Decimal(step), max_quantity=Decimal(9000),
        min_notional=Decimal(5), trading=True)


INSTRUMENTS = [_instrument(0, "BTCUSDT", "BTC", "0.00001"), _instrument(1, "ETHUSDT", "ETH", "0.0001")]


def amount(value):
    """A decimal as it crosses the border."""
    mantissa, scale = to_wire(exact(value))
    return SimpleNamespace(mantissa=mantissa, scale=scale)


def body(tag, *value):
    """An event body as it crosses the border: `body("timer", 3)`, `body("fill", record(...))`."""
    name = "EventBody_" + "".join(part.capitalize() for part in tag.split("-"))
    made = type(name, (), {})()
    vars(made).update({"value": one for one in value})
    return made


def record(**fields):
    """A record as it crosses the border; Decimals become the contract's decimals."""
    return SimpleNamespace(**{name: amount(one) if isinstance(one, Decimal) else one for name, one in fields.items()})


def batch(trades=None, aggregate_trades=None, quotes=None, depth=None, events=()):
    """A batch; each part may be left out."""
    return SimpleNamespace(trades=trades, aggregate_trades=aggregate_trades, quotes=quotes, depth=depth, events=list(events))


class Bench:
    """Market orders fill at once at the last price, less `commission` in the base asset, as a venue takes it of a buyer.

    Everything that was asked is in `commands`: `(name, argument, …, cause)`. Fills wait in `due` until `settle`.
    """

    def __init__(self, strategy_class, *, seed=7, state=None, commission="0", deny=None, positions=None, budgets=(), **parameters):
        self.commands, self.logs, self.points, self.due = [], [], [], []
        self.deny = deny
        self.commission = exact(commission)
        self.held = dict(positions or {})
        self.store = {}
        #: How the budgets of the sandbox stand: records with `key`, `unit`, `limit`, `used`.
        self.budget_states = list(budgets)
        self.seq = 0
        self.now = 1_700_000_000_000_000
        self.price = Decimal(0)
        self.runner = Runner(strategy_class, self)
        given = [SimpleNamespace(name=name.replace("_", "-"), value=_variant(value)) for name, value in parameters.items()]
        self.runner.init(SimpleNamespace(
            instance="test", mode="sim", now=self.now, seed=seed, instruments=INSTRUMENTS, parameters=given, allocation=[]))
        if state is not None:
            self.runner.restore(state)

    @property
    def strategy(self):
        """The instance under test."""
        return self.runner.strategy

    # The ways of events to the strategy.

    def event(self, tag, *value, lookahead=FOREVER):
        """One event, for example `event("started")`."""
        self.seq += 1
        return self.runner.on_events(batch(events=[SimpleNamespace(seq=self.seq, ts=self.now, body=body(tag, *value))]), lookahead)

    def trades(self, symbol, prices, *, gap=33_000, lookahead=FOREVER):
        """A batch of trades, `gap` microseconds apart. The answer is how many were taken."""
        known = next(one for one in INSTRUMENTS if one.symbol == symbol)
        rows = len(prices)
        seqs = list(range(self.seq + 1, self.seq + rows + 1))
        columns = SimpleNamespace(
            seq=seqs, ts=[self.now + gap * (i + 1) for i in range(rows)], instrument=[known.id] * rows, id=seqs,
            price=[int(CONTEXT.scaleb(exact(price), known.price_scale)) for price in prices], quantity=[100] * rows, aggressor=bytes(rows))
        self.seq += rows
        self.now += gap * rows
        if prices:
            self.price = exact(prices[-1])
        return self.runner.on_events(batch(trades=columns), lookahead)

    def settle(self):
        """Delivers the fills that are due; the answer is how many."""
        due, self.due = self.due, []
        for fill in due:
            self.event("fill", fill)
        return len(due)

    # The Host of the desk.

    def _command(self, *command):
        self.commands.append(command)
        if self.deny is not None:
            raise self.deny if isinstance(self.deny, Denied) else Denied(self.deny)
        return len(self.commands)

    def submit(self, order, cause):
        ticket = self._command("submit", order, cause)
        if order.kind == "market" and order.quantity is not None:
            commission = CONTEXT.multiply(order.quantity, self.commission) if order.side == "buy" else Decimal(0)
            change = CONTEXT.subtract(order.quantity, commission) if order.side == "buy" else -order.quantity
            self.held[order.instrument] = CONTEXT.add(self.held.get(order.instrument, Decimal(0)), change)
            base = next(one.base for one in INSTRUMENTS if one.id == order.instrument)
            self.due.append(record(
                order=ticket, instrument=order.instrument, side=order.side, trade_id=ticket, price=self.price, quantity=order.quantity,
                commission=commission, commission_asset=base, maker=False, status="filled", recovered=False))
        return ticket

    def submit_list(self, kind, legs, cause):
        first = self._command("submit_list", kind, legs, cause)
        return list(range(first, first + len(legs)))

    def cancel(self, order, cause): self._command("cancel", order, cause)
    def cancel_all(self, instrument, cause): self._command("cancel_all", instrument, cause); return 0
    def amend(self, order, quantity, cause): self._command("amend", order, quantity, cause)
    def instruments(self): return INSTRUMENTS
    def subscribe(self, instrument, stream): pass
    def unsubscribe(self, instrument, stream): pass
    def last_quote(self, instrument, as_of): return None
    def book(self, instrument, levels, as_of): return None
    def request_history(self, *request): return self._command("request_history", *request)
    def balances(self): return []
    def open_orders(self): return []
    def set_timer(self, at, cause): return self._command("set_timer", at, cause)
    def set_interval(self, period, cause): return self._command("set_interval", period, cause)
    def cancel_timer(self, timer): pass
    def get(self, key): return self.store.get(key)
    def set(self, key, value): self.store[key] = value
    def delete(self, key): self.store.pop(key, None)
    def keys(self): return list(self.store)
    def log(self, level, message): self.logs.append((level, message))
    def gauge(self, name, value): to_wire(value)
    def quotas(self): return []
    def budgets(self): return self.budget_states
    def budget(self, key): return next((one for one in self.budget_states if one.key == key), None)

    def point(self, series, ts, value):
        to_wire(value)
        self.points.append((series, ts, value))

    def positions(self):
        return [
            SimpleNamespace(instrument=number, quantity=quantity, average_price=Decimal(0), realised_pnl=Decimal(0))
            for number, quantity in self.held.items()
        ]


def _variant(value):
    if isinstance(value, bool):
        return Variant("boolean", value)
    if isinstance(value, int):
        return Variant("integer", value)
    return Variant("number", value) if isinstance(value, Decimal) else Variant("text", value)
