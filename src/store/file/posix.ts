import { getSystemErrorName } from "node:util";

const [AT_FDCWD, RENAME_EXCHANGE] = [-100, 2];
const [LOCK_SH, LOCK_EX, LOCK_NB] = [1, 2, 4];
/** The numbers of `renameat2`: older versions of musl have no function for it. */
const RENAMEAT2: Readonly<Record<string, number>> = { x64: 316, arm64: 276 };
/** XATTR_LIST_MAX and XATTR_SIZE_MAX. */
const MOST_XATTR_BYTES = 65_536;

export type Posix = Awaited<ReturnType<typeof load>>;

let loading: Promise<Posix | null> | undefined;
/** Null until loaded. */
export let loadedPosix: Posix | null = null;

/** Null if this machine isn't supported: the binaries in the package are for Linux on x64 and arm64, glibc and musl. */
export async function loadPosix(): Promise<Posix | null> {
  loading ??= load().catch(() => null);
  loadedPosix = await loading;
  return loadedPosix;
}

/** Calls of Linux that Node.js doesn't have, synchronous. A failed one throws an Error with `code`, `errno` and `syscall`. */
async function load() {
  const renameat2 = process.platform === "linux" ? RENAMEAT2[process.arch] : undefined;
  if (renameat2 === undefined) throw new Error("unsupported");
  const { default: koffi } = await import("koffi/indirect");
  const libc = koffi.load(null);
  const syscall = libc.func("long syscall(long number, ...)");
  const flock = libc.func("int flock(int fd, int operation)");
  const flistxattr = libc.func("long flistxattr(int fd, void *list, size_t size)");
  const fgetxattr = libc.func("long fgetxattr(int fd, str name, void *value, size_t size)");
  const fsetxattr = libc.func("int fsetxattr(int fd, str name, void *value, size_t size, int flags)");
  const fremovexattr = libc.func("int fremovexattr(int fd, str name)");
  const exit = libc.func("void _exit(int status)");

  /** The result, unless the call failed with none of the `expected` codes; then the code. */
  function checked(name: string, result: number, ...expected: string[]): number | string {
    if (result >= 0) return result;
    const errno = -koffi.errno();
    const code = getSystemErrorName(errno);
    if (expected.includes(code)) return code;
    throw Object.assign(new Error(`${code}: ${name}`), { code, errno, syscall: name });
  }

  return {
    /** Exchanges two files in one atomic step. */
    exchange(a: string, b: string): void {
      const args = ["int", AT_FDCWD, "str", a, "int", AT_FDCWD, "str", b, "uint", RENAME_EXCHANGE];
      checked("renameat2", syscall(renameat2, ...args));
    },
    /** Acquires an flock(2) unless another open file holds one. Returns whether it did. */
    tryLock(fd: number, mode: "exclusive" | "shared"): boolean {
      const operation = (mode === "exclusive" ? LOCK_EX : LOCK_SH) | LOCK_NB;
      return checked("flock", flock(fd, operation), "EAGAIN") === 0;
    },
    /** Extended attributes by name; POSIX ACLs are `system.posix_acl_*`. Empty if the file system has none. */
    attributes(fd: number): Map<string, Buffer> {
      const bytes = Buffer.alloc(MOST_XATTR_BYTES);
      const length = checked("flistxattr", flistxattr(fd, bytes, bytes.length), "ENOTSUP");
      if (typeof length === "string") return new Map();
      const names = bytes.toString("utf8", 0, length).split("\0").slice(0, -1);
      const values = names.map((name): [string, Buffer] => {
        const size = checked("fgetxattr", fgetxattr(fd, name, bytes, bytes.length)) as number;
        return [name, Buffer.from(bytes.subarray(0, size))];
      });
      return new Map(values);
    },
    setAttribute(fd: number, name: string, value: Buffer): void {
      checked("fsetxattr", fsetxattr(fd, name, value, value.length, 0));
    },
    removeAttribute(fd: number, name: string): void {
      checked("fremovexattr", fremovexattr(fd, name), "ENODATA");
    },
    /** _exit(2): ends the process without the handlers of libraries, of which koffi's hangs if fsync(2) fails on stderr. */
    exit(code: number): void {
      exit(code);
    },
  };
}
