// Ringfence for JavaScript: extend `Strategy`, export the class as default, build with `node build.mjs`.
//
// | file | holds |
// |--|--|
// | ringfence.js | Strategy, parameters, `mount` (the exports of the contract) |
// | desk.js | what a strategy can ask the host for |
// | batch.js | events in order of `seq` |
// | decimal.js | exact decimals |
// | indicators.js | Sma, Ema, Rsi |
// | text.js | JSON and UTF-8 |
// | testing.js | a host in memory, for tests of strategies |

import { fromWire, merged, stream, toWire } from "./batch.js";
import { Decimal } from "./decimal.js";
import { Denied, Desk } from "./desk.js";
import { fromBytes, toBytes } from "./text.js";

export { Decimal } from "./decimal.js";
export { Denied, order } from "./desk.js";
export { Ema, Rsi, Sma } from "./indicators.js";

/** Parameters of a strategy, for `static manifest`. */
export const parameter = {
  integer: (value, min, max, description) => spec(description, { tag: "integer", val: value }, { tag: "integer", val: [min, max] }),
  number: (value, min, max, description) =>
    spec(description, { tag: "number", val: Decimal.from(value) }, { tag: "number", val: [Decimal.from(min), Decimal.from(max)] }),
  choice: (value, choices, description) => spec(description, { tag: "text", val: value }, { tag: "choice", val: choices }),
  text: (value, description) => spec(description, { tag: "text", val: value }, { tag: "any" }),
  boolean: (value, description) => spec(description, { tag: "boolean", val: value }, { tag: "any" }),
};
const spec = (description, value, range) => ({ description, default: value, range });

/** Throw it in `onInit`: this parameter does not do. */
export class InvalidParameter extends Error {
  constructor(name, problem) {
    super(`${name}: ${problem}`);
    this.variant = { tag: "invalid-parameter", val: [name, problem] };
  }
}

/** Throw it in `onInit`: something that the strategy needs is not granted. */
export class MissingGrant extends Error {
  constructor(what) {
    super(`not granted: ${what}`);
    this.variant = { tag: "missing-grant", val: what };
  }
}

/** Throw it in `restore`: the state is of a version that this one cannot read. */
export class StateVersion extends Error {
  constructor(found) {
    super(`cannot read state of version ${found}`);
    this.variant = { tag: "version", val: String(found) };
  }
}

/**
 * A strategy. Override what you need; each callback gets one event, `this.now` is its time in microseconds.
 *
 * `static manifest = { name, version, description, wishes: { ETHUSDT: ["trades"] }, parameters: { … } }`
 */
export class Strategy extends Desk {
  /** After the parameters are known, before `restore`. No commands here. */
  onInit() {}
  onStart() {}
  onTrade(_trade) {}
  onAggregateTrade(_trade) {}
  onQuote(_quote) {}
  onDepth(_depth) {}
  onBook(_book) {}
  onKline(_kline) {}
  onTicker(_ticker) {}
  onOrder(_update) {}
  onFill(_fill) {}
  onBalance(_balance) {}
  onPosition(_position) {}
  onTimer(_timer) {}
  onHistory(_history) {}
  onFeedGap(_gap) {}
  onFeedResumed(_feed) {}
  onHalted(_reason) {}
  onResumed() {}
  onStop(_reason) {}
  /** A command was denied and nobody caught it. */
  onDenied(denied) { this.log.warn(denied.message); }
  /** What the next generation shall know: anything that JSON can hold; Decimals become text. With `static rawState = true` bytes. */
  save() { return null; }
  /** What `save` of the generation before gave. */
  restore(_state) {}
}

function manifestOf(Class) {
  const { name, version, description = "", wishes = {}, parameters = {} } = Class.manifest;
  return toWire({
    name, version, description, language: "javascript",
    wishes: Object.entries(wishes).map(([symbol, streams]) => ({ symbol, streams: streams.map(stream) })),
    parameters: Object.entries(parameters).map(([key, value]) => ({ name: key, ...value })),
  });
}

/** Values of all declared parameters: given ones checked, the rest by default. */
function parametersOf(Class, given) {
  const declared = Class.manifest.parameters ?? {};
  const values = Object.fromEntries(Object.entries(declared).map(([name, { default: value }]) => [name, value.val]));
  for (const { name, value } of given) {
    const wanted = declared[name];
    if (!wanted) throw new InvalidParameter(name, "no such parameter");
    let { tag, val } = fromWire(value);
    if (tag === "integer" && wanted.default.tag === "number") [tag, val] = ["number", Decimal.from(val)];
    if (tag !== wanted.default.tag) throw new InvalidParameter(name, `must be of type ${wanted.default.tag}, not ${tag}`);
    const { tag: kind, val: range } = wanted.range;
    if (kind === "choice" && !range.includes(val)) throw new InvalidParameter(name, `must be one of ${range.join(", ")}`);
    const below = kind === "integer" ? val < range[0] : kind === "number" && val.lt(range[0]);
    const above = kind === "integer" ? val > range[1] : kind === "number" && val.gt(range[1]);
    if (below || above) throw new InvalidParameter(name, `must be from ${range[0]} to ${range[1]}`);
    values[name] = val;
  }
  return values;
}

/**
 * The `handler` interface of the contract around a class. The builder calls it with `component: true`; tests call it
 * with a host in memory.
 */
export function mount(Class, host, { component = false } = {}) {
  let strategy = null;

  /** Runs strategy code: what it throws is told to the operator before the call ends as a fault. */
  const guarded = (where, run, answer) => {
    try {
      return run();
    } catch (error) {
      if (answer && error && error.variant) throw error.variant;
      const text = error instanceof Error ? `${error.name}: ${error.message}\n${error.stack ?? ""}` : String(error);
      host.log.write("error", `${where}: ${text.trim()}`);
      if (answer) throw answer(text.split("\n")[0]);
      throw error;
    }
  };

  return {
    describe: () => manifestOf(Class),

    init(context) {
      guarded("init", () => {
        const next = new Class();
        next.attach(host, fromWire(context));
        next.parameters = parametersOf(Class, context.parameters);
        if (component) calm(next);
        next.onInit();
        strategy = next;
      }, (text) => ({ tag: "other", val: text }));
    },

    onEvents(batch, lookahead) {
      let taken = 0;
      strategy.commanded = null;
      for (const { seq, ts, handler, event } of merged(batch, (id) => strategy.instrumentById(id))) {
        // After the first command, only what happened before its answer could arrive.
        if (strategy.commanded !== null && !(ts < strategy.commanded + lookahead)) break;
        strategy.seq = seq;
        strategy.now = ts;
        guarded(handler, () => {
          try {
            strategy[handler](event);
          } catch (error) {
            if (!(error instanceof Denied)) throw error;
            strategy.onDenied(error);
          }
        });
        taken += 1;
      }
      return taken;
    },

    save: () => guarded("save", () => {
      const state = strategy.save();
      return Class.rawState ? state : toBytes(JSON.stringify(state ?? null));
    }),

    restore(bytes) {
      guarded("restore", () => {
        let state;
        try {
          state = Class.rawState ? bytes : JSON.parse(fromBytes(bytes));
        } catch (error) {
          throw Object.assign(error, { variant: { tag: "corrupt", val: error.message } });
        }
        if (state !== null) strategy.restore(state);
      }, (text) => ({ tag: "corrupt", val: text }));
    },

    shutdown: (reason) => guarded("onStop", () => strategy?.onStop(reason)),
  };
}

/** Takes what would differ from run to run out of the language: the clock is event time, chance is seeded, console is the log. */
function calm(strategy) {
  Date.now = () => Math.floor(strategy.now / 1000);
  const Real = Date;
  globalThis.Date = new Proxy(Real, {
    construct: (target, args) => (args.length === 0 ? new target(Math.floor(strategy.now / 1000)) : new target(...args)),
    apply: () => new Real(Math.floor(strategy.now / 1000)).toString(),
  });
  Math.random = () => strategy.random();
  const line = (level) => (...parts) => strategy.log[level](parts.map((part) => (typeof part === "string" ? part : JSON.stringify(part) ?? String(part))).join(" "));
  globalThis.console = { log: line("info"), info: line("info"), debug: line("debug"), warn: line("warn"), error: line("error") };
}
