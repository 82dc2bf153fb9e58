import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import type { Finding } from "../../src/operations/doctor/probe.ts";
import { usePlace } from "../e2e/setup.ts";
import { ago, record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { everything, exactly, sorted } from "./helpers/stores.ts";
import { triedFault } from "./helpers/tally.ts";

const here = usePlace();
const some = (count: number, prefix: string, more = {}) =>
  Array.from({ length: count }, (_, i) => record(`user${i % 3}`, `${prefix}${i}`, more));
const OLD = some(12, "old");
const STAYING = [...some(8, "young", { updated_at: ago(3600) }), ...some(4, "run", { status: "running" })];
const PRUNING = ["sync --prune --yes --max-delete 100%", "verify --repair --prune --yes"];
const CLEANUPS = ["cleanup --once", "cleanup --orphans --yes"];
const CHOOSING = ["delete --all --force --yes", "delete --user user0 --ids old0 --yes", "mark --all --to error --yes"];

beforeEach(async () => {
  here.root.writeStore([...OLD, ...STAYING]);
  here.root.writeArtifacts([...OLD, ...STAYING]);
  here.root.write("in.jsonl", `${JSON.stringify(record("in", "t1"))}\n`);
  expect((await here.run("sync")).code).toBe(0);
});

/** Everything but the note that a repair was begun, which says nothing of tasks. */
async function seen(): Promise<[Record<string, string>, Record<string, string>]> {
  const { "tts:ttsctl:syncing": _, ...redis } = await here.server.dump();
  return [here.root.tree(), redis];
}

/** Each of these commands is refused, and nothing is changed in the file, in Redis or on the disk. */
async function expectRefused(commands: readonly string[], code: number, word: string, options = {}): Promise<void> {
  const before = await seen();
  for (const line of commands) {
    const run = await here.run(`${line} -o json`, options);
    const error = JSON.parse(lines(run.stderr).at(-1) ?? "{}").code;
    expect({ line, code: run.code, error }, run.stderr).toEqual({ line, code, error: word });
    expect(await seen(), line).toEqual(before);
    triedFault();
  }
}

/** In the right folder the purge goes on. */
async function expectPurge(): Promise<void> {
  const run = await here.run("cleanup --once");
  expect(run.code, run.stderr).toBe(0);
  expect(sorted(await everything(here))).toEqual(exactly(STAYING));
}

describe("a directory of artifacts that holds config.ini or the store file", () => {
  const REMOVING = [...CLEANUPS, "cleanup --orphans", "cleanup --once --dry-run", CHOOSING[0]!, CHOOSING[1]!];

  /** A service whose store file is elsewhere, beside directories that aren't artifacts. */
  function lay(paths: string, store = "voice_task.json"): void {
    for (const other of ["models/base/weights.bin", "venv/lib/site.py"]) here.root.write(other, "x");
    if (store !== "voice_task.json") here.root.write(store, here.root.storeText(), 1_600_000_000);
    here.root.configure(here.server.port, `[store]\npath = ${store}\n[paths]\n${paths}\n`);
    here.root.age();
  }

  it.each([
    { what: "output, the service's own", paths: "output = ." },
    { what: "logs", paths: "logs = ." },
    { what: "output, by a link", paths: "output = link" },
    { what: "output, with the store file deep in it", paths: "output = output", store: "output/a/b/voice_task.json" },
    { what: "output, with a link to the store file", paths: "output = output", store: "output/linked.json" },
    { what: "output, with the store file that a link names", paths: "output = output", store: "outside.json" },
  ])("$what is refused, and doctor says so", async ({ paths, store }) => {
    symlinkSync(".", here.root.at("link"));
    lay(paths, store?.endsWith("voice_task.json") ? store : undefined);
    if (store === "output/linked.json") symlinkSync(here.root.store, here.root.at(store));
    if (store === "outside.json") {
      here.root.write("output/inside.json", here.root.storeText(), 1_600_000_000);
      symlinkSync("output/inside.json", here.root.at(store));
    }
    if (store !== undefined) here.root.configure(here.server.port, `[store]\npath = ${store}\n[paths]\n${paths}\n`);
    await expectRefused(REMOVING, 1, "ARTIFACTS_UNSAFE");
    const { checks } = JSON.parse((await here.run("doctor -o json")).stdout) as { checks: Finding[] };
    const name = paths.startsWith("logs") ? "logs" : "output";
    expect(checks.find(({ check }) => check === name)).toMatchObject({ status: "fail", hint: expect.any(String) });
  });
});

describe("no config.ini: nothing destructive runs", () => {
  const ALL = [
    ...CLEANUPS,
    "cleanup --watch",
    ...CHOOSING,
    ...PRUNING,
    "verify --repair --restore --yes",
    "import in.jsonl",
  ];

  it("in the folder of a service", async () => {
    here.root.rename("config.ini", "other.ini");
    const env = { REDIS_PORT: String(here.server.port) };
    await expectRefused(ALL, 2, "CONFIG_REQUIRED", { env });
    here.root.rename("other.ini", "config.ini");
    await expectPurge();
  });

  it("in an empty directory, as cron starts in one", async () => {
    const cwd = mkdtempSync(join(tmpdir(), "ttsctl-nowhere-"));
    try {
      writeFileSync(join(cwd, "in.jsonl"), here.root.tree()["in.jsonl"]!);
      const env = { REDIS_PORT: String(here.server.port), TTSCTL_TIMEZONE: "UTC" };
      await expectRefused(ALL, 2, "CONFIG_REQUIRED", { cwd, env });
    } finally {
      rmSync(cwd, { recursive: true });
    }
  });
});

describe("artifacts on a missing mount: nothing destructive runs", () => {
  it.each([
    { what: "output below an empty mount point", option: "output", at: "mnt/audio/output", lay: "mnt/audio" },
    { what: "output below a folder that is not there", option: "output", at: "mnt/gone/output", lay: "mnt" },
    { what: "Logs below an empty mount point", option: "logs", at: "mnt/logs/Logs", lay: "mnt/logs" },
    { what: "output, a link that leads nowhere", option: "output", at: "mnt/link", lay: "mnt", link: true },
  ])("$what", async ({ option, at, lay, link }) => {
    const [name, path] = [option === "logs" ? "Logs" : "output", here.root.at(at)];
    const away = mkdtempSync(join(tmpdir(), "ttsctl-mount-"));
    rmSync(away, { recursive: true });
    here.root.rename(name, "mounted-elsewhere");
    mkdirSync(here.root.at(lay), { recursive: true });
    if (link) symlinkSync(away, path);
    here.root.configure(here.server.port, `[paths]\n${option} = ${at}\n`);
    await expectRefused([...CLEANUPS, ...CHOOSING.slice(0, 2)], 1, "ARTIFACTS_UNSAFE");
    // Mounted again, all goes on.
    if (link) rmSync(path);
    mkdirSync(join(path, ".."), { recursive: true });
    here.root.rename("mounted-elsewhere", at);
    const run = await here.run("cleanup --once");
    expect(run.code, run.stderr).toBe(0);
    here.root.rename(at, name);
    expect(sorted(await everything(here))).toEqual(exactly(STAYING));
  });
});
