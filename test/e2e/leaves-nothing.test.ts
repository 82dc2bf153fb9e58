import { expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { FileStore } from "../../src/store/file/file-store.ts";
import { FastClock } from "../helpers/clock.ts";
import { onTerminal } from "../helpers/pty.ts";
import { ago, RULES, record } from "../helpers/records.ts";
import { BUILT, openFiles, start } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();

const COMMANDS = [
  ...["list", "query {}", "get alice t1", "logs alice t1", "stats", "verify", "verify --repair --yes", "doctor"],
  ...["sync", "cleanup --once", "cleanup --orphans", "delete --ids alice:t1 --yes", "mark --all --to error --yes"],
  ...["export", "import in.jsonl --yes", "config", "completion bash", "--help", "nonsense", "top"],
];
const ENDLESS = ["serve --port 0", "serve --port 0 --cleanup", "cleanup --watch", "events", "list --watch"];

/** What a run may leave in the process: listeners, handles of the event loop, open files. */
function held(): Record<string, number> {
  const listeners = process.eventNames().map((name) => [`on ${String(name)}`, process.listenerCount(name)] as const);
  const handles = process.getActiveResourcesInfo().filter((name) => /Socket|Server|Timeout|Process/.test(name));
  const files = openFiles(process.pid).filter((path) => path.startsWith(here.root.path));
  return { ...Object.fromEntries(listeners), handles: handles.length, files: files.length };
}

/** What there is more of than before. */
function left(before: Record<string, number>): string[] {
  return Object.entries(held()).flatMap(([name, count]) => (count > (before[name] ?? 0) ? [`${count} ${name}`] : []));
}

async function expectNothingLeft(line: string, run: () => Promise<unknown>): Promise<void> {
  const before = held();
  await run();
  await until(() => left(before).length === 0, 5).catch(() => {});
  expect([line, ...left(before)]).toEqual([line]);
}

it("dry runs go on while another ttsctl changes tasks", async () => {
  await here.synced(record("alice", "t1"));
  here.root.write("in.jsonl", JSON.stringify(record("alice", "t2")));
  const lock = await new FileStore(here.root.store, RULES, systemClock).lock("run");
  const changes = ["cleanup --once", "cleanup --orphans", "delete --all", "mark --all --to error", "import in.jsonl"];
  for (const line of [...changes, "sync", "sync --prune", "verify --repair"])
    expect([line, (await here.run(`${line} --dry-run`)).code]).toEqual([line, 0]);
  await lock.release();
});

it.skipIf(BUILT)("a command leaves no listener, timer, connection or file behind", async () => {
  const task = record("alice", "t1");
  here.root.write("in.jsonl", JSON.stringify(task));
  // Passes of cleanup purge the first, and the table of `list --watch` needs one.
  here.root.writeStore([task, record("alice", "t2", { updated_at: ago(0) })]);
  await here.run("sync");
  for (const line of COMMANDS) await expectNothingLeft(line, () => here.run(line));
  for (const line of ENDLESS) {
    await expectNothingLeft(line, async () => {
      const run = start(line.split(" "), { cwd: here.root.path, clock: new FastClock() });
      await run.says(/listening|watching|changes come|TASK/);
      await run.stop();
    });
  }
  await expectNothingLeft("top on a terminal", async () => {
    const run = onTerminal(["top"], here.root.path);
    await run.says(/quit/);
    run.type("q");
    await run.end();
  });
});
