import { afterAll, beforeAll, expect, it } from "vitest";
import { parrotServer, silentServer, type TestServer } from "../helpers/faults.ts";
import { record } from "../helpers/records.ts";
import { lines } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();
let silent: TestServer;
let loading: TestServer;

beforeAll(async () => {
  silent = await silentServer();
  loading = await parrotServer("-LOADING Redis is loading the dataset in memory");
});
afterAll(async () => {
  for (const server of [silent, loading]) await server.stop();
});

interface Case {
  readonly what: string;
  readonly line: string;
  readonly code: string;
  readonly exit: number;
  /** What the file of this name has instead. */
  readonly files?: Record<string, string>;
  readonly env?: Record<string, string>;
  /** Whether config.ini is left out. */
  readonly bare?: true;
  readonly redis?: () => string;
}

const CASES: readonly Case[] = [
  { what: "a --config that isn't there", line: "sync --config nowhere.ini", code: "CONFIG_NOT_FOUND", exit: 2 },
  {
    what: "a malformed config.ini",
    line: "sync",
    code: "CONFIG_INVALID",
    exit: 2,
    files: { "config.ini": "[redis]\nx\n" },
  },
  {
    what: "a wrong variable",
    line: "sync",
    code: "CONFIG_INVALID",
    exit: 2,
    env: { REDIS_PORT: "tcp://10.0.0.1:6379" },
  },
  { what: "no config.ini", line: "delete --user alice --yes", code: "CONFIG_REQUIRED", exit: 2, bare: true },
  { what: "an unknown flag", line: "delete --user alice --yes --nonsense", code: "USAGE", exit: 2 },
  { what: "no terminal and no --yes", line: "delete --user alice", code: "CONFIRMATION_REQUIRED", exit: 2 },
  ...["cleanup --once --max-delete 49%", "delete --all --dry-run --max-delete 1"].map((line) => {
    return { what: "more than the brake", line, code: "MAX_DELETE_EXCEEDED", exit: 1 };
  }),
  {
    what: "more than the brake of mark",
    line: "mark --all --to error --dry-run --max-mark 1",
    code: "MAX_DELETE_EXCEEDED",
    exit: 1,
  },
  {
    what: "a cut file",
    line: "cleanup --once",
    code: "STORE_INVALID",
    exit: 1,
    files: { "voice_task.json": '[{"user_id"' },
  },
  { what: "a silent Redis", line: "sync", code: "REDIS_TIMEOUT", exit: 4, redis: () => silent.url },
  { what: "a loading Redis", line: "sync", code: "REDIS_LOADING", exit: 4, redis: () => loading.url },
];

it.each(CASES)(
  "$what: exit code $exit, one line, and no change",
  async ({ line, code, exit, files, env, bare, redis }) => {
    here.root.writeStore([record("alice", "t1"), record("alice", "t2", { updated_at: "2021-01-01T00:00:00" })]);
    here.root.writeArtifacts([record("alice", "t1")]);
    await here.mirrored(record("alice", "t1"), record("alice", "t2"));
    for (const [name, text] of Object.entries(files ?? {})) here.root.write(name, text);
    if (bare) here.root.rename("config.ini", "other.ini");
    const before = [here.root.tree(), await here.server.dump()];
    const url = redis === undefined ? {} : { REDIS_URL: redis(), REDIS_TIMEOUT: "300ms" };
    for (const format of ["", " -o json"]) {
      const run = await here.run(line + format, { env: { ...env, ...url } });
      expect([run.code, run.stdout, lines(run.stderr).length]).toEqual([exit, "", 1]);
      if (format === "") expect(run.stderr).toMatch(/^error: /);
      else expect(JSON.parse(run.stderr)).toMatchObject({ error: expect.any(String), code });
    }
    expect([here.root.tree(), await here.server.dump()]).toEqual(before);
  },
);
