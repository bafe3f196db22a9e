"""What the builder lets through, on components made by hand."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import build  # noqa: E402
from component import MAGIC, inspect  # noqa: E402


def text(name):
    return bytes([len(name)]) + name.encode()


def made(imports=("ringfence:strategy/log@0.1.0",), exports=(build.EXPORT,), custom=b""):
    """A component of an import section (instances), an export section and a custom section."""
    brought = bytes([len(imports)]) + b"".join(b"\0" + text(name) + b"\x05\0" for name in imports)
    given = bytes([len(exports)]) + b"".join(b"\0" + text(name) + b"\x05\0\0" for name in exports)
    return MAGIC + b"".join(bytes([kind, len(data)]) + data for kind, data in ((10, brought), (11, given), (0, text("x") + custom)))


class Builder(unittest.TestCase):
    PATHS = [Path("/home/someone")]

    def test_names_are_read(self):
        self.assertEqual(inspect(made()), (["ringfence:strategy/log@0.1.0"], [build.EXPORT]))
        with self.assertRaises(ValueError):
            inspect(b"\0asm\x01\0\0\0")

    def test_the_contract_and_nothing_else_passes(self):
        build.check(made(custom=b"/root/.cargo/registry"), [*self.PATHS, Path("/root")])
        for bad in (made(imports=["wasi:cli/stdin@0.2.0"]), made(exports=["x"]), made(custom=b"in /home/someone/x")):
            with self.assertRaises(SystemExit):
                build.check(bad, self.PATHS)


if __name__ == "__main__":
    unittest.main()
