/**
 * Loaded into a ttsctl before its own code (NODE_OPTIONS=--import). Counts the steps that it takes on the files of its
 * root and towards Redis, and at one of them does what TTSCTL_FAULT says: the process is killed or stopped, or the call
 * fails.
 */
import fs from "node:fs";
import Module, { syncBuiltinESMExports } from "node:module";
import net from "node:net";

const { at, act, code, on, root, report } = JSON.parse(process.env.TTSCTL_FAULT);
/** Whether this machine can't exchange two files. */
const NO_EXCHANGE = process.env.TTSCTL_NO_EXCHANGE !== undefined;
const paths = new WeakMap();
const STORE = /(^|\/)(voice_task\.json|\.voice_task\.json\.(ttsctl|spool)|in\.jsonl)$/;
const taken = [];
/** The look that was taken last, and how often in a row. */
const look = { path: undefined, count: 0 };

function counts(path) {
  if (on === "store") return isStore(path);
  return path === undefined || path.startsWith(root) || path.startsWith("/proc/self/fd/");
}

function isStore(path) {
  return path !== undefined && (STORE.test(path) || path === root);
}

/** Waiting polls a file, as often as time permits, so polls don't count as steps. */
function isPoll(name, path) {
  const isSame = name === "stat" && path === look.path;
  look.path = name === "stat" ? path : undefined;
  look.count = isSame ? look.count + 1 : 1;
  return look.count > 4;
}

/** One step; it may be the last one. */
function step(name, path) {
  if (!counts(path) || isPoll(name, path)) return;
  const number = taken.push(name) - 1;
  if (number !== at) return;
  if (act === "kill") {
    process.kill(process.pid, "SIGKILL");
    for (;;); // nothing more happens
  }
  if (act === "stop") {
    fs.writeFileSync(`${report}.stopped`, "");
    process.kill(process.pid, "SIGSTOP"); // goes on from here with SIGCONT
    return;
  }
  throw Object.assign(new Error(`${code}: made to fail, ${name} '${path}'`), { code, errno: -1, syscall: name, path });
}

for (const [name, original] of Object.entries(fs.promises)) {
  if (typeof original !== "function" || name === "watch") continue;
  fs.promises[name] = async (...args) => {
    const path = typeof args[0] === "string" ? args[0] : undefined;
    if (path !== undefined) step(name, path);
    const result = await original(...args);
    if (name === "open") watchClose(result, path);
    return result;
  };
}

/** A handle has its own close. One that fails frees the descriptor all the same, as close(2) does. */
function watchClose(handle, path) {
  paths.set(handle, path);
  const close = handle.close.bind(handle);
  handle.close = async () => {
    if (handle.fd < 0) return; // a stream closes its handle again, which closes nothing
    if (act !== "fail") step("close", path);
    await close();
    if (act === "fail") step("close", path);
  };
}

const probe = await fs.promises.open("/dev/null");
const handles = Object.getPrototypeOf(probe);
await probe.close();
for (const name of [
  "appendFile",
  "chmod",
  "chown",
  "datasync",
  "read",
  "stat",
  "sync",
  "truncate",
  "utimes",
  "write",
  "writeFile",
]) {
  const original = handles[name];
  handles[name] = async function (...args) {
    if (paths.has(this)) step(name === "writeFile" ? "write" : name, paths.get(this));
    return original.apply(this, args);
  };
}
for (const name of ["statSync", "renameSync", "linkSync"]) {
  const original = fs[name];
  fs[name] = (path, ...args) => {
    step(name, path);
    return original(path, ...args);
  };
}
syncBuiltinESMExports();

/** The one native call that changes a file. */
const load = Module._load;
Module._load = function (request, ...rest) {
  const koffi = load.call(this, request, ...rest);
  return request.endsWith("koffi/indirect.cjs")
    ? { ...koffi, load: (path) => withExchangeAsStep(koffi.load(path)) }
    : koffi;
};

function withExchangeAsStep(library) {
  const func = (declaration) => {
    const original = library.func(declaration);
    if (!declaration.includes("syscall")) return original;
    return (...args) => {
      step("exchange", args[4]);
      if (NO_EXCHANGE) throw Object.assign(new Error("EINVAL"), { code: "EINVAL" });
      return original(...args);
    };
  };
  return { func };
}

if (on === "any") {
  const write = net.Socket.prototype.write;
  net.Socket.prototype.write = function (...args) {
    if (this.remotePort !== undefined) step("send");
    return write.apply(this, args);
  };
}

process.on("exit", () => fs.writeFileSync(report, JSON.stringify(taken)));
