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

/** Newer than the file's, in Redis or in what is imported. */
const NEWER = [{ ...OLD[0]!, text: "changed", updated_at: ago(1800) }];
const ELSEWHERE = record("d", "x1");

/** A command that writes the store file, and what it leaves. */
interface Case {
  readonly line: string;
  /** In Redis, over what the file has. */
  readonly redis?: readonly TestRecord[];
  readonly input?: readonly TestRecord[];
  readonly after: readonly TestRecord[];
  /** Artifacts of tasks that neither store has. */
  readonly unowned?: readonly TestRecord[];
  /** Whose artifacts stay, where it is not the same. */
  readonly artifacts?: readonly TestRecord[];
}

const CASES: Case[] = [
  { line: "cleanup --once -o json", after: YOUNG },
  { line: "delete --user a --ids t1,t3 --yes -o json", after: [OLD[1]!, ...YOUNG] },
  { line: "delete --status done --until 1d --yes -o json", after: YOUNG },
  { line: "mark --status failed --where-status done --yes -o json", after: [...OLD, ...YOUNG] },
  {
    line: "import in.jsonl --skip-invalid --yes -o json",
    ...{ input: [...NEWER, ELSEWHERE], after: [...OLD, ...YOUNG, ELSEWHERE], artifacts: [...OLD, ...YOUNG] },
  },
  {
    line: "import in.jsonl --skip-invalid --merge replace --yes -o json",
    ...{ input: [ELSEWHERE, ...NEWER], after: [...OLD, ...YOUNG, ELSEWHERE], artifacts: [...OLD, ...YOUNG] },
  },
  {
    line: "verify --repair --prune --yes -o json",
    ...{ redis: [...NEWER, ELSEWHERE], after: [...OLD, ...YOUNG] },
  },
  {
    line: "verify --repair --restore -o json",
    ...{ redis: [...NEWER, ELSEWHERE], after: [...OLD, ...YOUNG, ELSEWHERE], artifacts: [...OLD, ...YOUNG] },
  },
];

/** Those that can fail after the rewrite, in reading for Redis what is in the file by then. */
const READS_AFTER = /^(mark|import|verify) /;

async function lay({ redis = [], input, unowned = [] }: Omit<Case, "line" | "after"> = {}): Promise<string> {
  here.root.remove();
  if (input !== undefined) {
    here.root.write("in.jsonl", [...input.map((task) => JSON.stringify(task)), "no record", ""].join("\n"));
  }
  here.root.writeStore([...OLD, ...YOUNG]);
  here.root.configure(here.server.port);
  here.root.writeArtifacts([...OLD, ...YOUNG, ...unowned]);
  await here.server.call("FLUSHALL");
  await here.mirrored(...OLD, ...YOUNG, ...redis);
  return here.root.storeText();
}

/** One line, which names the file, or the folder of one without a name; its code is none for the unforeseen. */
function expectNamed(run: Run, label: string): void {
  const errors = lines(run.stderr).filter((line) => line.startsWith("{"));
  expect(errors, `${label}: ${run.stderr}`).toHaveLength(1);
  const { error, code } = JSON.parse(errors[0]!);
  expect(error, label).toMatch(/voice_task\.json|in\.jsonl|temporary file in \//);
  expect(code, `${label}: ${error}`).not.toBe("INTERNAL");
}

const isTemporary = (name: string): boolean => /\.(ttsctl|spool)$/.test(name);

/** @param step what failed: a file whose removal fails is left, and removed by the next run */
function expectNothingLeft(step: string, label: string): void {
  const left = readdirSync(here.root.path).filter(isTemporary);
  expect(step === "rm" ? left.filter((name) => !name.endsWith(".spool")) : left, label).toEqual([]);
}

/** What a call of this kind fails with on a disk that is full, broken, not ours or read-only. */
function codesFor(step: string): string[] {
  const all = step === "write" ? ["ENOSPC", "EIO", "EDQUOT"] : ["EIO", "EACCES", "EROFS"];
  return LONG ? all : all.slice(0, 1);
}

/** Whether a failure of this step may be tolerated: it is a look, or tidying. */
const MAY_FAIL = new Set(["stat", "rm", "realpath", "open", "read"]);

/** @param usual the exit code where nothing fails */
async function failingRound(one: Case, fault: Fault, { step, usual }: Place, env: Record<string, string>) {
  const { line, after, artifacts = after } = one;
  const label = `${line}: ${fault.code} at step ${fault.at}, ${step}`;
  const before = await lay(one);
  const whole = new WholeFile(here.root.store);
  const run = await runFaulty(line.split(" "), fault, { cwd: here.root.path, env });
  expect(await whole.stop(), label).toEqual([]);
  const hasChanged = here.root.storeText() !== before;
  if (run.code === 1) {
    expectNamed(run, label);
    expectNothingLeft(step, label);
    // Without an exchange the old content is gone with the rename. That the file has changed is said in any case.
    if (run.stderr.includes("was rewritten, but")) {
      expect([["open", "sync"].includes(step), "PATH" in env], label).toEqual([true, true]);
    } else if (hasChanged) expect(run.stderr, label).toContain("went into the store file before that");
  } else if (run.stderr.includes("cannot read")) {
    // What reads the file for Redis, after the rewrite, fails without undoing it, and that is said.
    expect([run.code, step, hasChanged], `${label}: ${run.stderr}`).toEqual([3, "read", true]);
    expect(line, label).toMatch(READS_AFTER);
    expect(run.stderr, label).toMatch(
      /warning: cannot read .*(in\.jsonl|_task\.json|temporary file).*run `ttsctl sync`/,
    );
  } else {
    expect([...MAY_FAIL], `${label}: ${run.stderr}`).toContain(step);
    expect(run.code, `${label}: ${run.stderr}`).toBe(usual);
  }
  expect([0, 3], label).toContain((await here.run(line)).code);
  const { audio, logs } = exactly(artifacts);
  expect(sorted(await everything(here)), label).toEqual({ ...exactly(after), audio, logs });
  triedFault();
}

interface Place {
  readonly step: string;
  readonly usual: number | null;
}

/** Every step that writes, and what is read after the last of them; in a short run of the others some. */
function chosen(steps: readonly string[], others: number): number[] {
  const all = [...steps.keys()];
  if (LONG) return all;
  const isWrite = (at: number) => !MAY_FAIL.has(steps[at]!);
  const chance = new Chance(steps.join());
  const last = all.findLast(isWrite) ?? 0;
  const isDue = (at: number) => isWrite(at) || (at > last && steps[at] === "read");
  const looks = all.filter((at) => !isDue(at)).sort(() => chance.next() - 0.5);
  return [...all.filter(isDue), ...looks.slice(0, others)];
}

const LOOKS_TOO = Number.POSITIVE_INFINITY;

describe.each(CASES)("row B, a disk that fails at each call on the store file: $line", (one) => {
  const count = (env: Record<string, string>) =>
    runFaulty(one.line.split(" "), { at: -1, act: "fail", on: "store" }, { cwd: here.root.path, env });

  it.each([
    { how: "exchanged", env: (): Record<string, string> => ({}) },
    { how: "renamed, where it cannot be exchanged", env: withoutExchange },
  ])("the old file is intact and no temporary file is left; the new one is $how", async ({ env }) => {
    await lay(one);
    const { steps, code: usual } = await count(env());
    expect([0, 3]).toContain(usual);
    expect(steps).toEqual(expect.arrayContaining(["open", "write", "chmod", "sync"]));
    for (const at of chosen(steps, one === CASES[0] ? LOOKS_TOO : 3)) {
      const step = steps[at]!;
      for (const code of codesFor(step)) {
        await failingRound(one, { at, act: "fail", code, on: "store" }, { step, usual }, env());
      }
    }
  });
});

/** The commands that touch artifacts and logs, with what has artifacts and no record. */
const ORPHANS = ["o1", "o2"].map((task) => record("gone", task));
const WITH_ARTIFACTS: Case[] = [
  ...CASES,
  { line: "cleanup --orphans --yes -o json", unowned: ORPHANS, after: [...OLD, ...YOUNG] },
];

describe.each(WITH_ARTIFACTS)("row B, a disk that fails at each call on any file: $line", (one) => {
  const { line, after, artifacts = after } = one;
  const fail = (at: number, code = "") =>
    runFaulty(line.split(" "), { at, act: "fail", code, on: "disk" }, { cwd: here.root.path });

  async function failingAnywhere(at: number, code: string, label: string): Promise<void> {
    await lay(one);
    const failed = await fail(at, code);
    const codes = failed.stderr.includes("CONFIG_INVALID") ? [2] : [0, 1, 3];
    expect(codes, `${label}: ${failed.stderr}`).toContain(failed.code);
    expect(failed.stderr, label).not.toMatch(/INTERNAL|Error:/);
    if (failed.code === 1) expect(failed.stderr, label).toMatch(/ttsctl-root-|output|Logs/);
    const kept = exactly(artifacts);
    const { audio } = await everything(here);
    expect(audio, label).toEqual(expect.arrayContaining(kept.audio));
    expect([0, 3], label).toContain((await here.run(line)).code);
    const found = sorted(await everything(here));
    expect(found, label).toEqual({ ...exactly(after), audio: kept.audio, logs: kept.logs });
    triedFault();
  }

  it("what stays is intact, what failed is told by name, and the next run finishes", async () => {
    await lay(one);
    const { steps } = await fail(-1);
    const chance = new Chance(line);
    const all = [...steps.keys()];
    const some = all.sort(() => chance.next() - 0.5).slice(0, one.unowned === undefined ? 2 : 6);
    for (const at of LONG ? [...steps.keys()] : some) {
      for (const code of codesFor(steps[at]!)) {
        await failingAnywhere(at, code, `${line}: ${code} at step ${at}, ${steps[at]}`);
      }
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
    expect(readdirSync(dirname(store)).filter(isTemporary)).toEqual([]);
  }

  it.runIf(isRoot).each(CASES)("that is full: $line", async (one) => {
    await lay(one);
    const folder = mount("128k");
    if (folder === null) return;
    const store = `${folder}/voice_task.json`;
    const before = JSON.stringify([...OLD, ...YOUNG, BIG()], null, 2);
    writeFileSync(store, before);
    const run = await here.run(`${one.line} --store ${store}`);
    await expectIntact(run, store, before);
  });

  it.runIf(isRoot).each(["in.jsonl", "-"])("that is full while the input is copied: import %s", async (input) => {
    await lay();
    const folder = mount("64k");
    if (folder === null) return;
    const store = `${folder}/voice_task.json`;
    const before = here.root.storeText();
    writeFileSync(store, before);
    const text = `${JSON.stringify(BIG())}\nno record\n`;
    here.root.write("in.jsonl", text);
    const run = await here.run(`import ${input} --skip-invalid -o json --store ${store}`, { input: text });
    await expectIntact(run, store, before);
    expect(run.stderr).toContain("SPOOL_FAILED");
  });

  it.runIf(isRoot).each(CASES)("that is mounted read-only: $line", async (one) => {
    await lay(one);
    const folder = mount("1m");
    if (folder === null) return;
    const store = `${folder}/voice_task.json`;
    const before = here.root.storeText();
    writeFileSync(store, before);
    expect(spawnSync("mount", ["-o", "remount,ro", folder]).status).toBe(0);
    await expectIntact(await here.run(`${one.line} --store ${store}`), store, before);
  });

  it.runIf(isRoot).each(CASES)("whose folder is another user's: $line", async (one) => {
    const before = await lay(one);
    for (const folder of [here.root.path, `${dirname(binary())}/..`]) chmodSync(folder, 0o755);
    const child = new Running(one.line.split(" "), { cwd: here.root.path, uid: NOBODY });
    await expectIntact(await child.end(), here.root.store, before);
  });

  it.runIf(isRoot).each(CASES)("whose folder may be written, and whose file is another user's: $line", async (one) => {
    await lay(one);
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

  it.each(CASES)("with a limit on the size of a file: $line", async (one) => {
    await lay(one);
    const before = JSON.stringify([...OLD, BIG(), ...YOUNG], null, 2);
    here.root.write("voice_task.json", before, 1_600_000_000);
    const run = await ttsctl(one.line.split(" "), { cwd: here.root.path, fileSize: 32_768 });
    await expectIntact(run, here.root.store, before);
  });
});
