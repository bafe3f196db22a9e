"""What a strategy can ask the host for: orders, market data, account, timers, store, log, metrics, quotas.

What lives here: the imports of the contract in the words of Python, with `cause` filled in. What may not: rules; the host
alone decides. `Host` is the port behind it: app.py answers it in a component, testing.py in memory.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Optional, Protocol, Union

from .batch import SIDES, stream
from .decimals import MAX_SCALE, exact, rounded


class Denied(Exception):
    """A command was denied by the host; nothing was sent to the venue. `kind` and `detail` are the contract's `denial`."""

    def __init__(self, kind, detail=None):
        words = detail if detail is None or isinstance(detail, str) else " ".join(f"{key}={value}" for key, value in vars(detail).items())
        super().__init__(f"denied: {kind}" + ("" if words is None else f" {words}"))
        self.kind = kind
        self.detail = detail


class StoreError(Exception):
    """The store did not take a value. `kind` is the contract's `state-error`."""

    def __init__(self, kind):
        super().__init__(f"store: {kind}")
        self.kind = kind


@dataclass(frozen=True)
class Instrument:
    """An instrument of the venue, with the rules that an order must obey. Field by field as in the contract."""

    id: int
    symbol: str
    base: str
    quote: str
    price_scale: int
    quantity_scale: int
    tick_size: Decimal
    step_size: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    min_notional: Decimal
    trading: bool


@dataclass(frozen=True)
class Trailing:
    """A trigger that follows the price at a distance."""

    basis_points: int


@dataclass(frozen=True)
class Order:
    """A new order. Made by `order`, which knows the fields that each kind has."""

    instrument: int
    side: str
    kind: str
    quantity: Optional[Decimal] = None
    #: Amount of the quote asset, in place of a quantity; market orders only.
    quote: Optional[Decimal] = None
    price: Optional[Decimal] = None
    trigger: Union[Decimal, Trailing, None] = None
    time_in_force: str = "gtc"
    iceberg: Optional[Decimal] = None
    reduce_only: bool = False
    tag: Optional[str] = None


def _order(kind, instrument, side, *, reduce_only=False, tag=None, time_in_force="gtc", trigger=None, **amounts):
    if side not in SIDES:
        raise ValueError(f"a side is buy or sell, not {side!r}")
    if time_in_force not in ("gtc", "ioc", "fok"):
        raise ValueError(f"a time in force is gtc, ioc or fok, not {time_in_force!r}")
    if trigger is not None and not isinstance(trigger, Trailing):
        trigger = exact(trigger)
    given = {name: None if value is None else exact(value) for name, value in amounts.items()}
    return Order(instrument.id, side, kind, trigger=trigger, time_in_force=time_in_force, reduce_only=reduce_only, tag=tag, **given)


class order:
    """Makes orders, for `submit` and the lists: `order.limit(instrument, "buy", "0.05", "3000.10", time_in_force="ioc")`.

    Each also takes `reduce_only` and `tag`. `at` is a price or `Trailing(basis_points)`.
    """

    @staticmethod
    def market(instrument, side, quantity, **more):
        return _order("market", instrument, side, quantity=quantity, **more)

    @staticmethod
    def market_quote(instrument, side, quote, **more):
        return _order("market", instrument, side, quote=quote, **more)

    @staticmethod
    def limit(instrument, side, quantity, price, *, time_in_force="gtc", iceberg=None, **more):
        return _order("limit", instrument, side, quantity=quantity, price=price, time_in_force=time_in_force, iceberg=iceberg, **more)

    @staticmethod
    def limit_maker(instrument, side, quantity, price, **more):
        return _order("limit-maker", instrument, side, quantity=quantity, price=price, **more)

    @staticmethod
    def stop_loss(instrument, side, quantity, at, **more):
        return _order("stop-loss", instrument, side, quantity=quantity, trigger=at, **more)

    @staticmethod
    def take_profit(instrument, side, quantity, at, **more):
        return _order("take-profit", instrument, side, quantity=quantity, trigger=at, **more)

    @staticmethod
    def stop_loss_limit(instrument, side, quantity, at, price, *, time_in_force="gtc", **more):
        return _order("stop-loss-limit", instrument, side, quantity=quantity, trigger=at, price=price, time_in_force=time_in_force, **more)

    @staticmethod
    def take_profit_limit(instrument, side, quantity, at, price, *, time_in_force="gtc", **more):
        return _order("take-profit-limit", instrument, side, quantity=quantity, trigger=at, price=price, time_in_force=time_in_force, **more)


class Host(Protocol):
    """What a desk needs. Commands raise Denied; answers are plain Python, with instruments by number."""

    def submit(self, order: Order, cause: int) -> int: ...
    def submit_list(self, kind: str, legs: list, cause: int) -> list: ...
    def cancel(self, order: int, cause: int) -> None: ...
    def cancel_all(self, instrument: Optional[int], cause: int) -> int: ...
    def amend(self, order: int, quantity: Decimal, cause: int) -> None: ...
    def instruments(self) -> list: ...
    def subscribe(self, instrument: int, stream) -> None: ...
    def unsubscribe(self, instrument: int, stream) -> None: ...
    def last_quote(self, instrument: int, as_of: int): ...
    def book(self, instrument: int, levels: int, as_of: int): ...
    def request_history(self, instrument: int, interval: int, start: Optional[int], limit: int, cause: int) -> int: ...
    def balances(self) -> list: ...
    def positions(self) -> list: ...
    def open_orders(self) -> list: ...
    def set_timer(self, at: int, cause: int) -> int: ...
    def set_interval(self, period: int, cause: int) -> int: ...
    def cancel_timer(self, timer: int) -> None: ...
    def get(self, key: str) -> Optional[bytes]: ...
    def set(self, key: str, value: bytes) -> None: ...
    def delete(self, key: str) -> None: ...
    def keys(self) -> list: ...
    def log(self, level: str, message: str) -> None: ...
    def gauge(self, name: str, value: Decimal) -> None: ...
    def point(self, series: str, ts: int, value: Decimal) -> None: ...
    def quotas(self) -> list: ...
    def budgets(self) -> list: ...
    def budget(self, key: str): ...


class _Part:
    def __init__(self, desk):
        self._desk = desk
        self._host = desk.host


class Orders(_Part):
    """Commands for orders. The answer of the venue comes later, as an event."""

    def submit(self, one):
        """Hands an order to the gate; the answer is its ticket."""
        return self._desk.command(self._host.submit, one)

    def _list(self, kind, *legs):
        return self._desk.command(self._host.submit_list, kind, list(legs))

    def oco(self, above, below):
        """One cancels the other."""
        return self._list("oco", above, below)

    def oto(self, working, pending):
        """The second enters when the first is filled."""
        return self._list("oto", working, pending)

    def otoco(self, working, above, below):
        """An OCO that enters when the first is filled."""
        return self._list("otoco", working, above, below)

    def cancel(self, ticket):
        return self._desk.command(self._host.cancel, ticket)

    def cancel_all(self, instrument=None):
        """Cancels every open order, of one instrument or of all; the answer is how many."""
        return self._desk.command(self._host.cancel_all, None if instrument is None else instrument.id)

    def amend(self, ticket, quantity):
        """Makes an order smaller; it keeps its place in the queue."""
        return self._desk.command(self._host.amend, ticket, exact(quantity))


def _submitting(make):
    def submit(self, *args, **more):
        return self.submit(make(*args, **more))
    submit.__name__, submit.__doc__ = make.__name__, f"Makes and submits an `order.{make.__name__}`."
    return submit


for _name in ("market", "market_quote", "limit", "limit_maker", "stop_loss", "take_profit", "stop_loss_limit", "take_profit_limit"):
    setattr(Orders, _name, _submitting(getattr(order, _name)))


class Market(_Part):
    """Subscriptions and market data on request."""

    def subscribe(self, instrument, name):
        self._host.subscribe(instrument.id, stream(name))

    def unsubscribe(self, instrument, name):
        self._host.unsubscribe(instrument.id, stream(name))

    def last_quote(self, instrument):
        return self._desk.named(self._host.last_quote(instrument.id, self._desk.seq))

    def book(self, instrument, levels=20):
        return self._desk.named(self._host.book(instrument.id, levels, self._desk.seq))

    def request_history(self, instrument, interval, *, start=None, limit=500):
        """Closed klines; they come to `on_history` with the returned number."""
        return self._desk.command(self._host.request_history, instrument.id, interval, start, limit)


class Account(_Part):
    """This strategy's own allocation, never the account."""

    def balances(self):
        return self._host.balances()

    def positions(self):
        return [self._desk.named(one) for one in self._host.positions()]

    def open_orders(self):
        return [self._desk.named(one) for one in self._host.open_orders()]


class Timers(_Part):
    """Timers in event time, in microseconds; they fire as `on_timer` with the returned number."""

    def at(self, ts):
        return self._desk.command(self._host.set_timer, ts)

    def after(self, micros):
        return self.at(self._desk.now + micros)

    def every(self, micros):
        return self._desk.command(self._host.set_interval, micros)

    def cancel(self, timer):
        self._host.cancel_timer(timer)


class Store(_Part):
    """A small key-value store that outlives the instance."""

    def get(self, key):
        return self._host.get(key)

    def get_text(self, key):
        value = self._host.get(key)
        return None if value is None else value.decode()

    def set(self, key, value):
        self._host.set(key, value.encode() if isinstance(value, str) else value)

    def delete(self, key):
        self._host.delete(key)

    def keys(self):
        return self._host.keys()


class Metrics(_Part):
    """Numbers for the operator. Floats and endless quotients are rounded to 8 places."""

    def gauge(self, name, value):
        self._host.gauge(name, self._measure(value))

    def point(self, series, value):
        self._host.point(series, self._desk.now, self._measure(value))

    @staticmethod
    def _measure(value):
        if isinstance(value, float) or isinstance(value, Decimal) and value.as_tuple().exponent < -MAX_SCALE:
            return rounded(value, 8)
        return exact(value)


class Log(_Part):
    """Lines for the operator."""

    def debug(self, message):
        self._host.log("debug", str(message))

    def info(self, message):
        self._host.log("info", str(message))

    def warn(self, message):
        self._host.log("warn", str(message))

    def error(self, message):
        self._host.log("error", str(message))


class Quota(_Part):
    """What is left of this strategy's quotas, and of its budgets in the sandbox."""

    def remaining(self):
        return self._host.quotas()

    def budgets(self):
        """Every budget of the sandbox: `key`, `unit`, `limit`, `used` (None where nothing adds up)."""
        return self._host.budgets()

    def budget(self, key):
        """One of them, for example `budget("memory_bytes")`; None if the host has no such budget."""
        return self._host.budget(key)


class Desk:
    """The base of Strategy."""

    def attach(self, host, context):
        """Called once by the runner, before `on_init`."""
        self.host = host
        self.seq = 0
        self.now = context.now
        #: Time of the first command of this batch.
        self.commanded = None
        self.instance = context.instance
        self.mode = context.mode
        self.seed = context.seed
        self.allocation = context.allocation
        self.instruments = context.instruments
        self._dice = context.seed & 0xFFFFFFFF
        self.log = Log(self)
        self.orders = Orders(self)
        self.market = Market(self)
        self.account = Account(self)
        self.timers = Timers(self)
        self.store = Store(self)
        self.metrics = Metrics(self)
        self.quota = Quota(self)

    def instrument(self, symbol):
        """A granted instrument by its symbol, or None."""
        return next((one for one in self.instruments if one.symbol == symbol), None)

    def instrument_by_id(self, number):
        """The instrument of a number that an event named."""
        for one in self.instruments:
            if one.id == number:
                return one
        # Granted after the start: the host knows it.
        self.instruments = self.host.instruments()
        none = Decimal(0)
        unknown = Instrument(number, f"#{number}", "", "", 0, 0, none, none, none, none, none, False)
        return next((one for one in self.instruments if one.id == number), unknown)

    def named(self, answer):
        """An answer of the host with the Instrument in place of its number."""
        if answer is not None:
            answer.instrument = self.instrument_by_id(answer.instrument)
        return answer

    def position(self, instrument):
        """Signed quantity of this strategy's position in an instrument; zero when flat."""
        return next((one.quantity for one in self.host.positions() if one.instrument == instrument.id), Decimal(0))

    def random(self):
        """A number from 0 to below 1, the same in every run with the same seed (mulberry32, as in the JavaScript SDK)."""
        self._dice = t = (self._dice + 0x6D2B79F5) & 0xFFFFFFFF
        t = ((t ^ (t >> 15)) * (t | 1)) & 0xFFFFFFFF
        t ^= (t + (t ^ (t >> 7)) * (t | 61)) & 0xFFFFFFFF
        return (t ^ (t >> 14)) / 4294967296

    def command(self, run, *args):
        """One command, with its cause; remembers the first of a batch for the lookahead, denied or not."""
        if self.commanded is None:
            self.commanded = self.now
        return run(*args, self.seq)
