// What a strategy can ask the host for: orders, market data, account, timers, store, log, metrics, quotas.
// What lives here: the imports of the contract in the words of JavaScript, with `cause` filled in. What may not: rules;
// the host alone decides.

import { fromWire, stream, toWire } from "./batch.js";
import { Decimal } from "./decimal.js";
import { fromBytes, toBytes } from "./text.js";

/** A command was denied by the host; nothing was sent to the venue. `kind` and `detail` are the contract's `denial`. */
export class Denied extends Error {
  constructor({ tag, val }) {
    super(`denied: ${tag}${val === undefined ? "" : ` ${JSON.stringify(val)}`}`);
    this.name = "Denied";
    this.kind = tag;
    this.detail = val;
  }
}

const trigger = (at) => (typeof at === "object" && at !== null && "trailing" in at ? { tag: "trailing", val: at.trailing } : { tag: "price", val: Decimal.from(at) });
const make = (kind) => (instrument, side, ...rest) => {
  const options = rest.length > kind.length ? rest.pop() : {};
  const { reduceOnly = false, tag = null } = options;
  return { instrument: instrument.id, side, kind: kind(...rest, options), reduceOnly, tag };
};
const budget = (state) => (state === null || state === undefined ? null : { ...state, used: state.used ?? null });
const amount = (value) => Decimal.from(value);

/** Makes orders, for `submit` and the lists: `order.limit(instrument, "buy", "0.05", "3000.10", { timeInForce: "ioc" })`. */
export const order = {
  market: make((quantity) => ({ tag: "market", val: { tag: "base", val: amount(quantity) } })),
  marketQuote: make((quote) => ({ tag: "market", val: { tag: "quote", val: amount(quote) } })),
  limit: make((quantity, price, { timeInForce = "gtc", iceberg = null } = {}) => ({
    tag: "limit", val: { quantity: amount(quantity), price: amount(price), timeInForce, icebergQuantity: iceberg === null ? null : amount(iceberg) },
  })),
  limitMaker: make((quantity, price) => ({ tag: "limit-maker", val: { quantity: amount(quantity), price: amount(price) } })),
  stopLoss: make((quantity, at) => ({ tag: "stop-loss", val: { quantity: amount(quantity), trigger: trigger(at) } })),
  takeProfit: make((quantity, at) => ({ tag: "take-profit", val: { quantity: amount(quantity), trigger: trigger(at) } })),
  stopLossLimit: make((quantity, at, price, { timeInForce = "gtc" } = {}) => ({
    tag: "stop-loss-limit", val: { quantity: amount(quantity), trigger: trigger(at), price: amount(price), timeInForce },
  })),
  takeProfitLimit: make((quantity, at, price, { timeInForce = "gtc" } = {}) => ({
    tag: "take-profit-limit", val: { quantity: amount(quantity), trigger: trigger(at), price: amount(price), timeInForce },
  })),
};

/** The base of Strategy. */
export class Desk {
  /** Called once by `mount`. */
  attach(host, context) {
    this.host = host;
    this.seq = 0;
    this.now = context.now;
    this.commanded = null;
    this.instance = context.instance;
    this.mode = context.mode;
    this.seed = context.seed;
    this.allocation = context.allocation;
    this.instruments = context.instruments;
    this.dice = Math.floor(context.seed % 4294967296) >>> 0;
    const write = (level) => (message) => host.log.write(level, String(message));
    this.log = { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
    this.orders = this.#orders();
    this.market = this.#market();
    this.timers = this.#timers();
    this.account = {
      balances: () => fromWire(host.account.balances()),
      positions: () => fromWire(host.account.positions()).map((position) => ({ ...position, instrument: this.instrumentById(position.instrument) })),
      openOrders: () => fromWire(host.account.openOrders()).map((open) => ({ ...open, instrument: this.instrumentById(open.instrument) })),
    };
    this.store = {
      get: (key) => host.state.get(key),
      getText: (key) => { const bytes = host.state.get(key); return bytes === null || bytes === undefined ? null : fromBytes(bytes); },
      set: (key, value) => host.state.set(key, typeof value === "string" ? toBytes(value) : value),
      delete: (key) => host.state.delete(key),
      keys: () => host.state.keys(),
    };
    const measure = (value) => (typeof value === "number" ? Decimal.fromNumber(value, 8) : Decimal.from(value)).toWire();
    this.metrics = {
      gauge: (name, value) => host.metrics.gauge(name, measure(value)),
      point: (series, value) => host.metrics.point(series, this.now, measure(value)),
    };
    this.quota = {
      remaining: () => host.quota.remaining(),
      /** Every budget of the sandbox, `{ key, unit, limit, used }`; `used` is null where nothing adds up. */
      budgets: () => host.quota.budgets().map(budget),
      /** One of them, for example `budget("memory_bytes")`; null if the host has no such budget. */
      budget: (key) => budget(host.quota.budget(key)),
    };
  }

  /** A granted instrument by its symbol, or null. */
  instrument(symbol) { return this.instruments.find((one) => one.symbol === symbol) ?? null; }

  instrumentById(id) {
    const known = this.instruments.find((one) => one.id === id);
    if (known) return known;
    // Granted after the start: the host knows it.
    this.instruments = fromWire(this.host.market.instruments());
    return this.instruments.find((one) => one.id === id) ?? { id, symbol: `#${id}`, priceScale: 0, quantityScale: 0 };
  }

  /** Signed quantity of this strategy's position in an instrument; zero when flat. */
  position(instrument) {
    const found = this.host.account.positions().find((one) => one.instrument === instrument.id);
    return found ? Decimal.fromWire(found.quantity) : new Decimal(0n);
  }

  /** A number from 0 to below 1, the same in every run with the same seed (mulberry32). */
  random() {
    this.dice = (this.dice + 0x6d2b79f5) >>> 0;
    let t = this.dice;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  /** One command: remembers the first of a batch for the lookahead, and turns a refusal into `Denied`. */
  #command(run) {
    if (this.commanded === null) this.commanded = this.now;
    return this.#asking(run);
  }

  #asking(run) {
    try {
      return run();
    } catch (error) {
      const denial = error && error.payload !== undefined ? error.payload : error;
      if (denial && typeof denial === "object" && typeof denial.tag === "string") throw new Denied(fromWire(denial));
      throw error;
    }
  }

  #orders() {
    const { orders } = this.host;
    const submit = (one) => this.#command(() => orders.submit(toWire(one), this.seq));
    const list = (tag) => (...legs) => this.#command(() => orders.submitList({ tag, val: legs.map(toWire) }, this.seq));
    return {
      submit,
      ...Object.fromEntries(Object.entries(order).map(([name, build]) => [name, (...args) => submit(build(...args))])),
      oco: list("oco"),
      oto: list("oto"),
      otoco: list("otoco"),
      cancel: (id) => this.#command(() => orders.cancel(id, this.seq)),
      cancelAll: (instrument = null) => this.#command(() => orders.cancelAll(instrument === null ? null : instrument.id, this.seq)),
      amend: (id, quantity) => this.#command(() => orders.amend(id, amount(quantity).toWire(), this.seq)),
    };
  }

  #market() {
    const { market } = this.host;
    const view = (answer) => (answer === null || answer === undefined ? null : { ...fromWire(answer), instrument: this.instrumentById(answer.instrument) });
    return {
      subscribe: (instrument, name) => this.#asking(() => market.subscribe(instrument.id, stream(name))),
      unsubscribe: (instrument, name) => this.#asking(() => market.unsubscribe(instrument.id, stream(name))),
      lastQuote: (instrument) => view(market.lastQuote(instrument.id, this.seq)),
      book: (instrument, levels = 20) => view(market.book(instrument.id, levels, this.seq)),
      /** Closed klines; they come to `onHistory` with the returned number. */
      requestHistory: (instrument, interval, { start = null, limit = 500 } = {}) =>
        this.#command(() => market.requestHistory(instrument.id, interval, start, limit, this.seq)),
    };
  }

  #timers() {
    const { timers } = this.host;
    return {
      at: (ts) => this.#command(() => timers.set(ts, this.seq)),
      after: (micros) => this.#command(() => timers.set(this.now + micros, this.seq)),
      every: (micros) => this.#command(() => timers.setInterval(micros, this.seq)),
      cancel: (timer) => timers.cancel(timer),
    };
  }
}
