import { constants } from "node:fs";
import { access, lstat, readdir, realpath, stat, statfs } from "node:fs/promises";
import { freemem } from "node:os";
import { dirname, join } from "node:path";
import { PURGE_FOLDER } from "../../artifacts/plain-name.ts";
import { heldFile } from "../../artifacts/roots.ts";
import { describeSystemError, hasCode, systemErrorCode, valueIf } from "../../errors.ts";
import { matchingRows } from "../../store/file/file-tasks.ts";
import { LOCK_WAIT_S } from "../../store/file/lock.ts";
import { temporaryPath } from "../../store/file/replace.ts";
import { fileWarnings } from "../../store/task-store.ts";
import { counted, formatBytes } from "../../task/amounts.ts";
import { NO_FILTER } from "../../task/query-fields.ts";
import { IF_LOST, storeRefusal } from "../safety.ts";
import { type Checks, fail, ok, type Probe, Skip, type Verdict, warn } from "./probe.ts";

export const FILE_CHECKS: Checks = {
  async "store.file"({ file }) {
    const [target, stats] = await targetOf(file);
    const where = target === file.path ? file.path : `${file.path} (a link to ${target})`;
    if (stats === null) return warn(`${where} does not exist: treated as an empty store`, MISSING);
    if (!stats.isFile())
      return fail(`${where} is not a regular file`, "name the store file with --store or [store] path");
    return ok(`${where}, mode ${(stats.mode & 0o777).toString(8)}, owner ${stats.uid}:${stats.gid}`);
  },

  async "store.memory"({ file }) {
    const [, stats] = await targetOf(file);
    const free = Math.min(freemem(), process.constrainedMemory() || Number.POSITIVE_INFINITY);
    const needed = 100e6 + (stats?.size ?? 0) / 3; // by `stats` of ten million records as Python writes them (docs/scaling.md)
    const detail = `${formatBytes(free)} free, and a store file of this size needs up to ${formatBytes(needed)}`;
    return free < needed ? warn(detail, FEWER_TASKS) : ok(detail);
  },

  async "store.content"(probe) {
    const snapshot = await probe.read();
    const [problems, count, invalid] = [fileWarnings(snapshot), snapshot.size, snapshot.invalid.count];
    // Beside a Redis with tasks, commands that change tasks refuse an empty file.
    const mirror = count + invalid === 0 ? await probe.mirrorOrNull() : null;
    const refusal = mirror && (await storeRefusal(mirror, { snapshot }));
    if (refusal !== null) return fail(refusal.message, WRONG_FILE);
    if (snapshot.shape === null) throw new Skip("the store file does not exist");
    const size = `${SHAPES[snapshot.shape]} of ${counted(count, "task")}`;
    if (count === 0 && invalid > 0) return fail(`no record is valid; ${problems.join("; ")}`, NOT_OURS);
    if (problems.length === 0) return ok(`${size}, whole, ${snapshot.layout?.size} bytes`);
    const hint =
      invalid > 0 ? INVALID : "the next append removes the unfinished line; if the file was cut, see docs/runbook.md";
    return warn(`${size}; ${problems.join("; ")}`, hint);
  },

  async "store.folder"({ file }) {
    const [target, stats] = await targetOf(file);
    const path = dirname(target);
    const denied = await access(path, RIGHTS).catch((error) => error);
    if (denied) {
      const hint =
        systemErrorCode(denied) === "ENOENT" ? "check [store] path and --store" : hintFor(denied, AS_THE_SERVICE);
      return fail(`${path}: ${describeSystemError(denied)}: nothing can be locked or rewritten there`, hint);
    }
    if (stats === null || keepsOwner(stats)) return ok(`${path} is writable, and a rewrite keeps owner and mode`);
    return fail(`a rewrite cannot keep the owner ${stats.uid}:${stats.gid}, so it is refused`, AS_THE_SERVICE);
  },

  async "store.filesystem"({ file }) {
    const { name, shared } = fileSystemOf((await statfs(dirname(await file.target()))).type);
    if (!shared) return ok(`${name}, a local file system`);
    return warn(`${name}: other machines may see locks and renames late`, ONE_MACHINE);
  },

  async "store.locks"({ file }) {
    const holder = (await file.holderOf("run")) ?? (await file.holderOf("write"));
    return holder === null ? ok("free") : warn(`held by ${holder}`, WAIT_FOR_IT);
  },

  async "store.leftover"({ file, parts: { paths } }) {
    const aside = paths === null ? null : join(paths.output, PURGE_FOLDER);
    if (aside !== null && (await statOrNull(aside)) !== null && (await file.holderOf("run")) === null) {
      return warn(
        `${aside} holds directories that a killed run moved aside`,
        "the next cleanup or deletion puts them back",
      );
    }
    if (await file.owed.isThere()) return warn("deletions from the file that Redis lacks", "run `ttsctl sync`");
    const path = temporaryPath(await file.target());
    const stats = await statOrNull(path);
    if (stats === null) return ok("no leftovers of a killed run");
    if ((await file.holderOf("write")) !== null) return ok(`${path} is being written`);
    return warn(`${path} is a leftover of a killed run`, "the next command that changes the store file removes it");
  },

  async watcher({ file }) {
    const holder = await file.holderOf("watch");
    return ok(holder === null ? "not running: only `ttsctl cleanup --once` purges" : `running: ${holder}`);
  },

  async output(probe) {
    const { output, shared } = probe.paths;
    const verdict = await folderVerdict(probe, output, "[paths] output");
    if (verdict.status !== "ok") return verdict;
    const detail = shared ? `${verdict.detail}, shared: \`cleanup --orphans\` only lists` : verdict.detail;
    if ((await readdir(output)).length > 0) return ok(detail);
    const snapshot = await probe.snapshot().catch(() => null); // other checks report that
    const done = snapshot === null ? [] : [...matchingRows(snapshot, { ...NO_FILTER, statuses: new Set(["done"]) })];
    if (done.length === 0) return ok(`${detail}, empty`);
    const tasks = counted(done.length, "task");
    return warn(`${output} is empty, but the store file has ${tasks} with the status done`, NOT_MOUNTED);
  },

  async logs(probe) {
    const { output, logs } = probe.paths;
    const [audio, texts] = await Promise.all([output, logs].map((path) => realpath(path).catch(() => path)));
    if (audio !== texts) return folderVerdict(probe, logs, "[paths] logs");
    return fail(`${logs} is [paths] output too: nothing is removed from it`, `[paths] logs ${OWN_DIRECTORY}`);
  },

  async audit({ audit }) {
    if (audit === null) return ok("off: changes aren't recorded");
    const there = await statOrNull(audit);
    if (there !== null && !there.isFile()) return fail(`${audit} is not a file`, AUDIT_HINT);
    const denied = await access(there === null ? dirname(audit) : audit, constants.W_OK).catch(systemErrorCode);
    if (denied) return fail(`${audit}: ${denied}: commands that change tasks refuse to run`, AUDIT_HINT);
    return ok(audit);
  },

  async disk({ file }) {
    const target = await file.target();
    const { bavail, blocks, bsize } = await statfs(dirname(target));
    const store = (await statOrNull(target).catch(() => null))?.size ?? 0;
    const [free, share] = [bavail * bsize, blocks === 0 ? 1 : bavail / blocks];
    const detail = `${formatBytes(free)} free where the store file is, ${Math.floor(share * 100)}%`;
    const needs = `${detail}: a rewrite needs the size of the store file, ${formatBytes(store)}`;
    if (free < store * TIMES_THE_STORE) return (free < store ? fail : warn)(needs, FREE_SOME);
    return share < LEAST_SHARE ? warn(detail, FREE_SOME) : ok(detail);
  },
};

const WRONG_FILE = `check [store] path, --store and the working directory; ${IF_LOST}`;
const MISSING = `fine before the service's first task; otherwise ${WRONG_FILE}`;

const NOT_OURS =
  "check [store] path, --store and [service] layout: this isn't the service's store file, or it was damaged";
const INVALID = "invalid records are never listed, synced or purged: correct them";
const SHAPES = { array: "array", map: "map", jsonl: "JSON Lines" } as const;

const AS_THE_SERVICE = "run ttsctl as the user that the service runs as";
const ONE_MACHINE = "run ttsctl and the service on one machine, preferably with the store file on a local disk";
const WAIT_FOR_IT = `wait until it finishes, or stop it: other commands that change tasks give up after ${LOCK_WAIT_S} s`;
const NOT_MOUNTED = "check that its disk is mounted, and that [paths] output is the service's directory";

function hintFor(error: unknown, rights: string): string {
  return systemErrorCode(error) === "EROFS" ? "mount it writable, or allow writes to it in the systemd unit" : rights;
}

/** Whether this process can give a file this owner: as root, or if it is the owner and in the group. */
function keepsOwner({ uid, gid }: { uid: number; gid: number }): boolean {
  const [user, groups] = [process.geteuid?.() ?? 0, [process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])]];
  return user === 0 || (uid === user && groups.includes(gid));
}

async function targetOf(file: { path: string; target(): Promise<string> }) {
  const target = await file.target();
  return [target, await statOrNull(target)] as const;
}

function statOrNull(path: string) {
  return stat(path).catch(valueIf(hasCode("ENOENT"), null));
}

const SAMPLE = 100;
const RIGHTS = constants.R_OK | constants.W_OK | constants.X_OK;
const RIGHTS_HINT = `${AS_THE_SERVICE}, or make that user the owner of the directory`;
const OWN_DIRECTORY = "must be a separate directory";

/** Checks a folder, and a sample of the folders in it. */
async function folderVerdict({ parts }: Probe, path: string, setting: string): Promise<Verdict> {
  const own = [parts.config.path, parts.file?.path].filter((file) => typeof file === "string");
  const held = heldFile(path, own);
  if (held !== undefined) {
    return fail(`${path} holds ${held}: nothing is removed from it`, `${setting} ${OWN_DIRECTORY}`);
  }
  const hint = `check ${setting}; in config.ini, a path is relative to the directory of that file`;
  try {
    const entries = await readdir(path, { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).slice(0, SAMPLE);
    for (const folder of [path, ...folders.map(({ name }) => join(path, name))]) {
      const error = await access(folder, RIGHTS).catch((error: unknown) => error);
      if (error === undefined || systemErrorCode(error) === "ENOENT") continue;
      return fail(`${folder} is not writable: its contents can't be removed`, hintFor(error, RIGHTS_HINT));
    }
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" && (await lstat(path).catch(() => null))?.isSymbolicLink()) {
      return fail(`${path} is a broken symbolic link`, "mount the disk that holds its target");
    }
    if (code === "ENOENT") return warn(`${path} does not exist: nothing to list or remove in it`, hint);
    if (code === "ENOTDIR") return fail(`${path} is not a directory`, hint);
    return fail(`${path}: ${code}: its contents can't be listed`, hintFor(error, RIGHTS_HINT));
  }
  return ok(`${path}, on ${await mountOf(path)}`);
}

async function mountOf(path: string): Promise<string> {
  const { type } = await statfs(path);
  let place = await realpath(path);
  const { dev } = await stat(place);
  while (place !== dirname(place) && (await stat(dirname(place))).dev === dev) place = dirname(place);
  return `${place} (${fileSystemOf(type).name})`;
}

const FEWER_TASKS = "add memory, or keep fewer tasks: `ttsctl cleanup --once --dry-run`";

/** A rewrite needs the size of the store file again; twice as much leaves room for the service. */
const TIMES_THE_STORE = 2;
const LEAST_SHARE = 0.1;

const FREE_SOME = "free some space; a shorter retention may: `ttsctl cleanup --once --dry-run --retention 1d`";

const AUDIT_HINT =
  "check [audit] path: the user that runs ttsctl must be able to write the file, or to create it in its directory";

const FILE_SYSTEMS: ReadonlyMap<number, string> = new Map([
  [0xef53, "ext4"],
  [0x58465342, "xfs"],
  [0x9123683e, "btrfs"],
  [0x2fc12fc1, "zfs"],
  [0x01021994, "tmpfs"],
  [0x794c7630, "overlay"],
  [0x6969, "nfs"],
  [0xff534d42, "cifs"],
  [0xfe534d42, "smb"],
  [0x517b, "smb"],
  [0x01021997, "9p"],
  [0x65735546, "fuse"],
  [0x00c36400, "ceph"],
  [0x5346414f, "afs"],
  [0x6a656a63, "virtiofs"],
]);

/** Several machines, or a virtual machine and its host, share these: they may not see locks and renames at once. */
const SHARED = ["nfs", "cifs", "smb", "9p", "fuse", "ceph", "afs", "virtiofs"];

/** The name of a type of statfs(2), and whether other machines may share it. */
export function fileSystemOf(type: number): { name: string; shared: boolean } {
  const name = FILE_SYSTEMS.get(type >>> 0) ?? `type 0x${(type >>> 0).toString(16)}`;
  return { name, shared: SHARED.includes(name) };
}
