import { mkdirSync, symlinkSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import type { Finding } from "../../src/operations/doctor/probe.ts";
import { usePlace } from "../e2e/setup.ts";
import { ago, record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { everyByte } from "./helpers/stores.ts";
import { triedFault } from "./helpers/tally.ts";

const here = usePlace();
const some = (count: number, prefix: string, more = {}) =>
  Array.from({ length: count }, (_, i) => record(`user${i % 3}`, `${prefix}${i}`, more));
const OLD = some(12, "old");
const STAYING = [...some(8, "young", { updated_at: ago(3600) }), ...some(4, "run", { status: "running" })];
const PRUNING = ["sync --prune --yes --max-delete 100%", "verify --repair --prune --yes"];
const MERGING = ["verify --repair --restore --yes", "import in.jsonl"];
const CLEANUPS = ["cleanup --once", "cleanup --orphans --yes"];
const EXPLAINING = "cleanup --explain user0 old0";
const CHOOSING = ["delete --all --force --yes", "delete --user user0 --ids old0 --yes", "mark --all --to error --yes"];

beforeEach(async () => {
  here.root.writeStore([...OLD, ...STAYING]);
  here.root.writeArtifacts([...OLD, ...STAYING]);
  here.root.write("in.jsonl", `${JSON.stringify(record("in", "t1"))}\n`);
  expect((await here.run("sync")).code).toBe(0);
});

/** Each of these commands is refused, and nothing is changed in the file, in Redis or on the disk. */
async function expectRefused(commands: readonly string[], code: number, word: string, options = {}): Promise<void> {
  const before = await everyByte(here);
  for (const line of commands) {
    const run = await here.run(`${line} -o json`, options);
    const error = JSON.parse(lines(run.stderr).at(-1) ?? "{}").code;
    expect({ line, code: run.code, error }, run.stderr).toEqual({ line, code, error: word });
    expect(await everyByte(here), line).toEqual(before);
    triedFault();
  }
}

/** Stats count all the same. */
async function expectNoEstimate(why: string, options = {}): Promise<void> {
  for (const flag of ["", " --no-disk"]) {
    const { total, disk, cleanup, said } = await here.json(`stats${flag}`, options);
    expect([total, disk !== null, cleanup, said]).toEqual([24, flag === "", null, expect.stringContaining(why)]);
  }
}

describe("a directory of artifacts that holds config.ini or the store file", () => {
  const REMOVING = [...CLEANUPS, "cleanup --orphans", "cleanup --once --dry-run", EXPLAINING, ...CHOOSING.slice(0, 2)];

  it.each([
    { what: "output, the service's own", paths: "output = ." },
    { what: "logs", paths: "logs = ." },
    { what: "output, by a link", paths: "output = link" },
    { what: "output, with the store file deep in it", store: "output/a/b/voice_task.json" },
    { what: "output, with a link to the store file", store: "output/linked.json", target: "voice_task.json" },
    { what: "output, with the store file that a link names", store: "outside.json", target: "output/inside.json" },
  ])(
    "$what is refused, and doctor says so",
    async ({ paths = "output = output", store = "voice_task.json", target }) => {
      for (const other of ["models/base/weights.bin", "venv/lib/site.py"]) here.root.write(other, "x");
      symlinkSync(".", here.root.at("link"));
      here.root.write(target ?? store, here.root.storeText(), 1_600_000_000);
      if (target !== undefined) symlinkSync(here.root.at(target), here.root.at(store));
      here.root.configure(here.server.port, `[store]\npath = ${store}\n[paths]\n${paths}\n`);
      here.root.age();
      await expectRefused(REMOVING, 1, "ARTIFACTS_UNSAFE");
      await expectNoEstimate("can't be used for audio or logs");
      expect(await here.json(`${EXPLAINING} --retention 0`)).toMatchObject({ exit: 0, verdict: "keep" });
      const { checks } = JSON.parse((await here.run("doctor -o json")).stdout) as { checks: Finding[] };
      const name = paths.startsWith("logs") ? "logs" : "output";
      expect(checks.find(({ check }) => check === name)).toMatchObject({ status: "fail", hint: expect.any(String) });
    },
  );
});

it("a directory that holds only the config.ini is refused too", async () => {
  const redis = `[redis]\nport = ${here.server.port}\n`;
  here.root.write(
    "output/own.ini",
    `${redis}[store]\npath = ../voice_task.json\n[paths]\noutput = .\nlogs = ../Logs\n`,
  );
  const lines = [...CLEANUPS, CHOOSING[0]!].map((line) => `${line} --config output/own.ini`);
  await expectRefused(lines, 1, "ARTIFACTS_UNSAFE");
});

it("no config.ini: nothing destructive runs", async () => {
  here.root.rename("config.ini", "other.ini");
  const removing = [...CLEANUPS, "cleanup --watch", EXPLAINING, CHOOSING[0]!];
  const env = { REDIS_PORT: String(here.server.port) };
  await expectRefused([...removing, ...CHOOSING, ...PRUNING, ...MERGING], 2, "CONFIG_REQUIRED", { env });
  const some = { ...env, TTSCTL_STORE: "voice_task.json", TTSCTL_OUTPUT: "output" }; // not where logs are
  await expectRefused(removing, 2, "CONFIG_REQUIRED", { env: some });
  await expectNoEstimate("", { env });
});

it("the store file and the index of Redis are lost: nothing destructive runs", async () => {
  here.root.drop("voice_task.json");
  await here.server.call("DEL", "tts:tasks:index");
  await expectRefused([...CLEANUPS, ...CHOOSING, ...PRUNING, "sync"], 1, "STORE_EMPTY");
});

it.each([
  { what: "output below an empty mount point", option: "output", at: "mnt/audio/output", lay: "mnt/audio" },
  { what: "output below a folder that is not there", option: "output", at: "mnt/gone/output", lay: "mnt" },
  { what: "Logs below an empty mount point", option: "logs", at: "mnt/logs/Logs", lay: "mnt/logs" },
  { what: "output, a link that leads nowhere", option: "output", at: "mnt/link", lay: "mnt", link: true },
])("artifacts on a missing mount, $what: nothing destructive runs", async ({ option, at, lay, link }) => {
  here.root.drop(option === "logs" ? "Logs" : "output");
  mkdirSync(here.root.at(lay), { recursive: true });
  if (link) symlinkSync(here.root.at("nowhere"), here.root.at(at));
  here.root.configure(here.server.port, `[paths]\n${option} = ${at}\n`);
  await expectRefused([...CLEANUPS, ...CHOOSING.slice(0, 2)], 1, "ARTIFACTS_UNSAFE");
});
