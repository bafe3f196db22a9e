"""Ringfence for Python: extend `Strategy` in `strategy.py`, build with `python3 build.py <plugin dir> <out.wasm>`.

| file | holds |
|--|--|
| strategy.py | Strategy, Manifest, parameters, and the runner that drives one instance |
| desk.py | what a strategy can ask the host for, and the `Host` that answers |
| batch.py | events in order of `seq` |
| decimals.py | exact decimals: Python's own, and their way over the border |
| indicators.py | Sma, Ema, Rsi, Highest, Lowest |
| testing.py | a host in memory, for tests of strategies |
| app.py | the exports of the contract; the only file that knows the generated bindings |

What Python does at the top of a module happens when the component is built. In a component there is no file system, so
import at the top, never inside a function; and no clock but `self.now`.
"""

from .decimals import Decimal, exact, floor_to
from .desk import Denied, Instrument, Order, StoreError, Trailing, order
from .indicators import Ema, Highest, Lowest, Rsi, Sma
from .strategy import InvalidParameter, Manifest, MissingGrant, StateVersion, Strategy, parameter

__all__ = [
    "Decimal", "Denied", "Ema", "Highest", "Instrument", "InvalidParameter", "Lowest", "Manifest", "MissingGrant",
    "Order", "Rsi", "Sma", "StateVersion", "StoreError", "Strategy", "Trailing", "exact", "floor_to", "order", "parameter",
]
