import { spawnSync } from "node:child_process";
import { appendFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Whether tests must be skipped, with the reason in the last lines of `script/test`.
 * @param isThere whether a program of Debian or npm is installed. With CI=1 it must be.
 */
export function lacks(what: string, isThere = isInstalled(what)): boolean {
  if (isThere) return false;
  if (process.env.CI) throw new Error(`${what} is missing`);
  return skipped(`${what} is missing`);
}

/** The same for what no package gives, such as the rights of root. */
export function lacksRight(what: string, isThere: boolean): boolean {
  return isThere ? false : skipped(`this needs ${what}`);
}

/** The right to mount file systems, which containers often lack. */
export function lacksMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), "ttsctl-mount-"));
  const can = spawnSync("mount", ["--bind", folder, folder]).status === 0;
  if (can) spawnSync("umount", [folder]);
  rmSync(folder, { recursive: true });
  return lacksRight("mount(8)", can);
}

/** Whether the tests run on this kind of Redis or layout; for a test that doesn't apply to it, with the reason. */
export function isOn(kind: "acl" | "cluster" | "api_ms", _why: string): boolean {
  return (process.env.TTSCTL_DEPLOYMENT ?? "single").split("-").includes(kind);
}

function isInstalled(program: string): boolean {
  return spawnSync("sh", ["-c", `command -v ${program}`]).status === 0;
}

function skipped(why: string): true {
  const { TTSCTL_SKIPPED: list } = process.env;
  if (list) appendFileSync(list, `skipped: ${why}\n`);
  return true;
}
