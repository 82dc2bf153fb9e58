import { once } from "node:events";
import { readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, test, vi } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { type Lock, type LockPurpose, type LockWait, takeLock } from "../../../src/store/file/lock.ts";
import { loadPosix } from "../../../src/store/file/posix.ts";
import { useFolder } from "../../helpers/files.ts";
import { useChildren } from "./children.ts";

const path = useFolder();
const start = useChildren();
const WAIT = { seconds: 20, clock: systemClock };

const lockFile = (purpose: LockPurpose) => path(`.s.json.${purpose}.lock`);
const take = (purpose: LockPurpose, wait: LockWait | null = null): Promise<Lock> =>
  takeLock(path("s.json"), purpose, wait);
/** Whether a process waits for a lock. */
const isAwaited = (file: string) =>
  new RegExp(`-> FLOCK .*:${statSync(file).ino} `).test(readFileSync("/proc/locks", "latin1"));
const hold = (purpose: LockPurpose, args: string[] = []) =>
  start({ do: "hold", path: path("s.json"), purpose }, { args });

describe("a lock between processes", () => {
  test("is released by the kernel when its holder is killed: a waiting process acquires it", async () => {
    const { child } = await hold("run");
    await expect(take("run")).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
    const waiting = take("run", WAIT);
    child.kill("SIGKILL");
    await once(child, "exit");
    const lock = await waiting;
    expect(readFileSync(lockFile("run"), "utf8")).toMatch(`${process.pid} ttsctl`);
    await lock.release();
  });

  test("lets one in at a time: no count is lost", async () => {
    writeFileSync(path("counter"), "0");
    const task = { do: "count", path: path("s.json"), counter: path("counter"), times: 15 } as const;
    const children = await Promise.all([1, 2, 3].map(() => start(task)));
    expect(children.map(({ line }) => line)).toEqual(["done", "done", "done"]);
    expect(readFileSync(path("counter"), "utf8")).toBe("45");
  });

  test("a lock file that a killed holder left, or garbage in it, blocks no one", async () => {
    for (const text of ["", "99999 ttsctl sync\nwrote 1:2:3:4\n", "\0".repeat(5000), "x".repeat(10_000)]) {
      writeFileSync(lockFile("run"), text);
      await (await take("run")).release();
    }
  });
});

describe("within one process", () => {
  test("the note of the last holder comes with the lock, and is kept until another replaces it", async () => {
    const first = await take("write");
    expect(first.note).toBe("");
    await first.leave("wrote 1:2:3:4");
    await first.release();
    const second = await take("write");
    expect(second.note).toBe("wrote 1:2:3:4");
    await second.release();
    const third = await take("write");
    expect(third.note).toBe("wrote 1:2:3:4");
    await third.leave("5");
    await third.release();
    const { child } = await hold("write");
    child.kill("SIGKILL");
    await once(child, "exit");
    const last = await take("write", WAIT);
    expect(last.note).toBe("5");
    await last.release();
  });

  test("shows no value of a flag, which may be a secret", async () => {
    const { child } = await hold("run", [
      "sync",
      "--redis-url",
      "redis://:hunter2@host",
      "--user",
      "Müller",
      "--prune",
    ]);
    const text = readFileSync(lockFile("run"), "utf8");
    expect(text).toMatch(new RegExp(`^${child.pid} ttsctl sync --redis-url --user`));
    expect(text).not.toMatch(/hunter2|Müller/);
    child.kill("SIGKILL");
  });
});

describe("without a usable lock", () => {
  test("without a flock(1) to wait with", async () => {
    const before = process.env.PATH;
    const held = await take("run");
    process.env.PATH = path("empty");
    try {
      await expect(take("run", WAIT)).rejects.toMatchObject({
        code: "LOCK_UNAVAILABLE",
        hint: expect.stringContaining("util-linux"),
      });
    } finally {
      process.env.PATH = before;
    }
    await held.release();
    await (await take("run")).release();
  });

  test("the lock file is a symbolic link: nothing is written through it", async () => {
    writeFileSync(path("victim"), "precious");
    symlinkSync("victim", lockFile("run"));
    await expect(take("run")).rejects.toMatchObject({ code: "LOCK_UNAVAILABLE" });
    expect(readFileSync(path("victim"), "utf8")).toBe("precious");
  });
});

describe("a lock file that is deleted", () => {
  test("while another process waits for it: the wait continues at the new one", async () => {
    const first = await take("run");
    const waiting = take("run", WAIT);
    await expect.poll(() => isAwaited(lockFile("run"))).toBe(true);
    rmSync(lockFile("run"));
    await first.release();
    const second = await waiting;
    await expect(take("run")).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
    await second.release();
  });

  test("deleted between open and lock: a lock on the deleted file does not count", async () => {
    const posix = (await loadPosix())!;
    const tryLock = posix.tryLock.bind(posix);
    const spy = vi.spyOn(posix, "tryLock").mockImplementationOnce((fd, mode) => {
      rmSync(lockFile("run"));
      return tryLock(fd, mode);
    });
    const lock = await take("run");
    expect(spy).toHaveBeenCalledTimes(2);
    await expect(take("run")).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
    await lock.release();
    spy.mockRestore();
  });
});
