"""What a component imports and exports at its top level, read from its sections."""

MAGIC = b"\0asm\x0d\0\x01\0"
IMPORT, EXPORT = 10, 11


class _Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def number(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def take(self, size):
        self.at += size
        return self.data[self.at - size:self.at]

    def text(self):
        return bytes(self.take(self.number())).decode()

    def description(self):
        """An extern description; only its length matters here."""
        kind = self.byte()
        if kind == 0x00:
            self.byte()
            self.number()
        elif kind in (0x02, 0x03):
            if self.byte() == 0x00:
                self.number()
        else:
            self.number()


def inspect(data):
    """`(imports, exports)`: the names."""
    if not data.startswith(MAGIC):
        raise ValueError("not a component")
    imports, exports, file = [], [], _Reader(memoryview(data)[len(MAGIC):])
    while file.at < len(file.data):
        kind = file.byte()
        section = _Reader(file.take(file.number()))
        if kind not in (IMPORT, EXPORT):
            continue
        for _ in range(section.number()):
            section.byte()
            name = section.text()
            if kind == IMPORT:
                section.description()
                imports.append(name)
                continue
            # A sort (a core sort has a second byte), an index, and perhaps a type.
            if section.byte() == 0x00:
                section.byte()
            section.number()
            if section.byte() == 0x01:
                section.description()
            exports.append(name)
    return imports, exports
