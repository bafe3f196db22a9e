// From a batch of the contract to events in their one true order. What lives here: merging by `seq` and the views
// of rows. What may not: anything about strategies. Prices of rows become Decimals only when they are read.

import { Decimal } from "./decimal.js";

const SIDES = ["buy", "sell"];

/** Records of the contract, with every decimal in them as a Decimal. */
export function fromWire(value) {
  if (Array.isArray(value)) return value.map(fromWire);
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  if ("mantissa" in value && "scale" in value) return Decimal.fromWire(value);
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, fromWire(field)]));
}

/** The opposite of `fromWire`. */
export function toWire(value) {
  if (value instanceof Decimal) return value.toWire();
  if (Array.isArray(value)) return value.map(toWire);
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, toWire(field)]));
}

/** One row of columns; `instrument` is the Instrument, not its number. */
class Row {
  constructor(columns, row, instrument) {
    this.columns = columns;
    this.row = row;
    this.instrument = instrument;
  }

  get seq() { return this.columns.seq[this.row]; }
  get ts() { return this.columns.ts[this.row]; }
  price_(column) { return Decimal.fromWire({ mantissa: column[this.row], scale: this.instrument.priceScale }); }
  quantity_(column) { return Decimal.fromWire({ mantissa: column[this.row], scale: this.instrument.quantityScale }); }
}

/** A trade, or an aggregate trade. */
export class Trade extends Row {
  get id() { return this.columns.id[this.row]; }
  get price() { return this.price_(this.columns.price); }
  get quantity() { return this.quantity_(this.columns.quantity); }
  /** Side of the taker: "buy" or "sell". */
  get aggressor() { return SIDES[this.columns.aggressor[this.row]]; }
}

/** A change of the best bid or ask. */
export class Quote extends Row {
  get bidPrice() { return this.price_(this.columns.bidPrice); }
  get bidQuantity() { return this.quantity_(this.columns.bidQuantity); }
  get askPrice() { return this.price_(this.columns.askPrice); }
  get askQuantity() { return this.quantity_(this.columns.askQuantity); }
}

/** A depth update; its levels start at `first` in the level columns. */
export class Depth extends Row {
  constructor(columns, row, instrument, first) {
    super(columns, row, instrument);
    this.first = first;
  }

  get firstUpdateId() { return this.columns.firstUpdateId[this.row]; }
  get lastUpdateId() { return this.columns.lastUpdateId[this.row]; }
  /** Changed bid levels; a quantity of zero removes the level. */
  get bids() { return this.#levels(this.first, this.columns.bids[this.row]); }
  get asks() { return this.#levels(this.first + this.columns.bids[this.row], this.columns.asks[this.row]); }

  #levels(from, count) {
    const { price, quantity } = this.columns;
    const { priceScale, quantityScale } = this.instrument;
    return Array.from({ length: count }, (_, i) => ({
      price: Decimal.fromWire({ mantissa: price[from + i], scale: priceScale }),
      quantity: Decimal.fromWire({ mantissa: quantity[from + i], scale: quantityScale }),
    }));
  }
}

const HANDLERS = {
  "started": "onStart", "kline": "onKline", "book": "onBook", "ticker": "onTicker", "order": "onOrder", "fill": "onFill",
  "balance": "onBalance", "position": "onPosition", "timer": "onTimer", "history": "onHistory", "feed-gap": "onFeedGap",
  "feed-resumed": "onFeedResumed", "halted": "onHalted", "resumed": "onResumed",
};

/**
 * The events of a batch by `seq`, as `{ seq, ts, handler, event }`.
 * @param batch what the host handed over
 * @param {(id: number) => object} instrument looks an instrument up
 */
export function* merged(batch, instrument) {
  const sources = [];
  const columns = (part, handler, view) => {
    if (part && part.seq.length > 0) sources.push({ part, handler, view, row: 0, seq: part.seq });
  };
  columns(batch.trades, "onTrade", (part, row) => new Trade(part, row, instrument(part.instrument[row])));
  columns(batch.aggregateTrades, "onAggregateTrade", (part, row) => new Trade(part, row, instrument(part.instrument[row])));
  columns(batch.quotes, "onQuote", (part, row) => new Quote(part, row, instrument(part.instrument[row])));
  let level = 0;
  columns(batch.depth, "onDepth", (part, row) => {
    const first = level;
    level += part.bids[row] + part.asks[row];
    return new Depth(part, row, instrument(part.instrument[row]), first);
  });
  if (batch.events.length > 0) sources.push({ events: batch.events, row: 0, seq: batch.events.map((event) => event.seq) });

  while (sources.length > 0) {
    let next = 0;
    for (let i = 1; i < sources.length; i += 1) {
      if (sources[i].seq[sources[i].row] < sources[next].seq[sources[next].row]) next = i;
    }
    const source = sources[next];
    const row = source.row;
    source.row += 1;
    if (source.row === source.seq.length) sources.splice(next, 1);
    if (source.events) {
      const { seq, ts, body } = source.events[row];
      yield { seq, ts, handler: HANDLERS[body.tag], event: withInstrument(fromWire(body.val), instrument) };
    } else {
      yield { seq: source.seq[row], ts: source.part.ts[row], handler: source.handler, event: source.view(source.part, row) };
    }
  }
}

/** An event speaks of instruments by number; a strategy gets the Instrument. */
function withInstrument(event, instrument) {
  if (event && typeof event === "object" && typeof event.instrument === "number") event.instrument = instrument(event.instrument);
  if (event && Array.isArray(event.klines)) event.klines.forEach((kline) => withInstrument(kline, instrument));
  if (event && event.stream && event.stream.tag) event.stream = streamName(event.stream);
  return event;
}

/** "book:10" for `{ tag: "book", val: 10 }`, "trades" for `{ tag: "trades" }`. */
export const streamName = ({ tag, val }) => (val === undefined ? tag : `${tag}:${val}`);

/** The opposite of `streamName`. */
export function stream(name) {
  const [tag, val] = name.split(":");
  const plain = ["trades", "aggregate-trades", "quotes", "depth", "ticker"].includes(tag);
  if (plain && val === undefined) return { tag };
  if ((tag === "book" || tag === "klines") && /^\d+$/.test(val ?? "")) return { tag, val: Number(val) };
  throw new TypeError(`no such stream: ${name}; there are trades, aggregate-trades, quotes, depth, ticker, book:5|10|20, klines:SECONDS`);
}
