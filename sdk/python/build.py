#!/usr/bin/env python3
"""python3 build.py <plugin dir> <out.wasm>

Turns a folder with `strategy.py` (one subclass of Strategy) into a component. The toolchain is installed by pip, in
target/python-venv, when it is missing. The result imports the contract and nothing else: WASI is stubbed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from component import inspect

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
TOOLCHAIN = "componentize-py==0.25.1"
VENV = ROOT / "target/python-venv"
# Folders of the machines that built the pinned toolchain itself; they come with it, and say nothing of this machine.
FOREIGN = (b"/root/.cargo/", b"/home/runner/work/componentize-py/")
EXPORT = "ringfence:strategy/handler@0.1.0"


def fail(message):
    sys.exit(f"error: {message}")


def toolchain():
    """The pinned componentize-py, installed once."""
    cli = VENV / ("Scripts/componentize-py.exe" if os.name == "nt" else "bin/componentize-py")
    # Written last, so that an installation that was cut short is made anew, and so is another version.
    mark = VENV / "ringfence-toolchain"
    if not (cli.exists() and mark.exists() and mark.read_text() == TOOLCHAIN):
        print(f"installing {TOOLCHAIN} with pip", file=sys.stderr)
        venv.create(VENV, clear=True, with_pip=True)
        python = cli.with_name("python.exe" if os.name == "nt" else "python")
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", TOOLCHAIN]
        subprocess.run(pip, check=True, stdout=sys.stderr)
        mark.write_text(TOOLCHAIN)
    return cli


def build(plugin, out):
    """Makes the component; ends the program with a message when it cannot."""
    if not (plugin / "strategy.py").is_file():
        fail(f"{plugin} has no strategy.py")
    cli = toolchain()
    with tempfile.TemporaryDirectory(prefix="ringfence-python-") as folder:
        # Everything is copied to one place and named relative to it, so that no path of this machine is built in.
        stage = Path(folder)
        no_caches = shutil.ignore_patterns("__pycache__", "test_*.py", "tests", ".*")
        shutil.copytree(HERE / "ringfence", stage / "app/ringfence", ignore=no_caches)
        (stage / "app/ringfence/testing.py").unlink()
        shutil.copytree(plugin, stage / "app", ignore=no_caches, dirs_exist_ok=True)
        (stage / "app/app.py").write_text("from ringfence.app import Handler\n")
        shutil.copytree(ROOT / "wit", stage / "wit")
        # Without the machine's environment: nothing of it may find its way into the snapshot.
        keep = {name: value for name, value in os.environ.items() if name in ("PATH", "SYSTEMROOT", "TEMP", "TMP", "TMPDIR")}
        command = [cli, "-d", "wit", "-w", "strategy", "componentize", "--stub-wasi", "-p", "app", "app", "-o", "component.wasm"]
        done = subprocess.run(command, cwd=stage, env=keep, stdout=sys.stderr)
        if done.returncode != 0:
            fail(f"componentize-py ended with {done.returncode}")
        data = (stage / "component.wasm").read_bytes()
        check(data, [stage, ROOT, plugin, Path.home()])
    # Moved into place at once: a host may be watching the folder.
    out.parent.mkdir(parents=True, exist_ok=True)
    beside = out.with_name(out.name + ".tmp")
    beside.write_bytes(data)
    beside.replace(out)
    print(f"{out.name}: {len(data)} bytes")


def check(data, paths):
    """Nothing in the component but what the contract has, and nothing of this machine."""
    imports, exports = inspect(data)
    strangers = [name for name in imports if not name.startswith("ringfence:strategy/")]
    if strangers:
        fail(f"the component imports what no host gives: {', '.join(strangers)}")
    if EXPORT not in exports:
        fail(f"the component does not export {EXPORT}")
    for folder in FOREIGN:
        data = data.replace(folder, b"")
    for path in map(str, paths):
        if len(path) > 1 and path.encode() in data:
            fail(f"the component contains the path {path}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        fail("usage: python3 build.py <plugin dir> <out.wasm>")
    build(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
