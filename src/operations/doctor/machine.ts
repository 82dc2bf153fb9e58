import { execFile } from "node:child_process";
import { type Check, fail, ok, warn } from "./check.ts";
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
    if (help !== null) return ok("found, so that two ttsctl can keep out of each other's way");
    return fail("flock(1) is not found: nothing can be changed without locks", INSTALL_FLOCK);
  },
};

const INSTALL_FLOCK = "install util-linux (Debian, Fedora, Alpine), or `brew install flock` (macOS)";

const exchange: Check = {
  name: "exchange",
  run: async () => {
    const help = await outputOf("mv", ["--help"]);
    if (help?.includes("--exchange")) return ok("mv --exchange is there: no write of the service is lost to a rewrite");
    return warn(
      "mv knows no --exchange: a write of the service in the instant of a rewrite would be lost",
      "install coreutils 9.5 or newer, or run cleanup, delete and mark while the service is stopped",
    );
  },
};

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
