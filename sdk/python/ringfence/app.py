"""The exports of the contract around the strategy of a plugin: what componentize-py turns into a component.

What lives here: plain Python to the generated bindings and back, and nothing else; this is the only file that knows them.
The plugin's `strategy.py` must define one subclass of Strategy.
"""

import gc
import random
import sys
import time

import strategy as plugin
from componentize_py_types import Err
from wit_world import exports
from wit_world.exports import handler as contract
from wit_world.imports import account, log, market, metrics, orders, quota, state, timers, types

from .batch import plain, stream
from .decimals import to_wire
from .desk import Denied, Instrument, StoreError, Trailing
from .strategy import Refusal, Runner, Strategy


def _the_class(module):
    found = [one for one in vars(module).values() if isinstance(one, type) and issubclass(one, Strategy) and one.__module__ == module.__name__]
    if len(found) != 1:
        raise TypeError(f"strategy.py must define one subclass of Strategy, it has {len(found)}")
    return found[0]


def _named(module, kind, tag, *value):
    """The variant `tag` of the generated type `kind`: `_named(types, "Stream", "aggregate-trades")`."""
    camel = "".join(part.capitalize() for part in tag.split("-"))
    return getattr(module, f"{kind}_{camel}")(*value)


def _enum(kind, tag):
    return kind[tag.upper().replace("-", "_")]


def _decimal(value):
    return types.Decimal(*to_wire(value))


def _maybe(value):
    return None if value is None else _decimal(value)


def _stream(one):
    return _named(types, "Stream", one.tag) if one.value is None else _named(types, "Stream", one.tag, one.value)


def _kind(order):
    """The contract's order-kind of an Order."""
    if order.kind == "market":
        size = orders.MarketSize_Base(_decimal(order.quantity)) if order.quote is None else orders.MarketSize_Quote(_decimal(order.quote))
        return orders.OrderKind_Market(size)
    quantity = _decimal(order.quantity)
    if order.kind == "limit":
        in_force = _enum(types.TimeInForce, order.time_in_force)
        return orders.OrderKind_Limit(orders.Limit(quantity, _decimal(order.price), in_force, _maybe(order.iceberg)))
    if order.kind == "limit-maker":
        return orders.OrderKind_LimitMaker(orders.LimitMaker(quantity, _decimal(order.price)))
    trailing = isinstance(order.trigger, Trailing)
    trigger = orders.Trigger_Trailing(order.trigger.basis_points) if trailing else orders.Trigger_Price(_decimal(order.trigger))
    if order.price is None:
        return _named(orders, "OrderKind", order.kind, orders.Stop(quantity, trigger))
    in_force = _enum(types.TimeInForce, order.time_in_force)
    return _named(orders, "OrderKind", order.kind, orders.StopLimit(quantity, trigger, _decimal(order.price), in_force))


def _order(order):
    return orders.NewOrder(order.instrument, _enum(types.Side, order.side), _kind(order), order.reduce_only, order.tag)


def _value(variant):
    tag, value = variant
    return _named(contract, "Value", tag, _decimal(value) if tag == "number" else value)


def _range(variant):
    tag, value = variant
    if tag == "any":
        return contract.ValueRange_Any()
    return _named(contract, "ValueRange", tag, tuple(map(_decimal, value)) if tag == "number" else value)


def _asking(call, *args):
    try:
        return call(*args)
    except Err as refusal:
        denial = plain(refusal.value)
    raise Denied(denial.tag, denial.value)


def _instruments(found):
    return [Instrument(**vars(plain(one))) for one in found]


class ContractHost:
    """The Host behind the desk, answered by the imports of the contract."""

    def submit(self, order, cause): return _asking(orders.submit, _order(order), cause)
    def submit_list(self, kind, legs, cause): return _asking(orders.submit_list, _named(orders, "OrderList", kind, tuple(map(_order, legs))), cause)
    def cancel(self, order, cause): _asking(orders.cancel, order, cause)
    def cancel_all(self, instrument, cause): return _asking(orders.cancel_all, instrument, cause)
    def amend(self, order, quantity, cause): _asking(orders.amend, order, _decimal(quantity), cause)
    def instruments(self): return _instruments(market.instruments())
    def subscribe(self, instrument, one): _asking(market.subscribe, instrument, _stream(one))
    def unsubscribe(self, instrument, one): _asking(market.unsubscribe, instrument, _stream(one))
    def last_quote(self, instrument, as_of): return plain(market.last_quote(instrument, as_of))
    def book(self, instrument, levels, as_of): return plain(market.book(instrument, levels, as_of))
    def request_history(self, instrument, interval, start, limit, cause): return _asking(market.request_history, instrument, interval, start, limit, cause)
    def balances(self): return plain(account.balances())
    def positions(self): return plain(account.positions())
    def open_orders(self): return plain(account.open_orders())
    def set_timer(self, at, cause): return _asking(timers.set, at, cause)
    def set_interval(self, period, cause): return _asking(timers.set_interval, period, cause)
    def cancel_timer(self, timer): timers.cancel(timer)
    def get(self, key): return state.get(key)
    def delete(self, key): state.delete(key)
    def keys(self): return state.keys()
    def log(self, level, message): log.write(_enum(log.Level, level), message)
    def gauge(self, name, value): metrics.gauge(name, _decimal(value))
    def point(self, series, ts, value): metrics.point(series, ts, _decimal(value))
    def quotas(self): return plain(quota.remaining())
    def budgets(self): return plain(quota.budgets())
    def budget(self, key): return plain(quota.budget(key))

    def set(self, key, value):
        try:
            return state.set(key, value)
        except Err as refusal:
            kind = plain(refusal.value).tag
        raise StoreError(kind)


class _Lines:
    """What is printed goes to the log, line by line."""

    def __init__(self, level):
        self.level = level
        self.rest = ""

    def write(self, text):
        *lines, self.rest = (self.rest + text).split("\n")
        for line in lines:
            log.write(self.level, line)
        return len(text)

    def flush(self):
        pass


def calm(seed):
    """Takes what would differ from run to run out of the language: the clock is event time, chance is seeded, print is the log."""
    random.seed(seed)
    time.time_ns = time.monotonic_ns = time.perf_counter_ns = lambda: (RUNNER.strategy.now if RUNNER.strategy else 0) * 1000
    time.time = time.monotonic = time.perf_counter = lambda: time.time_ns() / 1e9
    sys.stdout, sys.stderr = _Lines(log.Level.INFO), _Lines(log.Level.WARN)


# Also here, so that the state of chance in the snapshot is not that of the machine that built it.
random.seed(0)
RUNNER = Runner(_the_class(plugin), ContractHost())


class Handler(exports.Handler):
    """The `handler` interface of the contract."""

    def describe(self):
        about = RUNNER.strategy_class.manifest
        wishes = [contract.Wish(symbol, [_stream(stream(name)) for name in names]) for symbol, names in about.wishes.items()]
        specs = [contract.ParameterSpec(name, spec.description, _value(spec.default), _range(spec.range)) for name, spec in about.parameters.items()]
        return contract.Manifest(about.name, about.version, about.description, "python", wishes, specs)

    def init(self, context):
        if sys.platform == "wasi":  # In a component only: a test's own clock and output stay.
            calm(context.seed)
        told = plain(context)
        told.instruments = _instruments(context.instruments)
        self._answering("InitError", RUNNER.init, told)
        if sys.platform == "wasi":
            # The interpreter's own objects stay: to look through them again and again costs more than an event may.
            gc.collect()
            gc.freeze()

    def on_events(self, batch, lookahead):
        return RUNNER.on_events(batch, lookahead)

    def save(self):
        return RUNNER.save()

    def restore(self, state):
        self._answering("RestoreError", RUNNER.restore, state)

    def shutdown(self, reason):
        RUNNER.shutdown(plain(reason))

    @staticmethod
    def _answering(kind, call, *args):
        try:
            return call(*args)
        except Refusal as refusal:
            tag, value = refusal.variant
        raise Err(_named(contract, kind, tag, value))
