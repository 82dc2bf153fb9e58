import { linkSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { systemClock } from "../../../src/clock.ts";
import { type Lock, type LockPurpose, type LockWait, takeLock } from "../../../src/store/file/lock.ts";
import { useFolder } from "../../helpers/files.ts";

const path = useFolder();
const WAIT = { seconds: 20, clock: systemClock };

const lockFile = (purpose: LockPurpose) => path(`.s.json.${purpose}.lock`);
const take = (purpose: LockPurpose, wait: LockWait | null = null): Promise<Lock> =>
  takeLock(path("s.json"), purpose, wait);
/** Whether a process waits for a lock. */
const isAwaited = (file: string) =>
  new RegExp(`-> FLOCK .*:${statSync(file).ino} `).test(readFileSync("/proc/locks", "latin1"));

describe("a lock", () => {
  test("a lock file that a killed holder left, or garbage in it, blocks no one", async () => {
    for (const text of ["", "99999 ttsctl sync\nwrote 1:2:3:4\n", "\0".repeat(5000), "x".repeat(10_000)]) {
      writeFileSync(lockFile("run"), text);
      await (await take("run")).release();
    }
  });

  test("the note of the last holder comes with the lock, and is kept until another replaces it", async () => {
    const notes: string[] = [];
    for (const note of ["wrote 1:2:3:4", null, "5", null]) {
      const lock = await take("write");
      notes.push(lock.note);
      if (note !== null) await lock.leave(note);
      await lock.release();
    }
    expect(notes).toEqual(["", "wrote 1:2:3:4", "wrote 1:2:3:4", "5"]);
  });
});

describe("without a usable lock", () => {
  test("without a flock(1) to wait with", async () => {
    const before = process.env.PATH;
    const held = await take("run");
    process.env.PATH = path("empty");
    try {
      await expect(take("run", WAIT)).rejects.toMatchObject({ code: "LOCK_UNAVAILABLE" });
    } finally {
      process.env.PATH = before;
    }
    await held.release();
    await (await take("run")).release();
  });

  test("the lock file is a link: nothing is written through it", async () => {
    writeFileSync(path("victim"), "precious");
    symlinkSync("victim", lockFile("run"));
    await expect(take("run")).rejects.toMatchObject({ code: "LOCK_UNAVAILABLE" });
    expect(readFileSync(path("victim"), "utf8")).toBe("precious");
    rmSync(lockFile("run"));
    writeFileSync(path("s.json"), "precious");
    linkSync(path("s.json"), lockFile("run"));
    await expect(take("run")).rejects.toMatchObject({ code: "LOCK_UNAVAILABLE" });
    expect(readFileSync(path("s.json"), "utf8")).toBe("precious");
    await (await take("write")).release();
    linkSync(lockFile("write"), path("backup")); // as `cp -al` does
    await (await take("write")).release();
  });
});

test("a lock file that is deleted while another process waits for it: the wait continues at the new one", async () => {
  const first = await take("run");
  const waiting = take("run", WAIT);
  await expect.poll(() => isAwaited(lockFile("run"))).toBe(true);
  rmSync(lockFile("run"));
  await first.release();
  const second = await waiting;
  await expect(take("run")).rejects.toMatchObject({ code: "LOCK_TIMEOUT" });
  await second.release();
});
