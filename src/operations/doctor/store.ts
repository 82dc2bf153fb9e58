import { constants } from "node:fs";
import { access, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { describeSystemError, systemErrorCode } from "../../errors.ts";
import { temporaryPath } from "../../store/file/replace.ts";
import { invalidWarnings } from "../../store/task-store.ts";
import { counted } from "../../task/amounts.ts";
import { fileSystemOf } from "./machine.ts";
import { type Checks, fail, ok, Skip, warn } from "./probe.ts";

export const STORE_CHECKS: Checks = {
  async "store.file"({ file }) {
    const [target, stats] = await targetOf(file);
    const where = target === file.path ? file.path : `${file.path}, a link to ${target}`;
    if (stats === null) return warn(`${where} does not exist: an empty store`, MISSING);
    if (!stats.isFile()) return fail(`${where} is not a file`, "name the store file with --store or [store] path");
    return ok(`${where}, mode ${(stats.mode & 0o777).toString(8)}, owner ${stats.uid}:${stats.gid}`);
  },

  async "store.content"(probe) {
    const snapshot = await probe.read();
    if (snapshot.shape === null) throw new Skip("the store file does not exist");
    const [problems, count] = [invalidWarnings(snapshot), snapshot.size];
    const size = `${SHAPES[snapshot.shape]} of ${counted(count, "task")}`;
    if (problems.length === 0) return ok(`${size}, whole, ${snapshot.layout?.size} bytes`);
    const hint = snapshot.invalid.count > 0 ? INVALID : "the next append cuts it off";
    return warn(`${size}; ${problems.join("; ")}`, hint);
  },

  async "store.folder"({ file }) {
    const [target, stats] = await targetOf(file);
    const path = dirname(target);
    try {
      await access(path, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (error) {
      return fail(`${path}: ${describeSystemError(error)}: nothing can be locked or rewritten there`, AS_THE_SERVICE);
    }
    if (stats === null || keepsOwner(stats)) return ok(`${path} is writable, and a rewrite keeps owner and mode`);
    return fail(`a rewrite cannot keep the owner ${stats.uid}:${stats.gid}, and is refused`, AS_THE_SERVICE);
  },

  async "store.filesystem"({ file }) {
    const { type } = await statfs(dirname(await file.target()));
    const { name, shared } = fileSystemOf(type);
    if (!shared) return ok(`${name}, a local one`);
    return warn(
      `${name}: locks and renames may not be seen by other machines at once`,
      "run ttsctl and the service on one machine, better with the store file on a local disk",
    );
  },

  async "store.locks"({ file }) {
    const holders = await Promise.all((["run", "write"] as const).map((purpose) => file.holderOf(purpose)));
    const [holder] = holders.filter((name) => name !== null);
    if (holder === undefined) return ok("free");
    return warn(`held by ${holder}`, "wait for it to end, or end it: whoever changes things gives up after 10 s");
  },

  async "store.leftover"({ file }) {
    const path = temporaryPath(await file.target());
    const stats = await statOrNull(path);
    if (stats === null) return ok("nothing that a killed run left");
    if ((await file.holderOf("write")) !== null) return ok(`${path} is being written`);
    return warn(`${path} is what a killed run left`, "the next command that changes the store removes it");
  },

  async watcher({ file }) {
    const holder = await file.holderOf("watch");
    return ok(holder === null ? "none runs: only `ttsctl cleanup --once` purges" : `${holder} runs`);
  },
};

const MISSING =
  "right before the service's first task; else check [store] path, --store and the folder you are in; if it was lost, `ttsctl verify --repair --restore` fills it from Redis";

const INVALID = "invalid records are never listed, synced or purged: correct them";
const SHAPES = { array: "array", map: "map", jsonl: "JSON Lines" } as const;

const AS_THE_SERVICE = "run ttsctl as the user that the service runs as";

/** Whether this process can give a file this owner: as root, or if it is the owner and in the group. */
function keepsOwner({ uid, gid }: { uid: number; gid: number }): boolean {
  const [user, groups] = [process.geteuid?.() ?? 0, [process.getegid?.() ?? 0, ...(process.getgroups?.() ?? [])]];
  return user === 0 || (uid === user && groups.includes(gid));
}

async function targetOf(file: { path: string; target(): Promise<string> }) {
  const target = await file.target();
  return [target, await statOrNull(target)] as const;
}

export async function statOrNull(path: string) {
  try {
    return await stat(path);
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return null;
    throw error;
  }
}
