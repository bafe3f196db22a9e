"""A venue to talk to, and a list of what did not hold. Knows no client."""

import json
import os
import subprocess
import sys
import time
import traceback
from contextlib import contextmanager
from decimal import Decimal as D

FAILED = []
DONE = 0
# The generated market's seed: the same each time, so that a failure can be looked at again.
SEED = os.environ.get("RINGFENCE_SEED", "20240808")


@contextmanager
def venue(*options):
    """Starts `ringfence sim` and hands over its first line."""
    command = [os.environ["RINGFENCE"], "sim", "--listen", "127.0.0.1:0", "--json", "--seed", SEED, *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield json.loads(process.stdout.readline())
    finally:
        process.terminate()
        code = process.wait(timeout=20)
        if code != 0:
            FAILED.append(f"the exchange ended with code {code}")


@contextmanager
def step(name):
    """One thing that must work; a failure is told and the rest goes on."""
    global DONE
    DONE += 1
    try:
        yield
    except Exception as error:  # noqa: BLE001 (whatever a client raises)
        line = traceback.extract_tb(error.__traceback__)[-1]
        frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith(os.path.basename(sys.argv[0]))]
        at = frames[-1] if frames else line
        FAILED.append(f"{name}: line {at.lineno} `{at.line}`: {type(error).__name__}: {str(error)[:300]}")


def eq(found, wanted):
    assert found == wanted, f"{found!r} is not {wanted!r}"


def until(what, seconds=15):
    """Waits for something that another thread brings about."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = what()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("nothing came within %s s" % seconds)


def some(what, count):
    """Waits until there are so many."""
    return until(lambda: (lambda rows: rows if len(rows) >= count else None)(what()))


def finish(name):
    for line in FAILED:
        print(f"FAILED {name}: {line}")
    print(f"{name}: {DONE - len(FAILED)} of {DONE} steps hold (RINGFENCE_SEED={SEED})")
    sys.exit(1 if FAILED else 0)


def around(price, part, tick="0.01"):
    """A price this part of `price`, on the tick."""
    return str((D(price) * D(part)).quantize(D(tick)))
