import { execFile } from "node:child_process";
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import type { FileStore } from "../../store/file/file-store.ts";
import { loadPosix } from "../../store/file/posix.ts";
import { type Checks, fail, ok, warn } from "./probe.ts";

export const MACHINE_CHECKS: Checks = {
  node({ parts }) {
    const version = parts.nodeVersion.replace(/^v/, "");
    if (Number.parseInt(version, 10) >= NEEDED_NODE) return ok(version);
    return fail(`${version} is too old`, `install Node.js ${NEEDED_NODE} or newer`);
  },

  async flock() {
    if (await isInstalled("flock")) return ok("found: a command can wait for another ttsctl");
    return fail("flock(1) is not found: a command can't wait for another ttsctl", INSTALL_FLOCK);
  },

  async exchange({ parts }) {
    const problem = (await loadPosix()) === null ? "this machine" : await sharedFileSystem(parts.file);
    if (problem === null) return ok("renameat2(2) is available: no write of the service is lost to a rewrite");
    return warn(
      `${problem} can't exchange two files in one step: a write of the service in the instant of a rewrite would be lost`,
      "use Linux on x64 or arm64 with the store file on a local disk, or run cleanup, delete and mark while the service is stopped",
    );
  },
};

const NEEDED_NODE = 20;

const INSTALL_FLOCK = "install util-linux (Debian, Fedora, Alpine), or `brew install flock` (macOS)";

/** The file system of the store file if it can't exchange files; null if it can, or is unknown. */
async function sharedFileSystem(file: FileStore | null): Promise<string | null> {
  const stats = file === null ? null : await statfs(dirname(await file.target())).catch(() => null);
  const system = stats === null ? null : fileSystemOf(stats.type);
  return system?.shared ? system.name : null;
}

/** Whether a program can be run. One that prints its usage and fails can be. */
function isInstalled(program: string): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(program, ["--help"], { timeout: 5000 }, (error) => {
      resolve(error === null || typeof error.code === "number");
    });
  });
}

/** By the type that statfs(2) gives. */
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
  const unsigned = type >>> 0;
  const name = FILE_SYSTEMS.get(unsigned) ?? `type 0x${unsigned.toString(16)}`;
  return { name, shared: SHARED.includes(name) };
}
