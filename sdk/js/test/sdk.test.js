import assert from "node:assert/strict";
import { test } from "node:test";

import { Decimal, Denied, Ema, InvalidParameter, Rsi, Sma, Strategy, order, parameter } from "../ringfence.js";
import { fromWire, merged, stream, streamName, toWire } from "../batch.js";
import { fromBytes, toBytes } from "../text.js";
import { Bench, INSTRUMENTS } from "../testing.js";

const FOREVER = 18446744073709551615; // as the engine hands over the largest u64

test("decimals are exact where binary numbers are not", () => {
  assert.equal(Decimal.from("0.1").plus("0.2").toString(), "0.3");
  assert.equal(Decimal.from("-0.05").toString(), "-0.05");
  assert.equal(Decimal.from("67012.34").times("0.00123").toString(), "82.4251782");
  assert.equal(Decimal.from("1").dividedBy("3", 4).toString(), "0.3333");
  assert.equal(Decimal.from("-1").dividedBy("3", 2).toString(), "-0.33");
  assert.equal(Decimal.from("0.05999").floorTo("0.001").toString(), "0.05900");
  assert.equal(Decimal.from("-0.0595").floorTo("0.001").eq("-0.06"), true);
  assert.equal(Decimal.from("1.50").eq("1.5"), true);
  assert.equal(Decimal.from("2").lt("10"), true);
  assert.equal(Decimal.fromNumber(2.005, 1).toString(), "2.0");
  assert.equal(Decimal.fromNumber(1e21, 2).toString(), "1000000000000000000000");
  assert.equal(JSON.stringify({ d: Decimal.from("1.10") }), '{"d":"1.10"}');
});

test("what is not an exact decimal is refused", () => {
  for (const bad of [0.1, NaN, "1e5", "", "1.2.3", ".5", "0.0000000000000000001", null, undefined, {}]) {
    assert.throws(() => Decimal.from(bad), Error, String(bad));
  }
  assert.throws(() => Decimal.from("1") < Decimal.from("2"), TypeError);
  assert.throws(() => Decimal.from("1").dividedBy("0"), RangeError);
});

test("decimals cross the border exactly or not at all", () => {
  assert.deepEqual(Decimal.from("0.05").toWire(), { mantissa: 5, scale: 2 });
  // More than 2^53, but only because of zeros.
  assert.deepEqual(Decimal.from("100000000000.00000000").toWire(), { mantissa: 1_000_000_000_000_000, scale: 4 });
  assert.throws(() => Decimal.from("90071992547409.93").plus("0.0000001").toWire(), RangeError);
  const rounded = Decimal.fromWire({ mantissa: 2 ** 60, scale: 8 });
  assert.equal(rounded.exact, false);
  assert.throws(() => rounded.plus("1").toWire(), RangeError);
  assert.deepEqual(toWire(fromWire({ a: [{ mantissa: -7, scale: 3 }], b: null, c: "x" })), { a: [{ mantissa: -7, scale: 3 }], b: null, c: "x" });
});

test("arithmetic agrees with integers for many random values", () => {
  let seed = 1;
  const next = () => (seed = (seed * 48271) % 2147483647);
  for (let i = 0; i < 2000; i += 1) {
    const [a, b] = [next() - 1e9, next() - 1e9];
    const [s, t] = [next() % 9, next() % 9];
    const [x, y] = [new Decimal(BigInt(Math.trunc(a)), s), new Decimal(BigInt(Math.trunc(b)), t)];
    assert.ok(x.plus(y).minus(y).eq(x));
    assert.ok(x.times(y).eq(y.times(x)));
    assert.ok(Decimal.from(x.toString()).eq(x));
    const floor = x.floorTo("0.025");
    assert.ok(floor.lte(x) && x.minus(floor).lt("0.025"));
    assert.equal(x.compare(y), -y.compare(x));
  }
});

test("text survives the way to bytes and back", () => {
  for (const text of ["", "plain", "ä€𝄞 mixed", JSON.stringify({ a: "ü" })]) {
    assert.equal(fromBytes(toBytes(text)), text);
    assert.deepEqual(toBytes(text), new TextEncoder().encode(text));
  }
  for (const bad of [[0x80], [0xc3], [0xe2, 0x82], [0xc3, 0x28]]) assert.throws(() => fromBytes(new Uint8Array(bad)));
});

// Wilder's own example as it is printed in most textbooks (14 periods).
const CLOSES = [44.34, 44.09, 44.15, 43.61, 44.33, 44.83, 45.1, 45.42, 45.84, 46.08, 45.89, 46.03, 45.61, 46.28, 46.28, 46.0, 46.03, 46.41, 46.22, 45.64];

test("RSI gives the reference values", () => {
  const rsi = new Rsi(14);
  const values = CLOSES.map((close) => rsi.update(close));
  assert.ok(values.slice(0, 14).every((value) => value === null));
  const expected = [70.46, 66.25, 66.48, 69.35, 66.29, 57.92];
  values.slice(14).forEach((value, i) => assert.ok(Math.abs(value - expected[i]) < 0.01, `${value} is not ${expected[i]}`));
});

test("averages give hand-made values and go on from their state", () => {
  const sma = new Sma(3);
  assert.deepEqual([1, 2, 3, 4].map((x) => sma.update(x)), [null, null, 2, 3]);
  const ema = new Ema(3);
  assert.deepEqual([1, 2, 3, 4, 8].map((x) => ema.update(x)), [null, null, 2, 3, 5.5]);
  for (const make of [() => new Sma(4), () => new Ema(4), () => new Rsi(4)]) {
    const whole = make();
    const before = make();
    CLOSES.forEach((x) => whole.update(x));
    CLOSES.slice(0, 9).forEach((x) => before.update(x));
    const after = make().load(JSON.parse(JSON.stringify(before.state)));
    CLOSES.slice(9).forEach((x) => after.update(x));
    assert.equal(after.value, whole.value);
  }
  const flat = new Rsi(2);
  [5, 5, 5].forEach((x) => flat.update(x));
  assert.equal(flat.value, 50);
});

const columns = (seqs, more = {}) => ({
  seq: seqs, ts: seqs.map((seq) => seq * 10), instrument: seqs.map(() => 1), id: seqs, price: seqs, quantity: seqs,
  aggressor: new Uint8Array(seqs.length), ...more,
});

test("columns and events are merged by seq", () => {
  const batch = {
    trades: columns([2, 5, 9]),
    aggregateTrades: columns([3]),
    quotes: columns([1, 8], { bidPrice: [10, 80], bidQuantity: [1, 1], askPrice: [20, 90], askQuantity: [1, 1] }),
    depth: columns([4, 7], { firstUpdateId: [1, 2], lastUpdateId: [1, 2], bids: [1, 0], asks: [1, 2], price: [1, 2, 3, 4], quantity: [5, 6, 7, 8] }),
    events: [{ seq: 6, ts: 60, body: { tag: "resumed" } }, { seq: 10, ts: 100, body: { tag: "timer", val: 4 } }],
  };
  const found = [...merged(batch, (id) => INSTRUMENTS[id])];
  assert.deepEqual(found.map(({ seq }) => seq), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(found.map(({ handler }) => handler), [
    "onQuote", "onTrade", "onAggregateTrade", "onDepth", "onTrade", "onResumed", "onDepth", "onQuote", "onTrade", "onTimer"]);
  assert.equal(found[1].event.price.toString(), "0.02");
  assert.equal(found[1].event.aggressor, "buy");
  assert.equal(found[1].event.instrument.symbol, "ETHUSDT");
  assert.equal(found[7].event.askPrice.toString(), "0.90");
  assert.deepEqual(found[6].event.asks.map(({ price }) => price.toString()), ["0.03", "0.04"]);
  assert.deepEqual(found[3].event.bids.map(({ quantity }) => quantity.toString()), ["0.0005"]);
  assert.equal(found[9].event, 4);
});

test("streams have names", () => {
  for (const name of ["trades", "book:10", "klines:60", "aggregate-trades"]) assert.equal(streamName(stream(name)), name);
  for (const bad of ["trade", "book", "book:x", "trades:1"]) assert.throws(() => stream(bad), TypeError);
});

class Probe extends Strategy {
  static manifest = {
    name: "probe", version: "1.2.3",
    wishes: { ETHUSDT: ["trades", "klines:60"] },
    parameters: {
      length: parameter.integer(3, 1, 9, "how long"),
      size: parameter.number("0.05", "0.01", "1", "how much"),
      pace: parameter.choice("slow", ["slow", "fast"], "how fast"),
    },
  };
  onInit() { this.seen = []; this.buyAt = []; }
  onTrade(trade) {
    this.seen.push(trade.seq);
    if (this.buyAt.includes(trade.seq)) this.orders.market(this.instrument("ETHUSDT"), "buy", this.parameters.size);
  }
  onTimer(timer) { if (timer === 13) throw new Error("broken on purpose"); }
  save() { return { seen: this.seen }; }
  restore({ seen }) { this.seen = seen; }
}

function probe(options = {}, buyAt = []) {
  let made = null;
  class Made extends Probe {
    onInit() { super.onInit(); this.buyAt = buyAt; made = this; }
  }
  const bench = new Bench(Made, options);
  return [bench, made];
}

test("the manifest is what the contract wants", () => {
  const [bench] = probe();
  const manifest = bench.handler.describe();
  assert.equal(manifest.language, "javascript");
  assert.deepEqual(manifest.wishes, [{ symbol: "ETHUSDT", streams: [{ tag: "trades" }, { tag: "klines", val: 60 }] }]);
  assert.deepEqual(manifest.parameters[1], {
    name: "size", description: "how much", default: { tag: "number", val: { mantissa: 5, scale: 2 } },
    range: { tag: "number", val: [{ mantissa: 1, scale: 2 }, { mantissa: 1, scale: 0 }] },
  });
});

test("parameters are checked and filled by default", () => {
  const [, strategy] = probe({ parameters: { length: { tag: "integer", val: 5 }, size: { tag: "number", val: Decimal.from("0.5") } } });
  assert.equal(strategy.parameters.length, 5);
  assert.equal(strategy.parameters.size.toString(), "0.5");
  assert.equal(strategy.parameters.pace, "slow");
  for (const [name, value] of [["length", { tag: "integer", val: 10 }], ["length", { tag: "text", val: "3" }], ["size", { tag: "number", val: Decimal.from("1.01") }],
    ["pace", { tag: "text", val: "odd" }], ["none", { tag: "integer", val: 1 }]]) {
    assert.throws(() => probe({ parameters: { [name]: value } }), (error) => error.tag === "invalid-parameter" && error.val[0] === name);
  }
  // A whole number does where a decimal is asked for.
  assert.equal(probe({ parameters: { size: { tag: "integer", val: 1 } } })[1].parameters.size.toString(), "1");
});

test("a batch is taken whole when no command is given, or when the lookahead is the largest u64", () => {
  const [bench] = probe();
  assert.equal(bench.trades("ETHUSDT", ["1", "2", "3"], { lookahead: 0 }), 3);
  const [live, strategy] = probe({}, [1]);
  assert.equal(live.trades("ETHUSDT", ["1", "2", "3"], { lookahead: FOREVER }), 3);
  assert.deepEqual(strategy.seen, [1, 2, 3]);
});

test("after the first command only what lies before its answer is taken", () => {
  const [bench, strategy] = probe({}, [2, 3]);
  // Command at t(2); 3 lies 10 us after it, 4 lies exactly at the lookahead of 20 us and stays.
  assert.equal(bench.trades("ETHUSDT", ["1", "2", "3", "4", "5"], { gap: 10, lookahead: 20 }), 3);
  assert.deepEqual(strategy.seen, [1, 2, 3]);
  assert.deepEqual(bench.commands.map(({ args }) => args[1]), [2, 3], "each command carries its own cause");
  assert.equal(bench.trades("ETHUSDT", ["6"], { lookahead: 0 }), 1, "the next call starts anew");
});

test("a denial that nobody catches is told, and is no fault", () => {
  const [bench, strategy] = probe({}, [1]);
  bench.deny = { tag: "risk", val: { limit: "position", allowed: { mantissa: 1, scale: 1 }, asked: { mantissa: 5, scale: 1 } } };
  assert.equal(bench.trades("ETHUSDT", ["1", "2"]), 2);
  assert.deepEqual(strategy.seen, [1, 2]);
  assert.match(bench.logs[0].message, /denied: risk .*"asked":"0.5"/);
  assert.throws(() => strategy.orders.cancel(1), (error) => error instanceof Denied && error.kind === "risk" && error.detail.asked.eq("0.5"));
});

test("budgets are told as the host has them", () => {
  const queue = { key: "queue", unit: "count", limit: 100, used: 3 };
  const [, strategy] = probe({ budgets: [queue, { key: "market_hard_us", unit: "microseconds", limit: 10_000 }] });
  assert.deepEqual(strategy.quota.budgets(), [queue, { key: "market_hard_us", unit: "microseconds", limit: 10_000, used: null }]);
  assert.deepEqual([strategy.quota.budget("queue"), strategy.quota.budget("other")], [queue, null]);
});

test("an exception is told to the operator, then it is a fault", () => {
  const [bench] = probe();
  assert.throws(() => bench.event({ tag: "timer", val: 13 }), /on purpose/);
  assert.equal(bench.logs[0].level, "error");
  assert.match(bench.logs[0].message, /onTimer: Error: broken on purpose/);
});

test("state goes from one generation to the next, and what is not state is corrupt", () => {
  const [bench] = probe();
  bench.trades("ETHUSDT", ["1", "2"]);
  const [, strategy] = probe({ state: bench.handler.save() });
  assert.deepEqual(strategy.seen, [1, 2]);
  assert.throws(() => bench.handler.restore(toBytes("{nonsense")), (error) => error.tag === "corrupt");
});

test("every order of the contract can be made", () => {
  const eth = INSTRUMENTS[1];
  const wire = (one) => toWire(one).kind;
  assert.deepEqual(wire(order.marketQuote(eth, "buy", "100")), { tag: "market", val: { tag: "quote", val: { mantissa: 100, scale: 0 } } });
  assert.deepEqual(wire(order.limit(eth, "sell", "1", "2000.5", { timeInForce: "ioc" })), {
    tag: "limit", val: { quantity: { mantissa: 1, scale: 0 }, price: { mantissa: 20005, scale: 1 }, timeInForce: "ioc", icebergQuantity: null } });
  assert.equal(wire(order.limitMaker(eth, "sell", "1", "2000")).tag, "limit-maker");
  assert.deepEqual(wire(order.stopLoss(eth, "sell", "1", { trailing: 50 })).val.trigger, { tag: "trailing", val: 50 });
  assert.deepEqual(wire(order.takeProfitLimit(eth, "sell", "1", "2100", "2099")).val.trigger, { tag: "price", val: { mantissa: 2100, scale: 0 } });
  const marked = order.market(eth, "buy", "1", { reduceOnly: true, tag: "in" });
  assert.deepEqual([marked.reduceOnly, marked.tag, marked.instrument], [true, "in", 1]);
});

test("chance is the same for the same seed", () => {
  const draw = (seed) => { const [, strategy] = probe({ seed }); return Array.from({ length: 5 }, () => strategy.random()); };
  assert.deepEqual(draw(3), draw(3));
  assert.notDeepEqual(draw(3), draw(4));
  assert.ok(draw(5).every((x) => x >= 0 && x < 1));
  assert.ok(new InvalidParameter("a", "b").variant);
});
