// RSI mean reversion on ETHUSDT: buys a small amount when the market looks oversold, sells it when it has come back.
//
// The index is taken over every `sample`-th trade, so that a busy market does not drown it in the bounce between bid and ask.

import { InvalidParameter, MissingGrant, Rsi, Strategy, parameter } from "ringfence";

const SYMBOL = "ETHUSDT";

export default class RsiReversion extends Strategy {
  static manifest = {
    name: "rsi-reversion",
    version: "0.1.0",
    description: "Buys ETHUSDT when its RSI is low, sells when it has come back",
    wishes: { [SYMBOL]: ["trades"] },
    parameters: {
      period: parameter.integer(9, 2, 200, "changes that the index looks back on"),
      sample: parameter.integer(5, 1, 1000, "every how many trades a price is taken"),
      oversold: parameter.integer(35, 1, 49, "buy below this"),
      exit: parameter.integer(55, 2, 99, "sell above this"),
      quantity: parameter.number("0.05", "0.001", "100", "base quantity of one order"),
      "max-position": parameter.number("0.15", "0.001", "1000", "never hold more than this"),
      pause: parameter.integer(1000, 0, 3_600_000, "least milliseconds between two orders"),
    },
  };

  onInit() {
    this.eth = this.instrument(SYMBOL);
    if (!this.eth) throw new MissingGrant(`instrument ${SYMBOL}`);
    if (this.parameters.exit <= this.parameters.oversold) throw new InvalidParameter("exit", "must be above oversold");
    this.rsi = new Rsi(this.parameters.period);
    this.trades = 0;
    this.nextOrder = 0;
  }

  onTrade(trade) {
    this.trades += 1;
    if (this.trades % this.parameters.sample !== 0) return;
    const rsi = this.rsi.update(trade.price.toNumber());
    if (rsi === null || this.now < this.nextOrder) return;

    const position = this.position(this.eth);
    const { oversold, exit, quantity } = this.parameters;
    if (rsi < oversold && position.plus(quantity).lte(this.parameters["max-position"])) {
      this.order("buy", quantity, rsi);
    } else if (rsi > exit && position.gt(0)) {
      // What is left below one step cannot be sold (commissions may be taken in ETH).
      const sellable = (position.lt(quantity) ? position : quantity).floorTo(this.eth.stepSize);
      if (sellable.gte(this.eth.minQuantity)) this.order("sell", sellable, rsi);
    }
  }

  order(side, quantity, rsi) {
    // An order that is still under way would be counted twice: wait for its fill.
    if (this.account.openOrders().length > 0) return;
    this.nextOrder = this.now + this.parameters.pause * 1000;
    this.orders.market(this.eth, side, quantity);
    this.metrics.point("rsi", rsi);
    this.log.debug(`${side} ${quantity} at RSI ${rsi.toFixed(1)}`);
  }

  onFill(fill) {
    this.log.info(`${fill.side} ${fill.quantity} ${SYMBOL} at ${fill.price}, position ${this.position(this.eth)}`);
  }

  save() {
    return { period: this.rsi.length, rsi: this.rsi.state, trades: this.trades, nextOrder: this.nextOrder };
  }

  restore({ period, rsi, trades, nextOrder }) {
    Object.assign(this, { trades, nextOrder });
    // Another period is another index: it starts anew.
    if (period === this.rsi.length) this.rsi.load(rsi);
  }
}
