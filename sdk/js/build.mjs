#!/usr/bin/env node
// node build.mjs <plugin dir> <out.wasm> [--wasi]
//
// Turns a folder with `strategy.js` (default export: a class that extends Strategy) into a component. The toolchain is
// installed by npm when it is missing. The result imports the contract and nothing else; with `--wasi` the engine's own
// WASI imports are kept, which the host answers virtually (for debugging the engine itself).

import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { inspect } from "./inspect.mjs";

const HERE = dirname(fileURLToPath(import.meta.url));
const WIT = resolve(HERE, "../../wit");
const SDK = ["ringfence.js", "desk.js", "batch.js", "decimal.js", "indicators.js", "text.js"];
const IMPORTS = ["orders", "market", "account", "timers", "state", "log", "metrics", "quota"];
const VERSION = "0.1.0";

const ENTRY = `${IMPORTS.map((name) => `import * as ${name} from "ringfence:strategy/${name}@${VERSION}";`).join("\n")}
import { mount } from "ringfence";
import Plugin from "./strategy.js";
export const handler = mount(Plugin, { ${IMPORTS.join(", ")} }, { component: true });
`;

function fail(message) {
  console.error(`error: ${message}`);
  process.exit(1);
}

/** The pinned toolchain of package-lock.json, installed once. */
function toolchain() {
  const cli = join(HERE, "node_modules/componentize-qjs/bin/componentize-qjs");
  if (!existsSync(cli)) {
    console.error("installing the pinned toolchain with npm");
    // Not `ci`: it refuses a lock file whose optional packages for other machines are unpublished.
    execFileSync("npm", ["install", "--no-save", "--no-audit", "--no-fund"], { cwd: HERE, stdio: ["ignore", 2, 2], shell: process.platform === "win32" });
  }
  return existsSync(cli) ? cli : fail(`npm did not bring ${cli}`);
}

function build(plugin, out, wasi) {
  if (!existsSync(join(plugin, "strategy.js"))) fail(`${plugin} has no strategy.js`);
  const cli = toolchain();
  // Everything is copied to one place and named relative to it, so that no path of this machine is built in.
  const stage = mkdtempSync(join(tmpdir(), "ringfence-js-"));
  try {
    const sdk = join(stage, "node_modules/ringfence");
    mkdirSync(sdk, { recursive: true });
    for (const file of SDK) cpSync(join(HERE, file), join(sdk, file));
    writeFileSync(join(sdk, "package.json"), JSON.stringify({ name: "ringfence", type: "module", main: "ringfence.js", exports: "./ringfence.js" }));
    for (const file of readdirSync(plugin)) {
      if (/\.(js|json)$/.test(file) && !/\.test\.js$/.test(file)) cpSync(join(plugin, file), join(stage, file));
    }
    writeFileSync(join(stage, "component.js"), ENTRY);
    cpSync(WIT, join(stage, "wit"), { recursive: true });
    const args = ["--wit", "wit", "--js", "component.js", "--world", "strategy", "--module-root", ".", "--sync", "--output", "component.wasm"];
    execFileSync(process.execPath, [cli, ...args, ...(wasi ? [] : ["--stub-wasi"])], { cwd: stage, stdio: ["ignore", "ignore", 2] });
    const bytes = readFileSync(join(stage, "component.wasm"));
    check(bytes, [stage, HERE, plugin, homedir()], wasi);
    // Moved into place at once: a host may be watching the folder.
    mkdirSync(dirname(out), { recursive: true });
    const beside = `${out}.tmp`;
    writeFileSync(beside, bytes);
    renameSync(beside, out);
    console.log(`${basename(out)}: ${bytes.length} bytes`);
  } finally {
    rmSync(stage, { recursive: true, force: true });
  }
}

function check(bytes, paths, wasi) {
  const { imports, exports } = inspect(bytes);
  const strangers = imports.filter((name) => !name.startsWith("ringfence:strategy/") && !(wasi && name.startsWith("wasi:")));
  if (strangers.length > 0) fail(`the component imports what no host gives: ${strangers.join(", ")}`);
  if (!exports.includes(`ringfence:strategy/handler@${VERSION}`)) fail("the component does not export the handler of the contract");
  for (const path of paths) if (path.length > 1 && bytes.includes(path)) fail(`the component contains the path ${path}`);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const args = process.argv.slice(2);
  const [plugin, out] = args.filter((arg) => arg !== "--wasi");
  if (!plugin || !out) fail("usage: node build.mjs <plugin dir> <out.wasm> [--wasi]");
  build(resolve(plugin), resolve(out), args.includes("--wasi"));
}
