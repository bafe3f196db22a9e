// Exact decimals for money: `mantissa / 10^scale` on a BigInt. What lives here: the number and its two ways over
// the border. What may not: binary floats, except where a caller asks for one by name (`fromNumber`, `toNumber`).

const MAX_SCALE = 18;
const POWERS = Array.from({ length: 2 * MAX_SCALE + 1 }, (_, i) => 10n ** BigInt(i));
const S64_MAX = (1n << 63n) - 1n;
const TEXT = /^([+-]?)(\d+)(?:\.(\d*))?$/;

const pow10 = (n) => POWERS[n] ?? 10n ** BigInt(n);
const magnitude = (n) => (n < 0n ? -n : n);

function parse(text) {
  const found = TEXT.exec(text.trim());
  if (!found) throw new TypeError(`not a decimal: ${JSON.stringify(text)}`);
  const fraction = found[3] ?? "";
  if (fraction.length > MAX_SCALE) throw new RangeError(`more than ${MAX_SCALE} decimal places: ${text}`);
  const mantissa = BigInt(found[2] + fraction);
  return new Decimal(found[1] === "-" ? -mantissa : mantissa, fraction.length);
}

/** An exact decimal. Never changes. */
export class Decimal {
  /**
   * @param {bigint} mantissa
   * @param {number} scale decimal places, 0 to 18
   * @param {boolean} exact false when the engine already rounded what the host sent (beyond 2^53)
   */
  constructor(mantissa, scale = 0, exact = true) {
    if (!Number.isInteger(scale) || scale < 0 || scale > MAX_SCALE) throw new RangeError(`scale ${scale} is not 0 to ${MAX_SCALE}`);
    this.mantissa = BigInt(mantissa);
    this.scale = scale;
    this.exact = exact;
  }

  /** From text (`"0.05"`), an integer, a BigInt or a Decimal. A fraction in binary is refused: it is not what it looks like. */
  static from(value) {
    if (value instanceof Decimal) return value;
    if (typeof value === "string") return parse(value);
    if (typeof value === "bigint") return new Decimal(value);
    if (Number.isSafeInteger(value)) return new Decimal(BigInt(value));
    throw new TypeError(`not an exact decimal: ${String(value)}; write it as text, or round it with Decimal.fromNumber(value, places)`);
  }

  /** Rounds a binary number to `places`. For statistics that become a price; money that is known stays exact. */
  static fromNumber(value, places) {
    if (!Number.isFinite(value)) throw new RangeError(`not a finite number: ${value}`);
    return parse(value.toFixed(places).includes("e") ? BigInt(Math.round(value)).toString() : value.toFixed(places));
  }

  /** From the record of the contract. */
  static fromWire({ mantissa, scale }) {
    return new Decimal(BigInt(mantissa), scale, typeof mantissa === "bigint" || Number.isSafeInteger(mantissa));
  }

  /** The record of the contract. The engine carries integers up to 2^53, so zeros at the end are dropped when needed. */
  toWire() {
    if (!this.exact) throw new RangeError(`${this} was rounded on its way in and cannot be sent as an exact amount`);
    let { mantissa, scale } = this;
    while (!Number.isSafeInteger(Number(mantissa)) && scale > 0 && mantissa % 10n === 0n) {
      mantissa /= 10n;
      scale -= 1;
    }
    const number = Number(mantissa);
    if (!Number.isSafeInteger(number)) throw new RangeError(`${this} has more digits than can be sent exactly (2^53)`);
    return { mantissa: number, scale };
  }

  #with(other, join) {
    const right = Decimal.from(other);
    const scale = Math.max(this.scale, right.scale);
    return [join(this.mantissa * pow10(scale - this.scale), right.mantissa * pow10(scale - right.scale)), scale, this.exact && right.exact];
  }

  plus(other) { return new Decimal(...this.#with(other, (a, b) => a + b)); }
  minus(other) { return new Decimal(...this.#with(other, (a, b) => a - b)); }

  /** Exact; zeros at the end are dropped when the scales add up to more than 18, other digits never. */
  times(other) {
    const right = Decimal.from(other);
    let mantissa = this.mantissa * right.mantissa;
    let scale = this.scale + right.scale;
    while (scale > MAX_SCALE && mantissa % 10n === 0n) {
      mantissa /= 10n;
      scale -= 1;
    }
    if (scale > MAX_SCALE) throw new RangeError(`${this} * ${right} needs more than ${MAX_SCALE} decimal places`);
    return new Decimal(mantissa, scale, this.exact && right.exact);
  }

  /** The quotient cut to `places` decimal places (towards zero). */
  dividedBy(other, places = 8) {
    const right = Decimal.from(other);
    if (right.mantissa === 0n) throw new RangeError("division by zero");
    const top = this.mantissa * pow10(places + right.scale);
    return new Decimal(top / (right.mantissa * pow10(this.scale)), places, this.exact && right.exact);
  }

  /** The greatest multiple of `step` that is not above this. */
  floorTo(step) {
    const unit = Decimal.from(step);
    if (unit.sign() <= 0) throw new RangeError(`a step must be positive, not ${unit}`);
    const [whole, scale, exact] = this.#with(unit, (a, b) => {
      const rest = a % b;
      return a - (rest < 0n ? rest + b : rest);
    });
    return new Decimal(whole, scale, exact);
  }

  negated() { return new Decimal(-this.mantissa, this.scale, this.exact); }
  abs() { return new Decimal(magnitude(this.mantissa), this.scale, this.exact); }
  sign() { return this.mantissa > 0n ? 1 : this.mantissa < 0n ? -1 : 0; }
  isZero() { return this.mantissa === 0n; }

  /** -1, 0 or 1. */
  compare(other) { return this.#with(other, (a, b) => (a < b ? -1 : a > b ? 1 : 0))[0]; }
  eq(other) { return this.compare(other) === 0; }
  lt(other) { return this.compare(other) < 0; }
  lte(other) { return this.compare(other) <= 0; }
  gt(other) { return this.compare(other) > 0; }
  gte(other) { return this.compare(other) >= 0; }

  toString() {
    const digits = magnitude(this.mantissa).toString().padStart(this.scale + 1, "0");
    const whole = digits.slice(0, digits.length - this.scale);
    const sign = this.mantissa < 0n ? "-" : "";
    return this.scale === 0 ? sign + whole : `${sign}${whole}.${digits.slice(-this.scale)}`;
  }

  /** Text, so that state kept as JSON stays exact. */
  toJSON() { return this.toString(); }

  /** The nearest binary number, for indicators and plots. */
  toNumber() { return Number(this.toString()); }

  /** Comparison with `<` would go through binary numbers; it is refused, use `lt`, `gt`, `eq`. */
  valueOf() { throw new TypeError("a Decimal is compared with lt, gt, eq and added with plus, not with operators"); }

  /** Whether it fits the border's 64 bits. */
  fits() { return magnitude(this.mantissa) <= S64_MAX; }
}
