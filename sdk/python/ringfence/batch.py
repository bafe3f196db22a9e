"""From a batch of the contract to events in their one true order.

What lives here: merging by `seq`, the views of rows, and records of the contract in plain Python. What may not: anything
about strategies, nor the generated bindings: records are read by their shape. Prices of rows become Decimals only when
they are read.
"""

import re
from collections import namedtuple
from enum import Enum
from types import SimpleNamespace

from .decimals import from_wire

SIDES = ("buy", "sell")
PLAIN_STREAMS = ("trades", "aggregate-trades", "quotes", "depth", "ticker")
SIZED_STREAMS = ("book", "klines")

#: A variant of the contract: `tag` as in the contract (`"not-permitted"`), `value` or None.
Variant = namedtuple("Variant", "tag value")

_DECIMAL = {"mantissa", "scale"}
_AS_IT_IS = (type(None), bool, int, str, bytes)
_tags = {}


def tag_of(variant):
    """`"aggregate-trades"` of a `Stream_AggregateTrades`."""
    kind = type(variant)
    if kind not in _tags:
        _tags[kind] = re.sub("(?<!^)(?=[A-Z])", "-", kind.__name__.split("_", 1)[1]).lower()
    return _tags[kind]


def plain(value):
    """A value of the contract in plain Python: Decimals, texts for enums and streams, `Variant`s, namespaces for records."""
    if isinstance(value, _AS_IT_IS):
        return value
    if isinstance(value, Enum):
        return value.name.lower().replace("_", "-")
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    fields = vars(value)
    if fields.keys() == _DECIMAL:
        return from_wire(value.mantissa, value.scale)
    name = type(value).__name__
    if "_" in name:
        found = Variant(tag_of(value), plain(fields.get("value")))
        return stream_name(found) if name.startswith("Stream_") else found
    return SimpleNamespace(**{key: plain(field) for key, field in fields.items()})


def stream_name(stream):
    """`"book:10"` for the variant book(10), `"trades"` for trades."""
    return stream.tag if stream.value is None else f"{stream.tag}:{stream.value}"


def stream(name):
    """The opposite of `stream_name`."""
    tag, colon, value = name.partition(":")
    if tag in PLAIN_STREAMS and not colon:
        return Variant(tag, None)
    if tag in SIZED_STREAMS and re.fullmatch("[0-9]+", value):
        return Variant(tag, int(value))
    raise ValueError(f"no such stream: {name}; there are {', '.join(PLAIN_STREAMS)}, book:5|10|20, klines:SECONDS")


class Row:
    """One row of columns; `instrument` is the Instrument, not its number."""

    __slots__ = ("columns", "row", "instrument", "seq", "ts")

    def __init__(self, columns, row, instrument):
        self.columns = columns
        self.row = row
        self.instrument = instrument
        self.seq = columns.seq[row]
        self.ts = columns.ts[row]


def _cell(column):
    return property(lambda self: getattr(self.columns, column)[self.row])


def _price(column):
    return property(lambda self: from_wire(getattr(self.columns, column)[self.row], self.instrument.price_scale))


def _quantity(column):
    return property(lambda self: from_wire(getattr(self.columns, column)[self.row], self.instrument.quantity_scale))


class Trade(Row):
    """A trade, or an aggregate trade."""

    __slots__ = ()
    id = _cell("id")
    price = _price("price")
    quantity = _quantity("quantity")

    @property
    def aggressor(self):
        """Side of the taker: "buy" or "sell"."""
        return SIDES[self.columns.aggressor[self.row]]


class Quote(Row):
    """A change of the best bid or ask."""

    __slots__ = ()
    bid_price = _price("bid_price")
    bid_quantity = _quantity("bid_quantity")
    ask_price = _price("ask_price")
    ask_quantity = _quantity("ask_quantity")


class Depth(Row):
    """A depth update; its levels start at `first` in the level columns."""

    __slots__ = ("first",)
    first_update_id = _cell("first_update_id")
    last_update_id = _cell("last_update_id")

    @property
    def bids(self):
        """Changed bid levels; a quantity of zero removes the level."""
        return self._levels(self.first, self.columns.bids[self.row])

    @property
    def asks(self):
        """Changed ask levels; a quantity of zero removes the level."""
        return self._levels(self.first + self.columns.bids[self.row], self.columns.asks[self.row])

    def _levels(self, start, count):
        rows, known = self.columns, self.instrument
        return [
            SimpleNamespace(price=from_wire(rows.price[i], known.price_scale), quantity=from_wire(rows.quantity[i], known.quantity_scale))
            for i in range(start, start + count)
        ]


HANDLERS = {
    "started": "on_start", "kline": "on_kline", "book": "on_book", "ticker": "on_ticker", "order": "on_order", "fill": "on_fill",
    "balance": "on_balance", "position": "on_position", "timer": "on_timer", "history": "on_history", "feed-gap": "on_feed_gap",
    "feed-resumed": "on_feed_resumed", "halted": "on_halted", "resumed": "on_resumed",
}


def _rows(columns, handler, view, instrument):
    for row, seq in enumerate(columns.seq):
        yield seq, columns.ts[row], handler, view(columns, row, instrument(columns.instrument[row]))


def _depth_rows(columns, instrument):
    level = 0
    for found in _rows(columns, "on_depth", Depth, instrument):
        found[3].first = level
        level += columns.bids[found[3].row] + columns.asks[found[3].row]
        yield found


def _events(events, instrument):
    for event in events:
        tag, value = plain(event.body)
        yield event.seq, event.ts, HANDLERS[tag], _with_instrument(value, instrument)


def _with_instrument(event, instrument):
    """An event speaks of instruments by number; a strategy gets the Instrument."""
    if isinstance(event, SimpleNamespace):
        if isinstance(getattr(event, "instrument", None), int):
            event.instrument = instrument(event.instrument)
        for kline in getattr(event, "klines", ()):
            _with_instrument(kline, instrument)
    return event


def merged(batch, instrument):
    """The events of a batch by `seq`, as `(seq, ts, handler, event)`; `instrument` looks one up by number.

    Lazy: a strategy that stops early has not paid for the rest.
    """
    sources = []
    for columns, handler, view in ((batch.trades, "on_trade", Trade), (batch.aggregate_trades, "on_aggregate_trade", Trade), (batch.quotes, "on_quote", Quote)):
        if columns is not None:
            sources.append(_rows(columns, handler, view, instrument))
    if batch.depth is not None:
        sources.append(_depth_rows(batch.depth, instrument))
    if batch.events:
        sources.append(_events(batch.events, instrument))
    if len(sources) == 1:
        yield from sources[0]
        return

    heads = [[found, source] for source in sources if (found := next(source, None)) is not None]
    while heads:
        head = min(heads, key=lambda one: one[0][0])
        yield head[0]
        head[0] = next(head[1], None)
        if head[0] is None:
            heads.remove(head)
