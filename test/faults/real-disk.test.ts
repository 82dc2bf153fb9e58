import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, statfsSync, statSync, utimesSync } from "node:fs";
import { dirname } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { cleanEnv } from "../helpers/clean-env.ts";
import { lacks, lacksMount, lacksRight } from "../helpers/lacks.ts";
import { first } from "../helpers/long.ts";
import { ago, record } from "../helpers/records.ts";
import { pastTick } from "../helpers/root.ts";
import { binary, type Run, Running } from "../helpers/ttsctl.ts";
import { lay, OLD, WRITING, YOUNG } from "./helpers/cases.ts";
import { expectNamed, isTemporary } from "./helpers/disk.ts";
import { everyByte } from "./helpers/stores.ts";
import { triedFault } from "./helpers/tally.ts";

const here = usePlace();
const CASES = first(3, WRITING);
const isRoot = !lacksRight("root", process.getuid?.() === 0);
const cannotMount = lacksMount();
const BIG = record("z", "big", { text: "x".repeat(80_000), updated_at: ago(3600) });
const NOBODY = 65_534;
/** Makes every fsync(2) of a program fail. */
const WITHOUT_FSYNC = ["-f", "-qq", "-o", "/dev/null", "-e", "inject=fsync:error=EIO"];
const cannotTrace =
  lacks("strace") || lacksRight("ptrace", spawnSync("strace", [...WITHOUT_FSYNC, "true"]).status === 0);

describe("row B, a real disk", () => {
  const mounted: string[] = [];
  afterEach(() => {
    for (const path of mounted.splice(0)) spawnSync("umount", ["-l", path]);
  });

  /** A separate file system in memory for the store. */
  function mount(size: string): string {
    const folder = here.root.at("small");
    mkdirSync(folder);
    expect(spawnSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "tmpfs", folder]).status).toBe(0);
    mounted.push(folder);
    return folder;
  }

  async function expectIntact(run: Run, store: string, before: object): Promise<void> {
    triedFault();
    expect(run.code, run.stderr).toBe(1);
    expectNamed(run, store);
    expect(await everyByte(here)).toEqual(before);
    expect(readdirSync(dirname(store)).filter(isTemporary)).toEqual([]);
  }

  it.skipIf(cannotMount).each(CASES)("that is full: $line", async (one) => {
    await lay(here, one);
    const folder = mount("128k");
    const store = `${folder}/voice_task.json`;
    here.root.write("small/voice_task.json", JSON.stringify([...OLD, ...YOUNG, BIG], null, 2));
    const before = await everyByte(here);
    for (const plan of /^(cleanup|delete)/.test(one.line) ? [" --dry-run", ""] : [""]) {
      const run = await here.run(`${one.line}${plan} --store ${store}`);
      await expectIntact(run, store, before);
      expect(run.stderr).toContain("STORE_WRITE_FAILED");
    }
  });

  it.skipIf(cannotMount)("that is full, of which the purge frees enough for the second copy: cleanup", async () => {
    const folder = mount("600k");
    const store = "small/voice_task.json";
    here.root.configure(here.server.port, `[store]\npath = ${store}\n[paths]\noutput = small/output\n`);
    const text = JSON.stringify([...OLD, ...YOUNG, BIG], null, 2);
    here.root.write(store, text, 1_600_000_000);
    expect((await here.run("sync")).code).toBe(0);
    const free = () => statfsSync(folder).bfree * statfsSync(folder).bsize;
    const homes = OLD.map(({ user_id, task_id }) => `small/output/${user_id}/${task_id}`);
    // Each of one byte takes a block.
    for (let i = 0; free() >= text.length; i++)
      here.root.write(`${homes[i % homes.length]}/${i}.wav`, "x", 1_600_000_000);
    for (const home of homes) utimesSync(here.root.at(home), 1_600_000_000, 1_600_000_000);
    expect(free()).toBeLessThan(text.length);
    pastTick();
    const run = await here.run("cleanup --once -o json");
    expect(run.code, run.stderr).toBe(0);
    expect(JSON.parse(run.stdout)).toMatchObject({ purged: OLD.length });
    expect(JSON.parse(readFileSync(here.root.at(store), "utf8"))).toHaveLength(YOUNG.length + 1);
  });

  it.skipIf(cannotMount).each(CASES.filter(({ line }) => /^(cleanup|delete)/.test(line)))(
    "whose store file is mounted alone, as into a container: $line",
    async (one) => {
      await lay(here, one);
      const store = here.root.at("mounted/voice_task.json");
      for (const name of ["real.json", "mounted/voice_task.json"]) here.root.write(name, here.root.storeText());
      if (spawnSync("mount", ["--bind", here.root.at("real.json"), store]).status !== 0) return;
      mounted.push(store);
      const before = await everyByte(here);
      await expectIntact(await here.run(`${one.line} --store ${store}`), store, before);
    },
  );

  it.skipIf(cannotMount).each(CASES)("that is mounted read-only: $line", async (one) => {
    await lay(here, one);
    const folder = mount("600k");
    const store = `${folder}/voice_task.json`;
    here.root.write("small/voice_task.json", here.root.storeText());
    const before = await everyByte(here);
    expect(spawnSync("mount", ["-o", "remount,ro", folder]).status).toBe(0);
    await expectIntact(await here.run(`${one.line} --store ${store}`), store, before);
  });

  it.runIf(isRoot).each(CASES)("whose folder is another user's: $line", async (one) => {
    await lay(here, one);
    for (const folder of [here.root.path, `${dirname(binary())}/..`]) chmodSync(folder, 0o755);
    const before = await everyByte(here);
    const child = new Running(one.line.split(" "), { cwd: here.root.path, uid: NOBODY });
    await expectIntact(await child.end(), here.root.store, before);
  });

  it.runIf(isRoot)("a run of root's gives what it makes to the owner of the file, or of its directory", async () => {
    here.root.configure(1, "[audit]\npath = audit.jsonl\n");
    here.root.write("in.jsonl", JSON.stringify(OLD[0]));
    chownSync(here.root.path, NOBODY, NOBODY);
    const owners = (...names: string[]) => names.map((name) => statSync(here.root.at(name)).uid);
    expect((await here.run("import in.jsonl --no-redis")).code).toBe(0);
    expect(owners("voice_task.json", "audit.jsonl")).toEqual([NOBODY, NOBODY]);
    chownSync(here.root.store, 1234, 1234);
    const run = await here.run("delete --all --yes --backup backup.jsonl");
    const names = [".voice_task.json.ttsctl-owed", "voice_task.json", "audit.jsonl", "backup.jsonl"];
    expect([run.code, ...owners(...names)], run.stderr).toEqual([3, 1234, 1234, NOBODY, 0]);
  });
});

it.skipIf(cannotTrace)(
  "a run ends if fsync(2) fails on its outputs too, which a library does at its exit",
  async () => {
    await lay(here);
    const args = [...WITHOUT_FSYNC, process.execPath, binary(), "mark", "--all", "--to", "failed", "--yes"];
    const options = { cwd: here.root.path, env: cleanEnv(), timeout: 30_000, killSignal: "SIGKILL" } as const;
    const { status, stderr } = spawnSync("strace", args, { ...options, encoding: "utf8" });
    triedFault();
    expect([status, stderr]).toEqual([1, expect.stringContaining("EIO")]);
  },
);
