import { execFile } from "node:child_process";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { FileStore } from "../../store/file/file-store.ts";
import { loadPosix } from "../../store/file/posix.ts";
import { type Check, fail, ok, warn } from "./check.ts";
import { fileSystemOf } from "./file-systems.ts";
import { isAtLeast } from "./info.ts";

const NEEDED_NODE = 20;

const node: Check = {
  name: "node",
  run: ({ parts }) => {
    const version = parts.nodeVersion.replace(/^v/, "");
    if (isAtLeast(version, NEEDED_NODE, 0)) return ok(version);
    return fail(`${version} is too old`, `install Node.js ${NEEDED_NODE} or newer`);
  },
};

const flock: Check = {
  name: "flock",
  run: async () => {
    const help = await outputOf("flock", ["--help"]);
    if (help !== null) return ok("found: a command can wait for another ttsctl");
    return fail("flock(1) is not found: a command can't wait for another ttsctl", INSTALL_FLOCK);
  },
};

const INSTALL_FLOCK = "install util-linux (Debian, Fedora, Alpine), or `brew install flock` (macOS)";

const exchange: Check = {
  name: "exchange",
  run: async ({ parts }) => {
    const problem = (await loadPosix()) === null ? "this machine" : await sharedFileSystem(parts.file);
    if (problem === null) return ok("renameat2(2) is available: no write of the service is lost to a rewrite");
    return warn(
      `${problem} can't exchange two files in one step: a write of the service in the instant of a rewrite would be lost`,
      "use Linux on x64 or arm64 with the store file on a local disk, or run cleanup, delete and mark while the service is stopped",
    );
  },
};

/** The file system of the store file if it is one that doesn't exchange files; null if it does, or can't be looked at. */
async function sharedFileSystem(file: FileStore | null): Promise<string | null> {
  const stats = file === null ? null : await statfs(dirname(await file.target())).catch(() => null);
  const system = stats === null ? null : fileSystemOf(stats.type);
  return system?.shared ? system.name : null;
}

/** What a program prints; null where it cannot be run. One that prints its usage and fails is there. */
function outputOf(program: string, args: readonly string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 5000 }, (error, stdout, stderr) => {
      const wasFound = error === null || typeof error.code === "number";
      resolve(wasFound ? stdout + stderr : null);
    });
  });
}

export const MACHINE_CHECKS = [node, flock, exchange];
