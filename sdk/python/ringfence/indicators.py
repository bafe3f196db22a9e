"""Indicators over binary numbers: statistics, never money.

Each takes one value at a time, answers None until it has seen enough, and gives its whole state as plain data (`state`)
that `load` takes back.
"""

from collections import deque


def _period(value):
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"a period must be a positive integer, not {value!r}")
    return value


class Sma:
    """Simple moving average."""

    def __init__(self, length):
        self.length = _period(length)
        self.window = deque(maxlen=length)

    def update(self, x):
        self.window.append(x)
        return self.value

    @property
    def value(self):
        # Summed anew: a running sum drifts, and the window is short.
        return None if len(self.window) < self.length else sum(self.window) / self.length

    @property
    def state(self):
        return {"window": list(self.window)}

    def load(self, state):
        self.window = deque(state["window"], maxlen=self.length)
        return self


class Ema:
    """Exponential moving average with factor 2 / (length + 1), started by the simple average of the first `length` values."""

    def __init__(self, length):
        self.length = _period(length)
        self.factor = 2 / (length + 1)
        self.seen = 0
        self.mean = 0.0

    def update(self, x):
        self.seen += 1
        self.mean += (x - self.mean) / self.seen if self.seen <= self.length else (x - self.mean) * self.factor
        return self.value

    @property
    def value(self):
        return None if self.seen < self.length else self.mean

    @property
    def state(self):
        return {"seen": self.seen, "mean": self.mean}

    def load(self, state):
        self.seen, self.mean = state["seen"], state["mean"]
        return self


class Rsi:
    """Wilder's relative strength index, 0 to 100. Needs `length` changes, so `length + 1` values."""

    def __init__(self, length):
        self.length = _period(length)
        self.seen = 0
        self.last = self.gain = self.loss = 0.0

    def update(self, x):
        if self.seen > 0:
            change = x - self.last
            weight = min(self.seen, self.length)
            self.gain += (max(change, 0) - self.gain) / weight
            self.loss += (max(-change, 0) - self.loss) / weight
        self.last = x
        self.seen += 1
        return self.value

    @property
    def value(self):
        if self.seen <= self.length:
            return None
        both = self.gain + self.loss
        return 50.0 if both == 0 else 100 * self.gain / both

    @property
    def state(self):
        return {"seen": self.seen, "last": self.last, "gain": self.gain, "loss": self.loss}

    def load(self, state):
        self.seen, self.last, self.gain, self.loss = (state[key] for key in ("seen", "last", "gain", "loss"))
        return self


class _Extreme:
    """The extreme of the last `length` values, known from the `least`-th value on (by default only of a full window)."""

    def __init__(self, length, least=None):
        self.length = _period(length)
        self.least = min(_period(length if least is None else least), length)
        self.window = deque(maxlen=length)
        self.extreme = None

    def update(self, x):
        leaving = self.window[0] if len(self.window) == self.length else None
        self.window.append(x)
        if self.extreme is None or self.pick(x, self.extreme) == x:
            self.extreme = x
        elif leaving == self.extreme:
            # Only now is the window looked through.
            self.extreme = self.pick(self.window)
        return self.value

    @property
    def value(self):
        return self.extreme if len(self.window) >= self.least else None

    @property
    def state(self):
        return {"window": list(self.window)}

    def load(self, state):
        self.window = deque(state["window"], maxlen=self.length)
        self.extreme = self.pick(self.window) if self.window else None
        return self


class Highest(_Extreme):
    """The highest of the last `length` values."""

    pick = staticmethod(max)


class Lowest(_Extreme):
    """The lowest of the last `length` values."""

    pick = staticmethod(min)
