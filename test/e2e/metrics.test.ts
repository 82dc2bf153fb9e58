import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { expect, it } from "vitest";
import { parseMetrics } from "../helpers/prometheus.ts";
import { ago, record } from "../helpers/records.ts";
import { start } from "../helpers/ttsctl.ts";
import { until } from "../helpers/until.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
const path = () => here.root.at("ttsctl.prom");
const cleanup = "cleanup --once --metrics-file ttsctl.prom";

/** The samples by what follows `ttsctl_cleanup_`. */
function metrics(): Record<string, number> {
  const samples = parseMetrics(readFileSync(path(), "utf8"));
  return Object.fromEntries(samples.map(({ name, value }) => [name.replace(/^ttsctl_cleanup_/, ""), value]));
}

function label(metric: string, name: string): string | undefined {
  const samples = parseMetrics(readFileSync(path(), "utf8"));
  return samples.find((sample) => sample.name === `ttsctl_cleanup_${metric}`)?.labels[name];
}

async function fill(): Promise<void> {
  const running = record("bob", "run", { status: "running", updated_at: ago(60) });
  const all = [record("alice", "t1"), record("bob", "t2"), running];
  here.root.writeStore(all);
  here.root.writeArtifacts(all);
  await here.mirrored(...all, record("alice", "gone", { updated_at: ago(60) }));
}

it("has the outcome of the pass, readable by all, under the store's name", async () => {
  await fill();
  expect([(await here.run(`${cleanup} --dry-run`)).code, existsSync(path())]).toEqual([0, false]);
  const before = Date.now() / 1000;
  expect(await here.run(cleanup)).toMatchObject({ code: 0, stderr: "" });
  expect(metrics()).toMatchObject({
    ...{ exit_code: 0, candidate_tasks: 2, purged_tasks: 2, skipped_tasks: 0, failed_tasks: 0, returned_tasks: 0 },
    ...{ stuck_tasks: 0, freed_files: 4, freed_bytes: 220, store_tasks: 3, redis_tasks: 4, redis_up: 1 },
    ...{ runs_total: 1, failed_runs_total: 0, purged_tasks_total: 2, freed_files_total: 4, freed_bytes_total: 220 },
  });
  const { last_run_timestamp_seconds: run, last_success_timestamp_seconds: success, duration_seconds } = metrics();
  expect(run).toBeGreaterThanOrEqual(before);
  expect(success).toBe(run);
  expect(duration_seconds).toBeGreaterThan(0);
  expect(label("exit_code", "store")).toBe(here.root.store);
  expect(label("build_info", "version")).toMatch(/^\d+\.\d+\.\d+/);
  expect(statSync(path()).mode & 0o777).toBe(0o644);
  expect(existsSync(here.root.at(".ttsctl.prom.ttsctl"))).toBe(false);
});

it("adds up from run to run, and keeps the last success if a pass fails", async () => {
  await fill();
  await here.run(cleanup);
  const { last_success_timestamp_seconds: success } = metrics();
  here.root.write("voice_task.json", "[{");
  expect(await here.run(cleanup)).toMatchObject({ code: 1 });
  const failed = metrics();
  expect(failed).toMatchObject({
    ...{ exit_code: 1, last_success_timestamp_seconds: success, purged_tasks_total: 2, runs_total: 2 },
    failed_runs_total: 1,
  });
  expect(failed).not.toHaveProperty("purged_tasks"); // not known
  expect(failed.last_run_timestamp_seconds).toBeGreaterThan(success!);
  expect(label("error_info", "code")).toBe("STORE_INVALID");
  here.root.writeStore([record("alice", "t1")]);
  expect(await here.run(cleanup)).toMatchObject({ code: 0 });
  expect(metrics()).toMatchObject({ exit_code: 0, purged_tasks: 1, purged_tasks_total: 3, runs_total: 3 });
  expect(label("error_info", "code")).toBeUndefined();
});

it("has no counts of a cleanup that is switched off", async () => {
  await fill();
  const { code, stdout } = await here.run(`${cleanup} --retention 0`);
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^\[CLEANUP\] .* off: no task was checked\n$/)]);
  for (const name of ["stuck_tasks", "redis_up", "purged_tasks"]) expect(metrics()).not.toHaveProperty(name);
});

it("has every pass of a watcher, also a failed one", async () => {
  await fill();
  const args = ["cleanup", "--watch", "--metrics-file", "ttsctl.prom"];
  const watcher = here.ending(start(args, { cwd: here.root.path }));
  const passes = async (count: number) => until(() => existsSync(path()) && metrics().runs_total === count);
  await passes(1);
  here.root.write("voice_task.json", "[{");
  watcher.kill("SIGHUP");
  await passes(2);
  expect(metrics()).toMatchObject({ exit_code: 1, purged_tasks_total: 2 });
  watcher.kill("SIGTERM");
  expect(await watcher.end()).toMatchObject({ code: 0 });
});

it.each(["voice_task.json", "config.ini", "./output/../voice_task.json"])("is not %s", async (file) => {
  await fill();
  const before = await here.state();
  expect(await here.run(`cleanup --once --metrics-file ${file}`)).toMatchObject({ code: 2, stdout: "" });
  expect(await here.state()).toEqual(before);
  here.root.rename("voice_task.json", "elsewhere");
  expect((await here.run(`cleanup --once --metrics-file ${file}`)).code).toBe(2);
  expect(here.root.has("voice_task.json")).toBe(false);
});

it.each([
  { what: "in no folder", file: "no/such/ttsctl.prom" },
  { what: "that is a folder", file: "output" },
  { what: "with other content", file: "notes.txt" },
])("$what is warned of, and the pass counts", async ({ file }) => {
  await fill();
  writeFileSync(here.root.at("notes.txt"), "mine\n");
  const run = await here.run(`cleanup --once --metrics-file ${file}`);
  expect(run).toMatchObject({ code: 0, stdout: expect.stringContaining("purged=2") });
  expect(run.stderr).toMatch(/^warning: the metrics file \S+ was not written: .+\n$/);
  expect(readFileSync(here.root.at("notes.txt"), "utf8")).toBe("mine\n");
});
