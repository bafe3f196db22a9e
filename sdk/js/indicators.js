// Indicators over binary numbers: statistics, never money. Each takes one value at a time, answers null until it
// has seen enough, and gives its whole state as plain data (`state`) that its constructor's sibling `load` takes back.

function period(value) {
  if (!Number.isInteger(value) || value < 1) throw new RangeError(`a period must be a positive integer, not ${value}`);
  return value;
}

/** Simple moving average. */
export class Sma {
  constructor(length) {
    this.length = period(length);
    this.window = [];
    this.value = null;
  }

  update(x) {
    this.window.push(x);
    if (this.window.length > this.length) this.window.shift();
    // Summed anew: a running sum drifts, and the window is short.
    this.value = this.window.length < this.length ? null : this.window.reduce((a, b) => a + b, 0) / this.length;
    return this.value;
  }

  get state() { return { window: this.window }; }
  load({ window }) {
    this.window = window.slice(-this.length);
    this.value = this.window.length < this.length ? null : this.window.reduce((a, b) => a + b, 0) / this.length;
    return this;
  }
}

/** Exponential moving average with factor 2 / (length + 1), started by the simple average of the first `length` values. */
export class Ema {
  constructor(length) {
    this.length = period(length);
    this.factor = 2 / (length + 1);
    this.seen = 0;
    this.mean = 0;
  }

  update(x) {
    this.seen += 1;
    this.mean += this.seen <= this.length ? (x - this.mean) / this.seen : (x - this.mean) * this.factor;
    return this.value;
  }

  get value() { return this.seen < this.length ? null : this.mean; }
  get state() { return { seen: this.seen, mean: this.mean }; }
  load({ seen, mean }) { Object.assign(this, { seen, mean }); return this; }
}

/** Wilder's relative strength index, 0 to 100. Needs `length` changes, so `length + 1` values. */
export class Rsi {
  constructor(length) {
    this.length = period(length);
    this.seen = 0;
    this.last = 0;
    this.gain = 0;
    this.loss = 0;
  }

  update(x) {
    if (this.seen > 0) {
      const change = x - this.last;
      const weight = Math.min(this.seen, this.length);
      this.gain += (Math.max(change, 0) - this.gain) / weight;
      this.loss += (Math.max(-change, 0) - this.loss) / weight;
    }
    this.last = x;
    this.seen += 1;
    return this.value;
  }

  get value() {
    if (this.seen <= this.length) return null;
    const both = this.gain + this.loss;
    return both === 0 ? 50 : (100 * this.gain) / both;
  }

  get state() {
    const { seen, last, gain, loss } = this;
    return { seen, last, gain, loss };
  }

  load({ seen, last, gain, loss }) { Object.assign(this, { seen, last, gain, loss }); return this; }
}
