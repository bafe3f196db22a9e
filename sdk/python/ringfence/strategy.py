"""Strategy, its manifest and parameters, and the runner that drives one instance by the rules of the contract.

What may not live here: the generated bindings (app.py) and the words for the host (desk.py).
"""

import json
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from types import SimpleNamespace

from .batch import Variant, merged, stream
from .decimals import CONTEXT, exact
from .desk import Denied, Desk


class InvalidParameter(Exception):
    """Raise it in `on_init`: this parameter does not do."""

    def __init__(self, name, problem):
        super().__init__(f"{name}: {problem}")
        self.variant = Variant("invalid-parameter", (name, problem))


class MissingGrant(Exception):
    """Raise it in `on_init`: something that the strategy needs is not granted."""

    def __init__(self, what):
        super().__init__(f"not granted: {what}")
        self.variant = Variant("missing-grant", what)


class StateVersion(Exception):
    """Raise it in `restore`: the state is of a version that this one cannot read."""

    def __init__(self, found):
        super().__init__(f"cannot read state of version {found}")
        self.variant = Variant("version", str(found))


class Refusal(Exception):
    """What `init` or `restore` answers instead of nothing: a variant of the contract."""

    def __init__(self, variant):
        super().__init__(f"{variant.tag}: {variant.value}")
        self.variant = variant


@dataclass(frozen=True)
class Spec:
    """A declared parameter: its default and its range as variants of the contract."""

    description: str
    default: Variant
    range: Variant


class parameter:
    """Parameters of a strategy, for its manifest."""

    @staticmethod
    def integer(value, low, high, description):
        return Spec(description, Variant("integer", value), Variant("integer", (low, high)))

    @staticmethod
    def number(value, low, high, description):
        return Spec(description, Variant("number", exact(value)), Variant("number", (exact(low), exact(high))))

    @staticmethod
    def choice(value, choices, description):
        return Spec(description, Variant("text", value), Variant("choice", list(choices)))

    @staticmethod
    def text(value, description):
        return Spec(description, Variant("text", value), Variant("any", None))

    @staticmethod
    def boolean(value, description):
        return Spec(description, Variant("boolean", value), Variant("any", None))


@dataclass(frozen=True)
class Manifest:
    """What a strategy says of itself. `wishes`: streams by symbol, `{"ETHUSDT": ["trades", "klines:60"]}`."""

    name: str
    version: str
    description: str = ""
    wishes: dict = field(default_factory=dict)
    parameters: dict = field(default_factory=dict)

    def __post_init__(self):
        for name in (name for streams in self.wishes.values() for name in streams):
            stream(name)  # A misspelt stream fails the build, not the host.


class Strategy(Desk):
    """A strategy. Override what you need; each callback gets one event, `self.now` is its time in microseconds.

    `self.parameters` holds the value of each parameter; a `-` in its name becomes `_`.
    """

    manifest: Manifest
    #: Whether `save` gives, and `restore` takes, bytes of the strategy's own making.
    raw_state = False

    def on_init(self):
        """After the parameters are known, before `restore`. No commands here."""

    def on_start(self): pass
    def on_trade(self, trade): pass
    def on_aggregate_trade(self, trade): pass
    def on_quote(self, quote): pass
    def on_depth(self, depth): pass
    def on_book(self, book): pass
    def on_kline(self, kline): pass
    def on_ticker(self, ticker): pass
    def on_order(self, update): pass
    def on_fill(self, fill): pass
    def on_balance(self, balance): pass
    def on_position(self, position): pass
    def on_timer(self, timer): pass
    def on_history(self, history): pass
    def on_feed_gap(self, gap): pass
    def on_feed_resumed(self, feed): pass
    def on_halted(self, reason): pass
    def on_resumed(self): pass
    def on_stop(self, reason): pass

    def on_denied(self, denied):
        """A command was denied and nobody caught it."""
        self.log.warn(denied)

    def save(self):
        """What the next generation shall know: anything that JSON can hold; Decimals become text."""
        return None

    def restore(self, state):
        """What `save` of the generation before gave."""


def checked(declared, given):
    """Values of all declared parameters: given ones (name, variant) checked, the rest by default."""
    values = {name: spec.default.value for name, spec in declared.items()}
    for name, (tag, value) in given:
        spec = declared.get(name)
        if spec is None:
            raise InvalidParameter(name, "no such parameter")
        if tag == "integer" and spec.default.tag == "number":
            tag, value = "number", Decimal(value)  # A whole number does where a decimal is asked for.
        if tag != spec.default.tag:
            raise InvalidParameter(name, f"must be of type {spec.default.tag}, not {tag}")
        kind, bounds = spec.range
        if kind == "choice" and value not in bounds:
            raise InvalidParameter(name, f"must be one of {', '.join(bounds)}")
        if kind in ("integer", "number") and not bounds[0] <= value <= bounds[1]:
            raise InvalidParameter(name, f"must be from {bounds[0]} to {bounds[1]}")
        values[name] = value
    return SimpleNamespace(**{name.replace("-", "_"): value for name, value in values.items()})


def _text(value):
    if isinstance(value, Decimal):
        return format(value, "f")
    raise TypeError(f"{type(value).__name__} cannot be kept as JSON")


class Runner:
    """One instance of a strategy: the `handler` of the contract in plain Python.

    Whatever strategy code raises is told to the operator before the call ends as a fault.
    """

    def __init__(self, strategy_class, host):
        self.strategy_class = strategy_class
        self.host = host
        self.strategy = None

    def init(self, context):
        """`context` is the contract's, plain; raises Refusal."""
        def run():
            strategy = self.strategy_class()
            strategy.attach(self.host, context)
            strategy.parameters = checked(strategy.manifest.parameters, [(one.name, one.value) for one in context.parameters])
            strategy.on_init()
            self.strategy = strategy
        self._guarded("init", run, "other")

    def on_events(self, batch, lookahead):
        """Handles events in order of `seq`, and says how many it took."""
        strategy, taken = self.strategy, 0
        strategy.commanded = None
        with localcontext(CONTEXT):
            for seq, ts, handler, event in merged(batch, strategy.instrument_by_id):
                # After the first command, only what happened before its answer could arrive.
                if strategy.commanded is not None and not ts < strategy.commanded + lookahead:
                    break
                strategy.seq = seq
                strategy.now = ts
                try:
                    self._handle(getattr(strategy, handler), event)
                except Exception as error:
                    self.host.log("error", f"{handler}: {told(error)}")
                    raise
                taken += 1
        return taken

    def _handle(self, handler, event):
        try:
            # What carries nothing (started, resumed) is called with nothing.
            handler() if event is None else handler(event)
        except Denied as denied:
            self.strategy.on_denied(denied)

    def save(self):
        """State for the next generation, as bytes."""
        def run():
            state = self.strategy.save()
            return state if self.strategy.raw_state else json.dumps(state, default=_text, separators=(",", ":")).encode()
        return self._guarded("save", run)

    def restore(self, state):
        """Takes what `save` gave; raises Refusal."""
        def run():
            found = state
            if not self.strategy.raw_state:
                try:
                    found = json.loads(state)
                except ValueError as error:
                    raise Refusal(Variant("corrupt", str(error))) from None
            if found is not None:
                self.strategy.restore(found)
        self._guarded("restore", run, "corrupt")

    def shutdown(self, reason):
        """The last call of an instance."""
        if self.strategy is not None:
            self._guarded("on_stop", lambda: self.strategy.on_stop(reason))

    def _guarded(self, where, run, answer=None):
        try:
            with localcontext(CONTEXT):
                return run()
        except Exception as error:
            if answer and hasattr(error, "variant"):
                raise Refusal(error.variant) from error
            self.host.log("error", f"{where}: {told(error)}")
            if answer:
                raise Refusal(Variant(answer, f"{type(error).__name__}: {error}")) from error
            raise


def told(error):
    """An exception and the way to it, innermost last. Not `traceback`: that opens source files, and here are none."""
    lines, step = [f"{type(error).__name__}: {error}"], error.__traceback__
    while step is not None:
        code = step.tb_frame.f_code
        *_, folder, file = ["", *code.co_filename.replace("\\", "/").split("/")]
        # The SDK has a strategy.py too; no other folder is worth telling.
        lines.append(f"  {'ringfence/' if folder == 'ringfence' else ''}{file}:{step.tb_lineno} in {code.co_name}")
        step = step.tb_next
    return "\n".join(lines)
