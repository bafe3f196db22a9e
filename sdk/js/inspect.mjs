// What a component imports and exports at its top level, read from its sections.

const MAGIC = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];
const IMPORT = 10;
const EXPORT = 11;

class Reader {
  constructor(bytes) { this.bytes = bytes; this.at = 0; }
  byte() {
    if (this.at >= this.bytes.length) throw new Error(`the component ends within byte ${this.at}`);
    return this.bytes[this.at++];
  }
  number() {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }
  text() {
    const length = this.number();
    this.at += length;
    return new TextDecoder().decode(this.bytes.subarray(this.at - length, this.at));
  }
  /** An extern description; only its length matters here. */
  description() {
    const kind = this.byte();
    if (kind === 0x00) { this.byte(); this.number(); }
    else if (kind === 0x02 || kind === 0x03) { if (this.byte() === 0x00) this.number(); }
    else this.number();
  }
}

/** @returns {{ imports: string[], exports: string[] }} */
export function inspect(bytes) {
  if (MAGIC.some((byte, i) => bytes[i] !== byte)) throw new Error("not a component");
  const found = { imports: [], exports: [] };
  const file = new Reader(bytes);
  file.at = MAGIC.length;
  while (file.at < bytes.length) {
    const id = file.byte();
    const size = file.number();
    const section = new Reader(bytes.subarray(file.at, file.at + size));
    file.at += size;
    if (id !== IMPORT && id !== EXPORT) continue;
    for (let count = section.number(); count > 0; count -= 1) {
      section.byte();
      const name = section.text();
      if (id === IMPORT) {
        section.description();
        found.imports.push(name);
      } else {
        // A sort (a core sort has a second byte), an index, and perhaps a type.
        if (section.byte() === 0x00) section.byte();
        section.number();
        if (section.byte() === 0x01) section.description();
        found.exports.push(name);
      }
    }
  }
  return found;
}
