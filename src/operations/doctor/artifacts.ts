import { constants, type Dirent } from "node:fs";
import { access, lstat, readdir, realpath, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { heldFile } from "../../artifacts/artifacts.ts";
import { systemErrorCode } from "../../errors.ts";
import { matchingRows } from "../../store/file/file-tasks.ts";
import { formatBytes } from "../../task/amounts.ts";
import { NO_FILTER } from "../../task/query-fields.ts";
import { fileSystemOf } from "./machine.ts";
import { type Checks, fail, ok, type Probe, type Verdict, warn } from "./probe.ts";
import { statOrNull } from "./store.ts";

export const ARTIFACT_CHECKS: Checks = {
  async output(probe) {
    const verdict = await folderVerdict(probe, probe.paths.output, "[paths] output");
    if (verdict.status !== "ok" || (await readdir(probe.paths.output)).length > 0) return verdict;
    const done = await finishedTasks(probe);
    if (done === 0) return ok(`${verdict.detail}, empty`);
    return warn(
      `${probe.paths.output} is empty, and ${done} tasks are done`,
      "see that its disk is mounted, and that [paths] output is the service's folder",
    );
  },

  async logs(probe) {
    const { paths } = probe;
    const [audio, texts] = await Promise.all(
      [paths.output, paths.logs].map((path) => realpath(path).catch(() => path)),
    );
    if (audio !== texts) return folderVerdict(probe, paths.logs, "[paths] logs");
    return fail(`${paths.logs} is [paths] output too: nothing is removed from it`, `[paths] logs ${OWN_DIRECTORY}`);
  },

  async audit({ audit }) {
    if (audit === null) return ok("no ledger is kept of what is removed");
    const there = await statOrNull(audit);
    if (there !== null && !there.isFile()) return fail(`${audit} is not a file`, AUDIT_HINT);
    const needed = there === null ? dirname(audit) : audit;
    const denied = await access(needed, constants.W_OK).catch((error) => systemErrorCode(error));
    if (denied) return fail(`${audit}: ${denied}: whatever changes tasks refuses to run`, AUDIT_HINT);
    return ok(audit);
  },

  async disk({ file }) {
    const target = await file.target();
    const { bavail, blocks, bsize } = await statfs(dirname(target));
    const store = (await statOrNull(target).catch(() => null))?.size ?? 0;
    return diskVerdict({ free: bavail * bsize, total: blocks * bsize, store });
  },
};

/** How many of its directories are checked. */
const SAMPLE = 100;
const RIGHTS = constants.R_OK | constants.W_OK | constants.X_OK;
const RIGHTS_HINT = "run ttsctl as the user that the service runs as, or give that user the folder";

const OWN_DIRECTORY = "must be a directory of its own";

/** Whether a folder is there and can be worked in, with a sample of the folders in it. */
async function folderVerdict({ parts }: Probe, path: string, setting: string): Promise<Verdict> {
  const held = await heldFile(
    path,
    [parts.config.path, parts.file?.path].filter((file) => typeof file === "string"),
  );
  if (held !== undefined) {
    return fail(`${path} holds ${held}: nothing is removed from it`, `${setting} ${OWN_DIRECTORY}`);
  }
  const hint = `check ${setting}: it begins beside config.ini`;
  let entries: Dirent[];
  try {
    entries = await readdir(path, { withFileTypes: true });
    await access(path, RIGHTS);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" && (await isLink(path))) {
      return fail(`${path} is a link that leads nowhere`, "mount the disk that it leads to");
    }
    if (code === "ENOENT") return warn(`${path} does not exist: nothing to list or remove in it`, hint);
    if (code === "ENOTDIR") return fail(`${path} is not a folder`, hint);
    return fail(`${path}: ${code}: what is in it cannot be listed or removed`, RIGHTS_HINT);
  }
  const closed = await closedFolder(path, entries);
  if (closed !== undefined) return fail(`${closed} is not writable: what is in it cannot be removed`, RIGHTS_HINT);
  return ok(`${path}, on ${await mountOf(path)}`);
}

async function isLink(path: string): Promise<boolean> {
  return (await lstat(path).catch(() => null))?.isSymbolicLink() === true;
}

async function closedFolder(path: string, entries: readonly Dirent[]): Promise<string | undefined> {
  const folders = entries.filter((entry) => entry.isDirectory()).slice(0, SAMPLE);
  for (const { name } of folders) {
    const inner = join(path, name);
    const isOpen = await access(inner, RIGHTS).then(
      () => true,
      (error) => systemErrorCode(error) === "ENOENT",
    );
    if (!isOpen) return inner;
  }
  return undefined;
}

/** The file system that a folder is on, and where that is mounted. */
async function mountOf(path: string): Promise<string> {
  const { type } = await statfs(path);
  let place = await realpath(path);
  const { dev } = await stat(place);
  while (place !== dirname(place) && (await stat(dirname(place))).dev === dev) place = dirname(place);
  return `${place} (${fileSystemOf(type).name})`;
}

async function finishedTasks(probe: Probe): Promise<number> {
  const snapshot = await probe.snapshot().catch(() => null); // it has checks of its own
  if (snapshot === null) return 0;
  return [...matchingRows(snapshot, { ...NO_FILTER, statuses: new Set(["done"]) })].length;
}

/** A rewrite needs the size of the store file once more; twice as much leaves room for the service. */
const TIMES_THE_STORE = 2;
const LEAST_SHARE = 0.1;

/** All in bytes. */
export function diskVerdict({ free, total, store }: { free: number; total: number; store: number }): Verdict {
  const share = total === 0 ? 1 : free / total;
  const detail = `${formatBytes(free)} free where the store file is, ${Math.floor(share * 100)}%`;
  if (free < store * TIMES_THE_STORE) {
    return warn(`${detail}: a rewrite needs the size of the store file, ${formatBytes(store)}`, FREE_SOME);
  }
  return share < LEAST_SHARE ? warn(detail, FREE_SOME) : ok(detail);
}

const FREE_SOME = "free some space: `ttsctl cleanup --once --dry-run` shows what finished tasks hold";

const AUDIT_HINT = "check [audit] path: its folder must be there, and writable for who runs ttsctl";
