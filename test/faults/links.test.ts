import { spawnSync } from "node:child_process";
import {
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { usePlace } from "../e2e/setup.ts";
import { useFolder } from "../helpers/files.ts";
import { lacksMount } from "../helpers/lacks.ts";
import { ago, record } from "../helpers/records.ts";
import { Swapper } from "../helpers/swapper.ts";
import { LONG, times } from "./helpers/chance.ts";
import type { TestRecord } from "./helpers/stores.ts";
import { triedFault } from "./helpers/tally.ts";

const here = usePlace();
/** A directory outside the service's. */
const outside = useFolder();
afterEach(() => {
  for (const path of mountsBelow(here.root.path)) spawnSync("umount", ["-l", path]);
});

const COMMANDS = [
  "cleanup --once -o json",
  "delete --status done --until 1d --yes -o json",
  "cleanup --orphans --yes --max-delete 100% -o json",
];
const KEPT = [record("kept", "k1", { updated_at: ago(60) })];
/** Epoch seconds. */
const OLD = 1_600_000_000;
const OUTSIDE = ["user/t1/a.wav", "task/a.wav", "task/sub/b.wav", "file.wav", "day/08/inday.log", "hour/inhour.log"];

function writeOutside(names: readonly string[]): void {
  for (const name of names) {
    mkdirSync(dirname(outside(name)), { recursive: true });
    writeFileSync(outside(name), `outside ${name}`);
  }
}

/** All that is below a folder with its content, and when each folder was last changed. */
function treeOf(folder: string): string[] {
  return (readdirSync(folder, { recursive: true }) as string[]).sort().map((name) => {
    const path = join(folder, name);
    return lstatSync(path).isFile() ? `${name} ${readFileSync(path)}` : `${name} ${lstatSync(path).mtimeMs}`;
  });
}

function link(to: string, name: string): void {
  mkdirSync(dirname(here.root.at(name)), { recursive: true });
  symlinkSync(to.startsWith("/") ? to : outside(to), here.root.at(name));
}

/** Records of the tasks, unless what is theirs is to be without one. */
function writeRecords(line: string, tasks: readonly TestRecord[]): void {
  here.root.writeStore(line.includes("--orphans") ? KEPT : [...tasks, ...KEPT]);
}

const LINKED: TestRecord[] = [
  record("linked", "t1"), // whose user's folder is a link
  record("twin", "k1"), // whose user's folder is a link to that of a user who stays
  record("alice", "linked"), // whose folder is a link
  record("alice", "file"), // whose folder is a file
  record("alice", "inner"), // with links in its folder
  record("alice", "hard"), // with files that have other names outside
  record("alice", "plain"),
];
const LOGS = ["inday", "inhour", "linkedlog"].map((id) => record("alice", id));

function layLinks(): void {
  writeOutside([...OUTSIDE, "linkedlog.log", "hard.wav", "hard.log"]);
  here.root.writeArtifacts([...KEPT, record("alice", "plain"), record("alice", "inner"), record("alice", "hard")]);
  link("user", "output/linked");
  link(here.root.at("output/kept"), "output/twin");
  link("task", "output/alice/linked");
  here.root.write("output/alice/file", "no folder");
  link("file.wav", "output/alice/inner/file.wav");
  link("task", "output/alice/inner/folder");
  link("/nowhere", "output/alice/inner/deep/dangling");
  linkSync(outside("hard.wav"), here.root.at("output/alice/hard/other.wav"));
  link("day", "Logs/20200102");
  link("hour", "Logs/20200101/09");
  link("linkedlog.log", "Logs/20200101/08/linkedlog.log");
  rmSync(here.root.at("Logs/20200101/08/hard.log"));
  linkSync(outside("hard.log"), here.root.at("Logs/20200101/08/hard.log"));
  lutimesSync(here.root.at("output/alice/inner/deep/dangling"), OLD, OLD);
  here.root.age();
}

describe("row C, symbolic links and hard links at every level under output/ and Logs/", () => {
  it.each(COMMANDS)("%s: nothing outside is changed, and kept artifacts are reported", async (line) => {
    layLinks();
    writeRecords(line, [...LINKED, ...LOGS]);
    const before = treeOf(outside());
    const run = await here.run(line);
    triedFault(LINKED.length + LOGS.length);
    expect([0, 3], run.stderr).toContain(run.code);
    expect(treeOf(outside())).toEqual(before);
    expect(here.root.readStore()).toEqual(KEPT);
    expect(here.root.has("output/kept/k1/k1.wav")).toBe(true);
    for (const id of ["plain", "inner", "hard"]) {
      expect(here.root.has(`output/alice/${id}`), id).toBe(false);
      expect(here.root.has(`Logs/20200101/08/${id}.log`), id).toBe(false);
    }
    for (const name of ["output/linked", "output/twin", "output/alice/linked", "Logs/20200102", "Logs/20200101/09"]) {
      expect(lstatSync(here.root.at(name)).isSymbolicLink(), name).toBe(true);
      expect(run.stderr, name).toMatch(new RegExp(`"${name}" is(n't)? `));
    }
    expect(lstatSync(here.root.at("output/alice/file")).isFile()).toBe(true);
    expect(run.stderr).toMatch(/"output\/alice\/file" is(n't)? /);
    expect(lstatSync(here.root.at("Logs/20200101/08/linkedlog.log")).isSymbolicLink()).toBe(true);
    expect(here.root.has("output/.ttsctl-purge")).toBe(false);
  });
});

/** Where they are now: a folder that is moved takes its mounts along. */
function mountsBelow(folder: string): string[] {
  const paths = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  return paths.filter((path) => path.startsWith(`${folder}/`)).reverse();
}

/** Mounts a folder of `outside` over one in the root. */
function mount(from: string, name: string): boolean {
  mkdirSync(here.root.at(name), { recursive: true });
  const { status } = spawnSync("mount", ["--bind", outside(from), here.root.at(name)]);
  return status === 0;
}

describe.skipIf(lacksMount())("row C, mount points at every level under output/ and Logs/", () => {
  const MOUNTS: [from: string, name: string][] = [
    ["user", "output/mounted"],
    ["task", "output/alice/mounted"],
    ["task", "output/alice/inner/folder"],
    ["day", "Logs/20200102"],
    ["hour", "Logs/20200101/09"],
  ];
  const TASKS = [record("mounted", "t1"), record("alice", "mounted"), record("alice", "inner"), ...LOGS.slice(0, 2)];

  it.each(COMMANDS)("%s: nothing behind them is changed, and kept artifacts are reported", async (line) => {
    writeOutside(OUTSIDE);
    here.root.writeArtifacts([...KEPT, record("alice", "plain"), record("alice", "inner")]);
    for (const [from, name] of MOUNTS) expect(mount(from, name), name).toBe(true);
    here.root.age();
    writeRecords(line, [...TASKS, record("alice", "plain")]);
    const before = treeOf(outside());
    const run = await here.run(line);
    triedFault(MOUNTS.length);
    expect([0, 3], run.stderr).toContain(run.code);
    expect(treeOf(outside())).toEqual(before);
    expect(here.root.has("output/alice/plain")).toBe(false);
    for (const [, name] of MOUNTS) {
      expect(here.root.has(name), name).toBe(true);
      expect(run.stderr, name).toMatch(new RegExp(`"${name}" is a mount point`));
    }
  });
});

describe("row C, a second process that swaps folders for links", () => {
  let swapper: Swapper | undefined;
  afterEach(() => swapper?.kill());

  const COUNT = times(60, 1000);
  const TASKS = Array.from({ length: COUNT }, (_, i) => record("alice", `t${i}`));

  /** What stayed in the round before was put into Redis, where a file without it would be that of another service. */
  async function lay(): Promise<void> {
    await here.server.call("FLUSHALL");
    for (const { task_id } of TASKS) {
      here.root.write(`output/alice/${task_id}/a.wav`, "inside", OLD);
      here.root.write(`Logs/20200101/08/${task_id}.log`, "inside", OLD);
      utimesSync(here.root.at(`output/alice/${task_id}`), OLD, OLD);
    }
    here.root.writeStore([...TASKS, ...KEPT]);
  }

  it.each([
    {
      what: "a user's folder and a date of the logs",
      pairs: [
        ["output/alice", "user"],
        ["Logs/20200101", "day"],
      ],
    },
    {
      what: "folders of tasks and an hour of the logs",
      pairs: [
        ["Logs/20200101/08", "day/08"],
        ...["t0", "t20", "t40"].map((id) => [`output/alice/${id}`, `user/${id}`]),
      ],
    },
  ])("$what, for seconds, beside cleanup and delete in loops: nothing outside is touched", async ({ pairs }) => {
    writeOutside(TASKS.flatMap(({ task_id: id }) => [`user/${id}/a.wav`, `day/08/${id}.log`]));
    const before = treeOf(outside());
    const until = Date.now() + (LONG ? 5000 : 1000);
    let purged = 0;
    for (let round = 0; Date.now() < until || round < COMMANDS.length; round++) {
      const line = COMMANDS[round % COMMANDS.length]!;
      await lay();
      if (line.includes("--orphans")) here.root.writeStore(KEPT);
      swapper = new Swapper(pairs.map(([name, to]) => [here.root.at(name!), outside(to!)]));
      const run = await here.run(line);
      expect(await swapper.stop()).toBeGreaterThan(5);
      expect([0, 3], run.stderr).toContain(run.code);
      const result = JSON.parse(run.stdout);
      purged += result.purged ?? result.deleted ?? result.removed;
      expect(treeOf(outside()), line).toEqual(before);
      expect(here.root.readStore()).toContainEqual(KEPT[0]);
    }
    triedFault(COUNT);
    expect(purged).toBeGreaterThan(0);
  });
});
