import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";
import { loadPosix } from "../../../src/store/file/posix.ts";

/** What is to happen at which of the steps that work in this process takes. */
export interface Fault {
  /** -1: at none; they are counted. */
  readonly at: number | "each";
  /** A crash, from which on no step is taken, as after a kill; the code that the call fails with; or what is done before it. */
  readonly act: "crash" | `E${string}` | ((step: number) => Promise<void>);
  /** Changes of files, and what is sent to Redis; or calls on any file; or those on the store file and what belongs to it. */
  readonly on: "changes" | "disk" | "store";
  /** As on a machine that can't exchange two files. */
  readonly withoutExchange?: boolean;
}

export interface Steps<T> {
  readonly result: T;
  /** The names of the steps. */
  readonly steps: readonly string[];
  /** Whether it crashed. */
  readonly hasCrashed: boolean;
}

const STORE = /(^|\/)(voice_task\.json|\.voice_task\.json\.(ttsctl|spool)|in\.jsonl)$/;
const LOOKS = /^(stat|lstat|readdir|opendir|realpath|readlink|access|statfs|readFile|read|close)(Sync)?$/;
const WRITING = fs.constants.O_CREAT | fs.constants.O_TRUNC;

/** The steps of one work. */
class Taking {
  readonly root: string;
  readonly fault: Fault;
  readonly taken: string[] = [];
  readonly paths = new WeakMap<object, string>();
  /** What closes the files that a crash leaves open. */
  readonly open = new Set<() => Promise<void>>();
  hasCrashed = false;
  #look = { path: "", count: 0 };

  constructor(root: string, fault: Fault) {
    this.root = root;
    this.fault = fault;
  }

  counts(name: string, path: unknown, flags?: unknown): boolean {
    const { on } = this.fault;
    if (name === "send") return on === "changes";
    if (typeof path !== "string") return false;
    if (on === "store") return (STORE.test(path) || path === this.root) && !this.#isPoll(name, path);
    if (!path.startsWith(this.root) && !path.startsWith("/proc/self/fd/")) return false;
    if (on === "disk") return !this.#isPoll(name, path);
    const opensToWrite = typeof flags === "number" ? (flags & WRITING) !== 0 : flags !== undefined && flags !== "r";
    return name === "open" ? opensToWrite && !path.endsWith(".lock") : !LOOKS.test(name);
  }

  /** Waiting polls a file, as often as time permits. */
  #isPoll(name: string, path: string): boolean {
    const isSame = name === "stat" && path === this.#look.path;
    this.#look = { path: name === "stat" ? path : "", count: isSame ? this.#look.count + 1 : 1 };
    return this.#look.count > 4;
  }

  /** One step. @throws what is to happen at it */
  step(name: string, path: unknown, flags?: unknown): Promise<void> | undefined {
    if (this.hasCrashed) throw new Crash();
    if (!this.counts(name, path, flags)) return undefined;
    const { at, act } = this.fault;
    const step = this.taken.push(name) - 1;
    if (at !== "each" && at !== step) return undefined;
    if (typeof act === "function") return act(step);
    if (act === "crash") {
      this.hasCrashed = true;
      throw new Crash();
    }
    const text = `${act}: made to fail, ${name} '${path}'`;
    throw Object.assign(new Error(text), { code: act, errno: -1, syscall: name, path });
  }
}

/** Marks the end of a work; the code under test can't tell it from a bug of its own. */
class Crash extends Error {
  override readonly name = "Crash";
}

let now: Taking | null = null;
/** Sockets that were used outside of such works. */
const ofTests = new WeakSet<net.Socket>();

/** Does work in this process with a fault in it. @param root of the files that count */
export async function withFault<T>(root: string, fault: Fault, work: () => Promise<T>): Promise<Steps<T>> {
  const taking = new Taking(root, fault);
  now = taking;
  try {
    const result = await work();
    return { result, steps: taking.taken, hasCrashed: taking.hasCrashed };
  } finally {
    now = null;
    for (const close of taking.open) await close();
  }
}

/** Once for all works of a process. */
async function hook(): Promise<void> {
  const { promises } = fs as unknown as { promises: Record<string, (...args: unknown[]) => Promise<unknown>> };
  const probe = await fs.promises.open("/dev/null");
  const handles = Object.getPrototypeOf(probe) as Record<string, (...args: unknown[]) => Promise<unknown>>;
  await probe.close();
  for (const [name, original] of Object.entries(promises)) {
    if (typeof original !== "function" || name === "watch") continue;
    promises[name] = async (...args) => {
      const taking = now;
      await taking?.step(name, args[0], name === "open" ? (args[1] ?? "r") : undefined);
      const result = await original(...args);
      if (name === "open" && taking !== null) note(taking, result as fs.promises.FileHandle, args[0]);
      return result;
    };
  }
  const calledOnHandles = "appendFile chmod chown datasync read stat sync truncate utimes write writeFile".split(" ");
  for (const name of calledOnHandles) {
    const original = handles[name]!;
    handles[name] = async function (this: object, ...args) {
      const path = now?.paths.get(this);
      if (path !== undefined) await now!.step(name === "writeFile" ? "write" : name, path);
      return original.apply(this, args);
    };
  }
  const calls = fs as unknown as Record<string, (...args: unknown[]) => unknown>;
  for (const name of ["statSync", "renameSync", "linkSync", "openSync"]) {
    const original = calls[name]!;
    calls[name] = (...args) => {
      now?.step(name.replace("Sync", ""), args[0], args[1]);
      return original(...args);
    };
  }
  syncBuiltinESMExports();
  const posix = await loadPosix();
  const exchange = posix!.exchange;
  posix!.exchange = (a, b) => {
    now?.step("exchange", a);
    if (now?.fault.withoutExchange) throw Object.assign(new Error("EINVAL"), { code: "EINVAL" });
    exchange(a, b);
  };
  const send = net.Socket.prototype.write;
  net.Socket.prototype.write = function (this: net.Socket, ...args: Parameters<typeof send>) {
    if (now === null) ofTests.add(this);
    if (now === null || ofTests.has(this) || this.remotePort === undefined) return send.apply(this, args);
    try {
      const isFirst = now.hasCrashed || this.writableLength === 0; // a pipeline is written in pieces
      const before = isFirst ? now.step("send", "") : undefined;
      if (before !== undefined) this.cork();
      void before?.finally(() => this.uncork());
      return send.apply(this, args);
    } catch {
      this.destroy();
      return false;
    }
  } as typeof send;
}

/** A close that fails frees the descriptor all the same, as close(2) does; after a crash the kernel does. */
function note(taking: Taking, handle: fs.promises.FileHandle, path: unknown): void {
  taking.paths.set(handle, String(path));
  const close = handle.close.bind(handle);
  taking.open.add(close);
  handle.close = async () => {
    if (handle.fd < 0) return; // a stream closes its handle again, which closes nothing
    if (!taking.hasCrashed) {
      taking.open.delete(close);
      await close();
    }
    if (now === taking) taking.step("close", path);
  };
}

await hook(); // before anything is sent
