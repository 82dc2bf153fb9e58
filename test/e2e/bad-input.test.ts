import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { invoke } from "../cli/invoke.ts";
import { parrotServer, silentServer, type TestServer } from "../helpers/faults.ts";
import { record } from "../helpers/records.ts";
import { freePort, RedisServer } from "../helpers/redis.ts";
import { lines, type Run } from "../helpers/ttsctl.ts";
import { usePlace } from "./setup.ts";

const here = usePlace();

/** Every command that reads settings; those that change things would, if the input were good. */
const COMMANDS = ["list", "sync", "get alice t1", "cleanup --once", "delete --user alice --yes"];

/** The exit code, and one line on stderr: a text, or with -o json an object. */
function expectOneError(run: Omit<Run, "signal" | "ms">, code: number, word: string | RegExp, json: boolean): void {
  expect({ code: run.code, stdout: run.stdout }).toEqual({ code, stdout: "" });
  expect(lines(run.stderr)).toHaveLength(1);
  if (!json) {
    expect(run.stderr).toMatch(/^error: /);
    return;
  }
  const error = JSON.parse(run.stderr);
  expect(Object.keys(error)).toEqual(["error", "code", "hint"]);
  expect(error.code).toMatch(word);
  expect(error.error).not.toBe("");
}

/** Runs it for people, in this process, and for programs, the built one; neither changed the root or Redis. */
async function expectRefused(
  args: readonly string[],
  code: number,
  word: string | RegExp,
  options: { env?: Record<string, string>; input?: string } = {},
): Promise<string> {
  const before = [here.root.tree(), await here.server.dump()];
  const [text, json] = await Promise.all([
    invoke(args, { cwd: here.root.path, ...options }),
    here.runArgs([...args, "-o", "json"], options),
  ]);
  expectOneError(text, code, word, false);
  expectOneError(json, code, word, true);
  expect([here.root.tree(), await here.server.dump()]).toEqual(before);
  return text.stderr;
}

async function filled(): Promise<void> {
  here.root.writeStore([record("alice", "t1"), record("alice", "t2", { updated_at: "2021-01-01T00:00:00" })]);
  here.root.writeArtifacts([record("alice", "t1")]);
  await here.mirrored(record("alice", "t1"), record("alice", "t2"));
}

describe("configuration", () => {
  it("that --config names and that is not there", async () => {
    await filled();
    for (const command of [...COMMANDS, "config"]) {
      const stderr = await expectRefused([...command.split(" "), "--config", "nowhere.ini"], 2, "CONFIG_NOT_FOUND");
      expect(stderr).toContain("nowhere.ini");
    }
    await expectRefused(["list"], 2, "CONFIG_NOT_FOUND", { env: { TTSCTL_CONFIG: "gone/config.ini" } });
  });

  it.each([
    ["a malformed line", "[redis]\nnonsense\n", /line 2/],
    ["port = abc", "[redis]\nport = abc\n", /config\.ini.*port.*abc.*65535/],
    ["a url and a part of it", "[redis]\nurl = redis://h\nport = 1\n", /url/],
  ])("with %s", async (_, text, pattern) => {
    await filled();
    here.root.write("config.ini", text);
    expect(await expectRefused(["cleanup", "--once"], 2, "CONFIG_INVALID")).toMatch(pattern);
  });

  it.each<[Record<string, string>, RegExp]>([
    [{ REDIS_PORT: "tcp://10.0.0.1:6379" }, /REDIS_PORT.*tcp:\/\/10\.0\.0\.1:6379.*Kubernetes/],
    [{ TTSCTL_TIMEZONE: "+08:00" }, /TTSCTL_TIMEZONE/],
  ])("with %j", async (env, pattern) => {
    await filled();
    expect(await expectRefused(["sync"], 2, "CONFIG_INVALID", { env })).toMatch(pattern);
  });

  it("that cannot be read", async () => {
    await filled();
    await expectRefused(["list", "--config", "output"], 2, "CONFIG_INVALID");
  });

  it("that is not there, for commands that remove things", async () => {
    await filled();
    here.root.rename("config.ini", "other.ini");
    const env = { REDIS_URL: here.server.url };
    for (const command of ["cleanup --once", "delete --user alice --yes", "sync --prune --yes"]) {
      await expectRefused(command.split(" "), 2, "CONFIG_REQUIRED", { env });
    }
    await expectRefused(["cleanup", "--once", "--store", "voice_task.json"], 2, "CONFIG_REQUIRED", { env });
    const given = { ...env, TTSCTL_OUTPUT: "output", TTSCTL_LOGS: "Logs", TTSCTL_TIMEZONE: "UTC" };
    expect(await here.run("cleanup --once --dry-run --store voice_task.json", { env: given })).toMatchObject({
      code: 0,
    });
    expect(await here.run("list", { env })).toMatchObject({ code: 0 });
  });
});

describe("usage", () => {
  it.each([
    ["list --page 0", /--page.*0/],
    ["list --page-size 5000", /--page-size.*5000.*1000/],
    ["list --page-size 0", /--page-size/],
    ["list --ids t1", /--ids.*--user/],
    ["list --status finito", /finito/],
    ["list --since soon", /soon/],
    ["delete", /no tasks chosen/],
    ["delete --user alice --page 2", /page/],
    ["cleanup", /--once/],
    ["cleanup --once --retention soon", /soon/],
    ["nonsense", /nonsense/],
    ["list --nonsense", /nonsense/],
  ])("%s", async (line, pattern) => {
    await filled();
    expect(await expectRefused(line.split(" "), 2, /^(USAGE|CONFIG_INVALID)$/)).toMatch(pattern);
  });

  it.each(["", "[1]", '{"page": "1"}', '{"pages": 1}', '{"task_ids": ["t1"]}'])("a query body %j", async (body) => {
    await filled();
    await expectRefused(["query", body], 2, "USAGE");
  });

  it("a query body on stdin", async () => {
    expect(await expectRefused(["query"], 2, "USAGE", { input: "{cut" })).toContain("stdin");
  });

  it("a removal without a terminal and without --yes", async () => {
    await filled();
    expect(await expectRefused(["delete", "--user", "alice"], 2, "CONFIRMATION_REQUIRED")).toMatch(/2 tasks.*--yes/);
    here.root.writeStore([record("alice", "t1")]);
    expect(await expectRefused(["sync", "--prune"], 2, "CONFIRMATION_REQUIRED")).toMatch(
      /refusing to delete 1 Redis-only task without/,
    );
  });
});

describe("a store file", () => {
  it.each([
    ["that is empty", "", /line 1, byte 0/],
    ["that is cut", '[\n  {"user_id": "alice",', /line 2, byte/],
    ["that is a number", "5", /byte 0/],
  ])("%s", async (_, text, pattern) => {
    await filled();
    here.root.write("voice_task.json", text);
    const stderr = await expectRefused(["cleanup", "--once"], 1, "STORE_INVALID");
    expect(stderr).toMatch(pattern);
    expect(stderr).toContain("voice_task.json");
  });

  it("that cannot be read stops every command that needs it", async () => {
    await filled();
    here.root.write("voice_task.json", "[{");
    for (const command of ["sync", "sync --prune --yes", "delete --user alice --yes", "list --source file"]) {
      await expectRefused(command.split(" "), 1, "STORE_INVALID");
    }
  });

  it("that is a folder", async () => {
    await filled();
    for (const command of ["sync", "cleanup --once", "list --source file"]) {
      await expectRefused([...command.split(" "), "--store", "output"], 1, "STORE_UNREADABLE");
    }
  });
});

describe("a Redis", () => {
  let strict: RedisServer;
  let full: RedisServer;
  let replica: RedisServer;
  let silent: TestServer;
  let loading: TestServer;
  let closed = 0;

  beforeAll(async () => {
    strict = await RedisServer.start("--requirepass", "right");
    full = await RedisServer.start("--maxmemory", "1");
    replica = await RedisServer.start("--replicaof", `127.0.0.1 ${await freePort()}`);
    silent = await silentServer();
    loading = await parrotServer("-LOADING Redis is loading the dataset in memory");
    closed = await freePort();
  });
  afterAll(async () => {
    for (const server of [strict, full, replica]) await server.remove();
    for (const server of [silent, loading]) await server.stop();
  });

  const CASES = [
    { what: "that refuses", url: () => `redis://127.0.0.1:${closed}`, code: "REDIS_UNAVAILABLE" },
    { what: "that is silent", url: () => silent.url, code: "REDIS_TIMEOUT" },
    { what: "that is loading", url: () => loading.url, code: "REDIS_LOADING" },
    { what: "that wants a password", url: () => strict.url, code: "REDIS_AUTH" },
    { what: "with a wrong password", url: () => `redis://:wr0ng-pass@127.0.0.1:${strict.port}/0`, code: "REDIS_AUTH" },
    { what: "with a wrong database", url: () => `redis://127.0.0.1:${here.server.port}/99`, code: "REDIS_WRONG_DB" },
    { what: "that is a read-only replica", url: () => replica.url, code: "REDIS_READONLY" },
    { what: "that is out of memory", url: () => full.url, code: "REDIS_OUT_OF_MEMORY" },
  ];

  it.each(CASES)("$what: sync exits 4 within the timeout, with one line", async ({ url, code }) => {
    await filled();
    const env = { REDIS_TIMEOUT: "300ms" };
    const began = performance.now();
    const stderr = await expectRefused(["sync", "--redis-url", url()], 4, code, { env });
    expect(performance.now() - began).toBeLessThan(4000);
    expect(stderr).not.toMatch(/wr0ng-pass/);
    if (code === "REDIS_READONLY" || code === "REDIS_OUT_OF_MEMORY") return;
    await expectRefused(["list", "--source", "redis", "--redis-url", url()], 4, code, { env });
  });

  it("that is switched off: commands that need it say so", async () => {
    await filled();
    for (const command of ["sync", "list --source redis", "get alice t1 --source redis"]) {
      await expectRefused([...command.split(" "), "--no-redis"], 4, "REDIS_DISABLED");
    }
  });
});

describe("a brake", () => {
  it("stops before the first deletion", async () => {
    await filled();
    await expectRefused(["cleanup", "--once", "--max-delete", "0"], 1, "MAX_DELETE_EXCEEDED");
    await expectRefused(["cleanup", "--once", "--max-delete", "49%"], 1, "MAX_DELETE_EXCEEDED");
    await expectRefused(["delete", "--user", "alice", "--yes", "--max-delete", "1"], 1, "MAX_DELETE_EXCEEDED");
    here.root.writeStore([record("alice", "other")]);
    await expectRefused(["sync", "--prune", "--yes"], 1, "MAX_DELETE_EXCEEDED");
  });

  it("is a retention under a minute only warned of", async () => {
    here.root.configure(here.server.port, "[cleanup]\nretention = 7\n");
    here.root.writeStore([]);
    const run = await here.run("cleanup --once");
    expect(run.code).toBe(0);
    expect(run.stderr).toMatch(/7/);
  });
});

it("a server that is not Redis is called that", async () => {
  const web = createServer((_, response) => response.end("hello")).listen(0, "127.0.0.1");
  await once(web, "listening");
  const { port } = web.address() as AddressInfo;
  const run = await here.run("sync", { env: { REDIS_URL: `redis://127.0.0.1:${port}` } });
  web.close();
  expect(run).toMatchObject({ code: 4, stdout: "" });
  expect(run.stderr).toContain(`the server at 127.0.0.1:${port} is not Redis`);
});
