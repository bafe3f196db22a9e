"""Breakout on BTCUSDT: buys when the price breaks above its recent high, sells on a break below the recent low or after a while.

Highs and lows are taken over every `sample`-th trade, so that a busy market does not fill the window in a blink.
"""

from ringfence import Highest, InvalidParameter, Lowest, Manifest, MissingGrant, Strategy, floor_to, parameter

SYMBOL = "BTCUSDT"
SECOND = 1_000_000


class Breakout(Strategy):
    """Long or flat; at most one order under way."""

    manifest = Manifest(
        name="breakout",
        version="0.1.0",
        description="Buys BTCUSDT above its recent high, sells below its recent low or after a while",
        wishes={SYMBOL: ["trades"]},
        parameters={
            "window": parameter.integer(60, 2, 5000, "sampled trades whose high must be broken to buy"),
            "exit-window": parameter.integer(10, 1, 5000, "sampled trades whose low must be broken to sell; shorter than window"),
            "sample": parameter.integer(3, 1, 1000, "every how many trades a price is taken"),
            "quantity": parameter.number("0.002", "0.00001", "10", "base quantity of one order"),
            "patience": parameter.integer(8, 0, 86_400, "seconds of waiting after which the high of the exit window will do"),
            "max-hold": parameter.integer(8, 1, 86_400, "seconds after which a position is sold anyway"),
            "pause": parameter.integer(500, 0, 3_600_000, "least milliseconds between two orders"),
        },
    )

    def on_init(self):
        self.btc = self.instrument(SYMBOL)
        if self.btc is None:
            raise MissingGrant(f"instrument {SYMBOL}")
        if self.parameters.exit_window >= self.parameters.window:
            raise InvalidParameter("exit-window", "must be shorter than window")
        # The high counts before its window is full: a strategy that just started need not be blind for long.
        self.high = Highest(self.parameters.window, least=self.parameters.exit_window)
        self.near_high = Highest(self.parameters.exit_window)
        self.low = Lowest(self.parameters.exit_window)
        self.trades = 0
        self.holds = False
        self.since = self.now
        self.next_order = 0

    def on_trade(self, trade):
        self.trades += 1
        if self.trades % self.parameters.sample != 0:
            return
        price, low = float(trade.price), self.low.value
        waited = self.now - self.since
        high = (self.high if waited < self.parameters.patience * SECOND else self.near_high).value
        for window in (self.high, self.near_high, self.low):
            window.update(price)

        # Commissions are taken in BTC: what is left below one step cannot be sold, and counts as nothing.
        held = floor_to(self.position(self.btc), self.btc.step_size)
        holds = held >= self.btc.min_quantity
        if holds != self.holds:
            self.holds, self.since, waited = holds, self.now, 0
        if not holds and high is not None and price > high:
            self.order("buy", floor_to(self.parameters.quantity, self.btc.step_size), price - high)
        elif holds and (waited >= self.parameters.max_hold * SECOND or low is not None and price < low):
            self.order("sell", held, price - (low or price))

    def order(self, side, quantity, beyond):
        """A market order, unless one is under way (it would be counted twice) or the last was just now."""
        if self.now < self.next_order or self.account.open_orders():
            return
        self.next_order = self.now + self.parameters.pause * 1000
        self.orders.market(self.btc, side, quantity)
        self.metrics.point("beyond", beyond)
        self.log.debug(f"{side} {quantity}, {beyond:.2f} beyond the window")

    def on_fill(self, fill):
        self.log.info(f"{fill.side} {fill.quantity} {SYMBOL} at {fill.price}, position {self.position(self.btc):f}")

    def save(self):
        return {
            "windows": [window.state for window in (self.high, self.near_high, self.low)],
            "trades": self.trades, "holds": self.holds, "since": self.since, "next_order": self.next_order,
        }

    def restore(self, state):
        # A shorter window keeps the newest prices, a longer one fills up.
        for window, kept in zip((self.high, self.near_high, self.low), state["windows"]):
            window.load(kept)
        self.trades, self.holds = state["trades"], state["holds"]
        self.since, self.next_order = state["since"], state["next_order"]
