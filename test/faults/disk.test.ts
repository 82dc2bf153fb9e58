import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { first } from "../helpers/long.ts";
import { SEED } from "../helpers/seed.ts";
import { lines } from "../helpers/ttsctl.ts";
import { type Case, lay, OLD, ORPHANS, WRITING } from "./helpers/cases.ts";
import { Chance, LONG, times } from "./helpers/chance.ts";
import { expectNamed, isTemporary, runFaulty } from "./helpers/disk.ts";
import type { Fault } from "./helpers/steps.ts";
import { everything, exactly, sorted } from "./helpers/stores.ts";
import { triedFault } from "./helpers/tally.ts";

const here = usePlace();
/** The others write the file as these do. */
const CASES = first(6, WRITING);

/** Those that can fail after the rewrite, in reading for Redis what is in the file by then. */
const READS_AFTER = /^(mark|import|verify) /;

/** @param step what failed: a file whose removal fails is left, and removed by the next run */
function expectNothingLeft(step: string, label: string): void {
  const left = readdirSync(here.root.path).filter(isTemporary);
  expect(step === "rm" ? left.filter((name) => !name.endsWith(".spool")) : left, label).toEqual([]);
}

/** What a call of this kind fails with on a disk that is full, broken, not ours or read-only. */
function codesFor(step: string): `E${string}`[] {
  return step === "write" ? ["ENOSPC", "EIO", "EDQUOT"] : ["EIO", "EACCES", "EROFS"];
}

/** Whether a failure of this step may be tolerated: it is a look, or tidying. */
const MAY_FAIL = new Set(["stat", "statSync", "rm", "realpath", "open", "read", "close"]);

/** @param usual the exit code where nothing fails */
async function failingRound(one: Case, fault: Fault, { step, usual }: Place) {
  const { line, after, artifacts = after } = one;
  const label = `TTSCTL_SEED=${SEED}, ${line}: ${fault.act} at step ${fault.at}, ${step}`;
  const before = await lay(here, one);
  const run = await runFaulty(here, line, fault);
  const hasChanged = here.root.storeText() !== before;
  if (run.code === 1) {
    expectNamed(run, label);
    expectNothingLeft(step, label);
    // Without an exchange the old content is gone with the rename. That the file has changed is said in any case.
    if (run.stderr.includes("was rewritten, but")) {
      expect([["open", "sync"].includes(step), fault.withoutExchange], label).toEqual([true, true]);
    } else if (hasChanged) {
      // It failed at a task of Redis only, after those of the file: these are printed.
      expect(run.stderr, label).toMatch(/copied from Redis to the file before that|^\[CLEANUP\] .* local=yes /m);
    }
  } else if (run.stderr.includes("cannot read")) {
    // What reads the file for Redis, after the rewrite, fails without undoing it, and that is said.
    expect([run.code, hasChanged], `${label}: ${run.stderr}`).toEqual([3, true]);
    expect(["open", "read", "stat"], label).toContain(step);
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

/** A short run takes a place of each kind, or of some kinds, others at each seed. */
function someOf(due: readonly number[], steps: readonly string[], chance: Chance, kinds: number): number[] {
  if (LONG) return [...due];
  const chosen = chance.some([...new Set(due.map((at) => steps[at]))], kinds);
  return chosen.map((step) => chance.of(due.filter((at) => steps[at] === step)));
}

/** Every step that writes, what is read after the last of them, and the last look at the file. */
function dueOf(steps: readonly string[]): number[] {
  const all = [...steps.keys()];
  const isWrite = (at: number) => !MAY_FAIL.has(steps[at]!);
  const last = all.findLast(isWrite) ?? 0;
  const lastLook = all.findLast((at) => steps[at] === "stat");
  return all.filter((at) => isWrite(at) || at === lastLook || (at > last && steps[at] === "read"));
}

describe.each(CASES)("row B, a disk that fails at each call on the store file: $line", (one) => {
  it.each([
    { how: "exchanged", ...{ codes: times(1, 3), looks: times(1, 12), kinds: 100 } },
    { how: "renamed, where it cannot be exchanged", ...{ codes: 1, looks: times(0, 4), kinds: 2 } },
  ])(
    "the old file is intact and no temporary file is left; the new one is $how",
    async ({ how, codes, looks, kinds }) => {
      await lay(here, one);
      const on = { on: "store", withoutExchange: how !== "exchanged" } as const;
      const { steps, code: usual } = await runFaulty(here, one.line, { at: -1, act: "EIO", ...on });
      expect([0, 3]).toContain(usual);
      expect(steps).toEqual(expect.arrayContaining(["open", "write", "chmod", "sync"]));
      const chance = new Chance(one.line + how);
      const due = dueOf(steps);
      const others = [...steps.keys()].filter((at) => !due.includes(at));
      const fail = (at: number, act: `E${string}`) =>
        failingRound(one, { at, act, ...on }, { step: steps[at]!, usual });
      for (const at of someOf(due, steps, chance, kinds))
        for (const code of chance.some(codesFor(steps[at]!), codes)) await fail(at, code);
      for (const at of chance.some(others, looks)) await fail(at, chance.of(codesFor(steps[at]!)));
    },
  );
});

/** The commands that touch artifacts and logs. */
const WITH_ARTIFACTS: Case[] = [...CASES, ORPHANS];

describe.each(WITH_ARTIFACTS)("row B, a disk that fails at each call on any file: $line", (one) => {
  const { line, after, artifacts = after } = one;
  const fail = (at: number, act: Fault["act"] = "EIO") => runFaulty(here, line, { at, act, on: "disk" });

  async function failingAnywhere(at: number, code: Fault["act"], label: string): Promise<void> {
    await lay(here, one);
    const failed = await fail(at, code);
    const codes = failed.stderr.includes("CONFIG_INVALID") ? [2] : [0, 1, 3];
    expect(codes, `${label}: ${failed.stderr}`).toContain(failed.code);
    expect(failed.stderr, label).not.toMatch(/INTERNAL|Error:/);
    if (failed.code === 1) expect(failed.stderr, label).toMatch(/ttsctl-root-|output|Logs/);
    const kept = exactly(artifacts);
    const { audio } = await everything(here);
    expect(audio, label).toEqual(expect.arrayContaining(kept.audio));
    expect([0, 3], label).toContain((await here.run(line)).code);
    // Nothing says whose logs lie where the disk could not be read; they have no record any more.
    if (failed.stderr.includes("logs not checked")) await here.run("cleanup --orphans --yes --max-delete 100%");
    const found = sorted(await everything(here));
    expect(found, label).toEqual({ ...exactly(after), audio: kept.audio, logs: kept.logs });
    triedFault();
  }

  it("kept data is intact, failures are named, and the next run finishes", async () => {
    await lay(here, one);
    const { steps } = await fail(-1);
    const chance = new Chance(line);
    for (const at of chance.some([...steps.keys()], times(one.unowned === undefined ? 1 : 4, 14))) {
      const code = chance.of(codesFor(steps[at]!));
      await failingAnywhere(at, code, `TTSCTL_SEED=${SEED}, ${line}: ${code} at step ${at}, ${steps[at]}`);
    }
  });
});

describe.each(WITH_ARTIFACTS)("row B, a file that cannot be closed: $line", (one) => {
  it("loses nothing: the run ends normally, or with a named error", async () => {
    const fault = { act: "EMFILE", on: "disk" } as const;
    await lay(here, one);
    const { steps, code: usual } = await runFaulty(here, one.line, { ...fault, at: -1 });
    const closes = [...steps.keys()].filter((at) => steps[at] === "close");
    expect(closes.length).toBeGreaterThan(2);
    for (const at of new Chance(one.line).some(closes, times(1, 100))) {
      await lay(here, one);
      const run = await runFaulty(here, one.line, { ...fault, at });
      const label = `TTSCTL_SEED=${SEED}, ${one.line}: close ${at}: ${run.stderr}`;
      expect(run.stderr, label).not.toMatch(/INTERNAL|unexpected error/);
      expect([usual, 1], label).toContain(run.code);
      triedFault();
    }
  });
});

const REMOVING = WRITING.filter(({ line }) => /^(cleanup|delete) /.test(line));

describe("row B, a pass that fails halfway", () => {
  it.each(REMOVING)("$line: removed tasks are printed, and the next run finishes", async ({ line, after }) => {
    await lay(here);
    const fault = { act: "EIO", on: "store" } as const;
    const { steps } = await runFaulty(here, line, { ...fault, at: -1 });
    const before = await lay(here);
    const run = await runFaulty(here, line, { ...fault, at: steps.indexOf("sync") });
    triedFault();
    expect([run.code, here.root.storeText()], run.stderr).toEqual([1, before]);
    expect(run.stderr).toContain('"code":"STORE_WRITE_FAILED"');
    const gone = OLD.filter((task) => !after.includes(task)).map(({ user_id, task_id }) =>
      expect.stringMatching(`^\\[CLEANUP\\] user=${user_id} task=${task_id} .* local=no redis=yes files=2 bytes=110`),
    );
    const printed = lines(run.stderr).filter((text) => text.startsWith("[CLEANUP]"));
    expect(printed.sort()).toEqual(gone);
    expect(JSON.parse(run.stdout)).toMatchObject({ failed: gone.length, files: 2 * gone.length });
    expect([0, 3]).toContain((await here.run(line)).code);
    expect(sorted(await everything(here))).toEqual(exactly(after));
  });
});
