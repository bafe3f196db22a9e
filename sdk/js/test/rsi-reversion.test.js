// The example strategy against a host in memory, by the name "ringfence" as in a component.
import assert from "node:assert/strict";
import { register } from "node:module";
import { test } from "node:test";

import { Bench } from "../testing.js";

const sdk = JSON.stringify(new URL("../ringfence.js", import.meta.url).href);
const hook = `export const resolve = (name, context, next) => name === "ringfence" ? { url: ${sdk}, shortCircuit: true } : next(name, context);`;
register(`data:text/javascript,${encodeURIComponent(hook)}`);
const { default: RsiReversion } = await import("../../../plugins/rsi-reversion/strategy.js");

/** A market of 30 trades a second that wanders by a thousandth now and then. */
function walk(count) {
  let seed = 42;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  let price = 3000;
  return Array.from({ length: count }, () => (price *= 1 + (random() - 0.5) * 0.001).toFixed(2));
}

test("buys low, sells high, within seconds and within its bound", () => {
  const bench = new Bench(RsiReversion);
  const batches = Array.from({ length: 60 }, () => []);
  walk(1800).forEach((price, i) => batches[Math.floor(i / 30)].push(price));
  let firstOrder = null;
  batches.forEach((prices, second) => {
    assert.equal(bench.trades("ETHUSDT", prices), 30);
    if (firstOrder === null && bench.commands.length > 0) firstOrder = second;
    const held = bench.positions.get(1);
    if (held) assert.ok(held.gte(0) && held.lte("0.15"), `${held}`);
  });
  const sides = bench.commands.map(({ args }) => args[0].side);
  assert.ok(firstOrder !== null && firstOrder <= 10, `first order in second ${firstOrder}`);
  assert.equal(sides[0], "buy");
  assert.ok(sides.includes("sell"));
});

test("a reload changes nothing", () => {
  const prices = walk(900);
  const whole = new Bench(RsiReversion);
  whole.trades("ETHUSDT", prices);
  const before = new Bench(RsiReversion);
  before.trades("ETHUSDT", prices.slice(0, 444));
  const after = new Bench(RsiReversion, { state: before.handler.save() });
  after.positions = before.positions;
  [after.seq, after.now] = [before.seq, before.now];
  after.trades("ETHUSDT", prices.slice(444));
  assert.deepEqual([...before.commands, ...after.commands], whole.commands);
});

test("an exit below the entry is refused by name", () => {
  const parameters = { exit: { tag: "integer", val: 30 } };
  assert.throws(() => new Bench(RsiReversion, { parameters }), (error) => error.tag === "invalid-parameter" && error.val[0] === "exit");
});
