import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { ago, record } from "../helpers/records.ts";
import { binary, lines, type Run, Running, ttsctl } from "../helpers/ttsctl.ts";
import { Chance, LONG } from "./helpers/chance.ts";
import { type Fault, runFaulty } from "./helpers/faulty.ts";
import { everything, exactly, sorted, type TestRecord } from "./helpers/stores.ts";
import { triedFault } from "./helpers/tally.ts";
import { WholeFile } from "./helpers/whole.ts";

const here = usePlace();
const OLD = [record("a", "t1"), record("b", "t2"), record("a", "t3")];
const YOUNG = [record("a", "y1", { updated_at: ago(3600) }), record("c", "y2", { updated_at: ago(3600) })];

const BIG = () => record("z", "big", { text: "x".repeat(80_000), updated_at: ago(3600) });

/** A command that writes the store file, and what it leaves. */
interface Case {
  readonly line: string;
  readonly after: readonly TestRecord[];
}

const CASES: Case[] = [
  { line: "cleanup --once -o json", after: YOUNG },
  { line: "delete --user a --ids t1,t3 --yes -o json", after: [OLD[1]!, ...YOUNG] },
  { line: "delete --status done --until 1d --yes -o json", after: YOUNG },
  { line: "mark --status failed --where-status done --yes -o json", after: [...OLD, ...YOUNG] },
];

async function lay(): Promise<string> {
  here.root.remove();
  here.root.writeStore([...OLD, ...YOUNG]);
  here.root.configure(here.server.port);
  here.root.writeArtifacts([...OLD, ...YOUNG]);
  await here.server.call("FLUSHALL");
  await here.mirrored(...OLD, ...YOUNG);
  return here.root.storeText();
}

/** One line, which names the store file, and its code is none for the unforeseen. */
function expectNamed(run: Run, label: string): void {
  const errors = lines(run.stderr).filter((line) => line.startsWith("{"));
  expect(errors, `${label}: ${run.stderr}`).toHaveLength(1);
  const { error, code } = JSON.parse(errors[0]!);
  expect(error, label).toContain("voice_task.json");
  expect(code, `${label}: ${error}`).not.toBe("INTERNAL");
}

function expectNothingLeft(label: string): void {
  expect(
    readdirSync(here.root.path).filter((name) => name.endsWith(".ttsctl")),
    label,
  ).toEqual([]);
}

/** What a call of this kind fails with on a disk that is full, broken, not ours or read-only. */
function codesFor(step: string): string[] {
  const all = step === "write" ? ["ENOSPC", "EIO", "EDQUOT"] : ["EIO", "EACCES", "EROFS"];
  return LONG ? all : all.slice(0, 1);
}

/** Whether a failure of this step may be tolerated: it is a look, or tidying. */
const MAY_FAIL = new Set(["stat", "rm", "realpath", "open", "read"]);

async function failingRound({ line, after }: Case, fault: Fault, step: string, env: Record<string, string>) {
  const label = `${line}: ${fault.code} at step ${fault.at}, ${step}`;
  const before = await lay();
  const whole = new WholeFile(here.root.store);
  const run = await runFaulty(line.split(" "), fault, { cwd: here.root.path, env });
  expect(await whole.stop(), label).toEqual([]);
  if (run.code !== 0 || !MAY_FAIL.has(step)) {
    expect(run.code, `${label}: ${run.stderr}`).toBe(1);
    expectNamed(run, label);
    expectNothingLeft(label);
    // Without an exchange the old content is gone with the rename, and what failed after it is said.
    // What reads the file for Redis, after the rewrite, fails without undoing it.
    const isAfter = step === "read" && here.root.storeText() !== before;
    if (isAfter) expect(line, label).toMatch(/^mark /);
    else if (!run.stderr.includes("was rewritten, but")) expect(here.root.storeText(), label).toBe(before);
    else expect([["open", "sync"].includes(step), "PATH" in env], label).toEqual([true, true]);
  }
  expect([0, 3], label).toContain((await here.run(line)).code);
  expect(sorted(await everything(here)), label).toEqual(exactly(after));
  triedFault();
}

/** Every step that writes, and in a short run of the others some. */
function chosen(steps: readonly string[], others: number): number[] {
  const all = [...steps.keys()];
  if (LONG) return all;
  const isWrite = (at: number) => !MAY_FAIL.has(steps[at]!);
  const chance = new Chance(steps.join());
  const looks = all.filter((at) => !isWrite(at)).sort(() => chance.next() - 0.5);
  return [...all.filter(isWrite), ...looks.slice(0, others)];
}

const LOOKS_TOO = Number.POSITIVE_INFINITY;

describe.each(CASES)("row B, a disk that fails at each call on the store file: $line", (one) => {
  const count = (env: Record<string, string>) =>
    runFaulty(one.line.split(" "), { at: -1, act: "fail", on: "store" }, { cwd: here.root.path, env });

  it.each([
    { how: "exchanged", env: (): Record<string, string> => ({}) },
    { how: "renamed, where it cannot be exchanged", env: withoutExchange },
  ])("the old file is intact and no temporary file is left; the new one is $how", async ({ env }) => {
    await lay();
    const { steps } = await count(env());
    expect(steps).toEqual(expect.arrayContaining(["open", "write", "chmod", "sync"]));
    for (const at of chosen(steps, one === CASES[0] ? LOOKS_TOO : 3)) {
      const step = steps[at]!;
      for (const code of codesFor(step)) await failingRound(one, { at, act: "fail", code, on: "store" }, step, env());
    }
  });
});

/** An environment in which mv(1) knows no exchange. */
function withoutExchange(): Record<string, string> {
  const folder = `${here.server.folder}/bin`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/mv`, "#!/bin/sh\nexit 1\n");
  chmodSync(`${folder}/mv`, 0o755);
  return { PATH: `${folder}:${process.env.PATH}` };
}

const isRoot = process.getuid?.() === 0;
const NOBODY = 65_534;

describe("row B, a real disk", () => {
  const mounted: string[] = [];
  afterEach(() => {
    for (const path of mounted.splice(0)) spawnSync("umount", ["-l", path]);
  });

  /** A file system of its own for the store, in memory. */
  function mount(size: string): string | null {
    const folder = here.root.at("small");
    mkdirSync(folder);
    if (spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder]).status !== 0) return null;
    mounted.push(folder);
    return folder;
  }

  async function expectIntact(run: Run, store: string, before: string): Promise<void> {
    triedFault();
    expect(run.code, run.stderr).toBe(1);
    expectNamed(run, store);
    expect(readFileSync(store, "utf8")).toBe(before);
    expect(readdirSync(dirname(store)).filter((name) => name.endsWith(".ttsctl"))).toEqual([]);
  }

  it.runIf(isRoot).each(CASES)("that is full: $line", async ({ line }) => {
    await lay();
    const folder = mount("128k");
    if (folder === null) return;
    const store = `${folder}/voice_task.json`;
    const before = JSON.stringify([...OLD, ...YOUNG, BIG()], null, 2);
    writeFileSync(store, before);
    const run = await here.run(`${line} --store ${store}`);
    await expectIntact(run, store, before);
  });

  it.runIf(isRoot).each(CASES)("that is mounted read-only: $line", async ({ line }) => {
    await lay();
    const folder = mount("1m");
    if (folder === null) return;
    const store = `${folder}/voice_task.json`;
    const before = here.root.storeText();
    writeFileSync(store, before);
    expect(spawnSync("mount", ["-o", "remount,ro", folder]).status).toBe(0);
    await expectIntact(await here.run(`${line} --store ${store}`), store, before);
  });

  it.runIf(isRoot).each(CASES)("whose folder is another user's: $line", async ({ line }) => {
    const before = await lay();
    for (const folder of [here.root.path, `${dirname(binary())}/..`]) chmodSync(folder, 0o755);
    const child = new Running(line.split(" "), { cwd: here.root.path, uid: NOBODY });
    await expectIntact(await child.end(), here.root.store, before);
  });

  it.runIf(isRoot).each(CASES)("whose folder may be written, and whose file is another user's: $line", async (one) => {
    await lay();
    for (const folder of [here.root.path, `${dirname(binary())}/..`]) chmodSync(folder, 0o755);
    chmodSync(here.root.path, 0o777);
    rmSync(here.root.at("output"), { recursive: true });
    rmSync(here.root.at("Logs"), { recursive: true });
    chownSync(here.root.store, 12_345, 12_345);
    const before = here.root.storeText();
    const child = new Running(one.line.split(" "), { cwd: here.root.path, uid: NOBODY });
    await expectIntact(await child.end(), here.root.store, before);
    expect(statSync(here.root.store).uid).toBe(12_345);
  });

  it.each(CASES)("with a limit on the size of a file: $line", async ({ line }) => {
    await lay();
    const before = JSON.stringify([...OLD, BIG(), ...YOUNG], null, 2);
    here.root.write("voice_task.json", before, 1_600_000_000);
    const run = await ttsctl(line.split(" "), { cwd: here.root.path, fileSize: 32_768 });
    await expectIntact(run, here.root.store, before);
  });
});
