import { spawnSync } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { cleanEnv } from "../helpers/clean-env.ts";
import { parrotServer, silentServer, type TestServer } from "../helpers/faults.ts";
import { ago, record } from "../helpers/records.ts";
import { binary, lines } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
interface Situation {
  /** What the file of this name has instead; null for none. */
  readonly files?: Record<string, string | null>;
  readonly env?: Record<string, string>;
  readonly redis?: () => Promise<TestServer>;
}

const loadingServer = () => parrotServer("-LOADING Redis is loading the dataset in memory");

/** What replaces a record of the store file. */
const CHANGED = JSON.stringify(record("alice", "t1", { updated_at: ago(60) }));

const CASES: readonly [what: string, line: string, exit: number, code: string, situation?: Situation][] = [
  ["a --config that isn't there", "sync --config nowhere.ini", 2, "CONFIG_NOT_FOUND"],
  ["a malformed config.ini", "sync", 2, "CONFIG_INVALID", { files: { "config.ini": "[redis]\nx\n" } }],
  ["a wrong variable", "sync", 2, "CONFIG_INVALID", { env: { REDIS_PORT: "tcp://10.0.0.1:6379" } }],
  ["no config.ini", "delete --user alice --yes", 2, "CONFIG_REQUIRED", { files: { "config.ini": null } }],
  ["an unknown flag", "delete --user alice --yes --nonsense", 2, "USAGE"],
  ["no terminal and no --yes", "delete --user alice", 2, "CONFIRMATION_REQUIRED"],
  ["no terminal and no --yes", "import in", 2, "CONFIRMATION_REQUIRED", { files: { in: CHANGED } }],
  ["more than the brake", "cleanup --once --max-delete 49%", 1, "MAX_DELETE_EXCEEDED"],
  ["more than the brake", "delete --all --dry-run --max-delete 1", 1, "MAX_DELETE_EXCEEDED"],
  ["more than the brake", "mark --all --to error --dry-run --max-mark 1", 1, "MAX_DELETE_EXCEEDED"],
  ["a cut file", "cleanup --once", 1, "STORE_INVALID", { files: { "voice_task.json": '[{"user_id"' } }],
  ["a silent Redis", "sync", 4, "REDIS_TIMEOUT", { redis: silentServer }],
  ["a loading Redis", "sync", 4, "REDIS_LOADING", { redis: loadingServer }],
];

it.each(CASES)("%s (%s): exit code %i, one line, and no change", async (_, line, exit, code, situation = {}) => {
  const { files = {}, env, redis } = situation;
  here.root.writeStore([record("alice", "t1"), record("alice", "t2", { updated_at: "2021-01-01T00:00:00" })]);
  here.root.writeArtifacts([record("alice", "t1")]);
  await here.mirrored(record("alice", "t1"), record("alice", "t2"));
  for (const [name, text] of Object.entries(files)) {
    if (text === null) here.root.drop(name);
    else here.root.write(name, text);
  }
  const before = await here.state();
  await using server = await redis?.();
  const url = server && { REDIS_URL: server.url, REDIS_TIMEOUT: "300ms" };
  for (const format of ["", " -o json"]) {
    const run = await here.run(line + format, { env: { ...env, ...url } });
    expect([run.code, run.stdout, lines(run.stderr).length]).toEqual([exit, "", 1]);
    if (format === "") expect(run.stderr).toMatch(/^error: /);
    else expect(JSON.parse(run.stderr)).toMatchObject({ error: expect.any(String), code });
  }
  expect(await here.state()).toEqual(before);
});

it("an empty config.ini, as a full disk leaves it: commands that change tasks refuse", async () => {
  here.root.writeStore([record("alice", "t1")]);
  here.root.write("config.ini", "\n");
  const { exit, code, said } = await here.json("cleanup --once", { env: { REDIS_PORT: "1" } });
  expect([exit, code, said]).toEqual([2, "CONFIG_REQUIRED", expect.stringContaining("config.ini is empty")]);
  expect(here.root.readStore()).toHaveLength(1);
});

it("a working directory that was deleted: exit code 2, one line", () => {
  const folder = mkdtempSync(join(tmpdir(), "ttsctl-gone-"));
  const words = ["cd", folder, "&&", "rmdir", folder, "&&", process.execPath, binary(), "list"];
  const { status, stderr } = spawnSync("sh", ["-c", words.join(" ")], { encoding: "utf8", env: cleanEnv() });
  expect([status, stderr]).toEqual([2, expect.stringMatching(/^error: .*deleted.*\n$/)]);
});
