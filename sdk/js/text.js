// UTF-8 by hand: the engine in the component has no TextEncoder.

export function toBytes(text) {
  const out = [];
  for (const sign of text) {
    const code = sign.codePointAt(0);
    if (code < 0x80) out.push(code);
    else if (code < 0x800) out.push(0xc0 | (code >> 6), 0x80 | (code & 63));
    else if (code < 0x10000) out.push(0xe0 | (code >> 12), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
    else out.push(0xf0 | (code >> 18), 0x80 | ((code >> 12) & 63), 0x80 | ((code >> 6) & 63), 0x80 | (code & 63));
  }
  return new Uint8Array(out);
}

export function fromBytes(bytes) {
  let out = "";
  for (let i = 0; i < bytes.length; ) {
    const lead = bytes[i];
    const more = lead < 0x80 ? 0 : lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : -1;
    let code = more === 0 ? lead : lead & (0x3f >> more);
    if (more < 0 || i + more >= bytes.length) throw new TypeError(`not UTF-8 at byte ${i}`);
    for (let k = 1; k <= more; k += 1) {
      if ((bytes[i + k] & 0xc0) !== 0x80) throw new TypeError(`not UTF-8 at byte ${i + k}`);
      code = (code << 6) | (bytes[i + k] & 0x3f);
    }
    if (code > 0x10ffff) throw new TypeError(`not UTF-8 at byte ${i}`);
    out += String.fromCodePoint(code);
    i += more + 1;
  }
  return out;
}
