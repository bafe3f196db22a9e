// A host in memory: drives a strategy without any component. `new Bench(Class, { parameters })`, then `trades([...])`.

import { mount, Decimal } from "./ringfence.js";
import { toWire } from "./batch.js";

const decimal = (text) => Decimal.from(text).toWire();
const instrument = (id, symbol, base, priceScale, quantityScale) => ({
  id, symbol, base, quote: "USDT", priceScale, quantityScale, tickSize: decimal("0.01"), stepSize: decimal("0.0001"),
  minQuantity: decimal("0.0001"), maxQuantity: decimal("9000"), minNotional: decimal("5"), trading: true,
});

export const INSTRUMENTS = [instrument(0, "BTCUSDT", "BTC", 2, 5), instrument(1, "ETHUSDT", "ETH", 2, 4)];

/** Market orders fill at once at the last price; everything that was asked is in `commands`. */
export class Bench {
  constructor(Class, { parameters = {}, seed = 7, state = null, budgets = [] } = {}) {
    this.commands = [];
    this.logs = [];
    this.deny = null;
    this.positions = new Map();
    this.store = new Map();
    this.budgets = budgets;
    this.seq = 0;
    this.now = 1_700_000_000_000_000;
    const command = (name) => (...args) => {
      this.commands.push({ name, args });
      if (this.deny) throw { payload: this.deny };
      return this.commands.length;
    };
    const host = {
      orders: {
        submit: (order, cause) => {
          const ticket = command("submit")(order, cause);
          if (order.kind.tag === "market") {
            const quantity = Decimal.fromWire(order.kind.val.val);
            const before = this.positions.get(order.instrument) ?? new Decimal(0n);
            this.positions.set(order.instrument, order.side === "buy" ? before.plus(quantity) : before.minus(quantity));
          }
          return ticket;
        },
        submitList: command("submitList"), cancel: command("cancel"), cancelAll: command("cancelAll"), amend: command("amend"),
      },
      market: {
        instruments: () => INSTRUMENTS, instrument: (symbol) => INSTRUMENTS.find((one) => one.symbol === symbol) ?? null,
        subscribe: () => {}, unsubscribe: () => {}, lastQuote: () => null, book: () => null, requestHistory: command("requestHistory"),
      },
      account: {
        balances: () => [], openOrders: () => [],
        positions: () => [...this.positions].map(([id, quantity]) => ({ instrument: id, quantity: quantity.toWire(), averagePrice: decimal(0), realisedPnl: decimal(0) })),
      },
      timers: { set: command("set"), setInterval: command("setInterval"), cancel: () => {} },
      state: { get: (key) => this.store.get(key) ?? null, set: (key, value) => this.store.set(key, value), delete: (key) => this.store.delete(key), keys: () => [...this.store.keys()] },
      log: { write: (level, message) => this.logs.push({ level, message }) },
      metrics: { gauge: () => {}, point: () => {} },
      quota: { remaining: () => [], budgets: () => this.budgets, budget: (key) => this.budgets.find((one) => one.key === key) },
    };
    this.handler = mount(Class, host);
    this.handler.init({
      instance: "test", mode: "sim", now: this.now, seed, instruments: INSTRUMENTS, allocation: [],
      parameters: Object.entries(parameters).map(([name, value]) => ({ name, value: toWire(value) })),
    });
    if (state) this.handler.restore(state);
  }

  /** One event of the list, for example `event({ tag: "started" })`. */
  event(body, lookahead = Number.MAX_VALUE) {
    this.seq += 1;
    return this.handler.onEvents({ trades: null, aggregateTrades: null, quotes: null, depth: null, events: [{ seq: this.seq, ts: this.now, body: toWire(body) }] }, lookahead);
  }

  /** A batch of trades, `gap` microseconds apart; prices as text. The answer is how many were taken. */
  trades(symbol, prices, { gap = 33_000, lookahead = Number.MAX_VALUE } = {}) {
    const { id, priceScale } = INSTRUMENTS.find((one) => one.symbol === symbol);
    const rows = prices.map((price) => ({ seq: (this.seq += 1), ts: (this.now += gap), price: Math.round(Number(price) * 10 ** priceScale) }));
    const column = (pick) => rows.map(pick);
    return this.handler.onEvents({
      trades: { seq: column((r) => r.seq), ts: column((r) => r.ts), instrument: column(() => id), id: column((r) => r.seq), price: column((r) => r.price), quantity: column(() => 100), aggressor: new Uint8Array(rows.length) },
      aggregateTrades: null, quotes: null, depth: null, events: [],
    }, lookahead);
  }
}
