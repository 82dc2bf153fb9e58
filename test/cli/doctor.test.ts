import { chmodSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { beforeEach, describe, expect, it } from "vitest";
import type { Finding } from "../../src/operations/doctor/probe.ts";
import { CHECKS } from "../../src/operations/doctor/run.ts";
import { usePlace } from "../e2e/setup.ts";
import { ago, record } from "../helpers/records.ts";
import { freePort, RedisServer } from "../helpers/redis.ts";
import { invoke } from "./invoke.ts";
import "../helpers/python.ts";

const SECRET = "s3cret-Passw0rd";
const here = usePlace();
beforeEach(() => {
  here.root.writeStore([record("alice", "t1"), record("alice", "t2", { updated_at: ago(100) })]);
  mkdirSync(here.root.at("output/alice"), { recursive: true });
  mkdirSync(here.root.at("Logs"));
});

interface Diagnosis {
  readonly code: number;
  readonly checks: Record<string, Finding>;
  readonly text: string;
}

async function doctor(line = "", env: Record<string, string> = {}): Promise<Diagnosis> {
  const args = ["doctor", "-o", "json", ...line.split(" ").filter((word) => word !== "")];
  const { code, stdout, stderr } = await invoke(args, { cwd: here.root.path, env });
  const { checks } = JSON.parse(stdout) as { checks: Finding[] };
  return { code, checks: Object.fromEntries(checks.map((finding) => [finding.check, finding])), text: stdout + stderr };
}

const finding = async (name: string, line = "", env = {}) => (await doctor(line, env)).checks[name]!;
const like = (status: string, detail: RegExp | string = "") => ({
  status,
  detail: typeof detail === "string" ? expect.stringContaining(detail) : expect.stringMatching(detail),
  hint: status === "ok" || status === "skip" ? null : expect.any(String),
});

describe("doctor", () => {
  it("finds no problem in a healthy service", async () => {
    expect(await invoke(["sync"], { cwd: here.root.path })).toMatchObject({ code: 0 });
    const { code, checks } = await doctor();
    expect([code, ...Object.values(checks).filter(({ status }) => status !== "ok")]).toEqual([0]);
    const ids = Object.keys(CHECKS).filter((id) => id !== "redis.sentinel");
    expect(Object.keys(checks)).toEqual(ids);
    expect(ids).toHaveLength(36);
    expect(checks.drift).toMatchObject(like("ok", "2 tasks"));
    expect(checks["redis.version"]).toMatchObject(like("ok", /^(Redis|Valkey) \d/));
  });

  it("counts, and exits 1 if a check fails and 0 for warnings", async () => {
    const { code, stdout } = await invoke(["doctor", "-o", "json"], { cwd: here.root.path });
    const report = JSON.parse(stdout);
    expect(Object.keys(report)).toEqual(["checks", "ok", "warn", "fail", "skip"]);
    expect(Object.keys(report.checks[0])).toEqual(["check", "status", "detail", "hint"]);
    for (const status of ["ok", "warn", "fail", "skip"]) {
      expect(report[status]).toBe(report.checks.filter((each: Finding) => each.status === status).length);
    }
    expect([code, report.fail, report.warn > 0]).toEqual([0, 0, true]);
    expect((await doctor("", { REDIS_PORT: String(await freePort()) })).code).toBe(1);
  });
});

describe("the configuration", () => {
  it("may not be read at all", async () => {
    here.root.write("config.ini", "[redis]\nhost = a\nhost = b\n");
    const { code, checks } = await doctor();
    expect(code).toBe(1);
    expect(checks.config).toMatchObject(like("fail", "line 3"));
    expect(checks["store.content"]).toMatchObject(like("skip"));
    expect(checks.node).toMatchObject(like("ok"));
    expect((await doctor("--config none.ini")).checks.config).toMatchObject(like("fail", "none.ini"));
  });

  it("causes a warning if all users can read a password in it", async () => {
    here.root.configure(here.server.port, "[redis.x]\na = 1\n");
    expect(await finding("config.secrets")).toMatchObject(like("ok"));
    here.root.write("config.ini", `[redis]\nport = ${here.server.port}\npassword = ${SECRET}\n`);
    chmodSync(here.root.at("config.ini"), 0o644);
    expect(await finding("config.secrets")).toMatchObject(like("warn", "mode 644"));
    chmodSync(here.root.at("config.ini"), 0o640);
    expect(await finding("config.secrets")).toMatchObject(like("ok"));
  });
});

describe("the store file", () => {
  it("is missing, a directory, truncated, or has invalid records", async () => {
    here.root.writeStore([record("alice", "t1"), { user_id: "a:b", task_id: "t9" }]);
    expect(await finding("store.content")).toMatchObject(like("warn", /array of 1 task.*1 invalid record.*a:b/));
    here.root.write("voice_task.json", '[{"user_id": "a"');
    const cut = await doctor();
    expect(cut.checks["store.content"]).toMatchObject(like("fail", "byte 16"));
    expect(cut.checks.drift).toMatchObject(like("skip", "store file"));
    here.root.write("voice_task.json", `${JSON.stringify(record("a", "t"))}\n{"user_id": "a", `);
    const content = await finding("store.content");
    expect(content).toMatchObject(like("warn", /JSON Lines.*unfinished append/));
    expect(content.detail).not.toContain("whole");
    rmSync(here.root.store);
    expect(await finding("store.file")).toMatchObject(like("warn", "does not exist"));
    expect(await finding("store.folder", `--store ${here.root.at("none/x.json")}`)).toMatchObject(like("fail"));
    mkdirSync(here.root.store);
    expect(await finding("store.file")).toMatchObject(like("fail", "not a regular file"));
    expect((await doctor()).checks["store.content"]).toMatchObject(like("fail"));
  });

  it("may be a link; locks and leftovers are checked beside it", async () => {
    here.root.write("real/tasks.json", "[]");
    rmSync(here.root.store);
    symlinkSync(here.root.at("real/tasks.json"), here.root.store);
    here.root.write("real/.tasks.json.ttsctl", "x");
    const { checks } = await doctor();
    expect(checks["store.file"]).toMatchObject(like("ok", "a link to"));
    expect(checks["store.leftover"]).toMatchObject(like("warn", ".tasks.json.ttsctl"));
    here.root.write("output/.ttsctl-purge/1-ab/u/t/t.wav", "x");
    expect((await doctor()).checks["store.leftover"]).toMatchObject(like("warn", ".ttsctl-purge"));
  });
});

it("the folders of artifacts may be missing, files, links that lead nowhere, or empty beside finished tasks", async () => {
  rmSync(here.root.at("Logs"), { recursive: true });
  rmSync(here.root.at("output/alice"), { recursive: true });
  const first = await doctor();
  expect(first.checks.logs).toMatchObject(like("warn", "does not exist"));
  expect(first.checks.output).toMatchObject(like("warn", "is empty, but the store file has 2 tasks"));
  here.root.write("Logs", "");
  rmSync(here.root.at("output"), { recursive: true });
  symlinkSync(here.root.at("not mounted"), here.root.at("output"));
  const second = await doctor();
  expect(second.checks.logs).toMatchObject(like("fail", "not a directory"));
  expect(second.checks.output).toMatchObject(like("fail", "broken symbolic link"));
});

describe("Redis", () => {
  it("is a replica, evicts, or is nearly full", async () => {
    await using other = await RedisServer.start("--replicaof", "127.0.0.1", String(here.server.port));
    const replica = await doctor("", { REDIS_PORT: String(other.port) });
    expect(replica.checks["redis.role"]).toMatchObject(like("fail", `a replica of 127.0.0.1:${here.server.port}`));
    await here.server.call("CONFIG", "SET", "maxmemory", "100mb", "maxmemory-policy", "allkeys-lru");
    expect(await finding("redis.memory")).toMatchObject(like("warn", "may evict tasks"));
    await here.server.call("CONFIG", "SET", "maxmemory", "1mb", "maxmemory-policy", "noeviction");
    expect(await finding("redis.memory")).toMatchObject(like("warn", "nearly full"));
    await here.server.call("CONFIG", "SET", "maxmemory", "0");
  });

  it.each([
    ["who may use ACL", "+@all", "+acl|whoami +acl|dryrun"],
    ["who may not", "-acl", "-acl"],
  ])("says what its user may not do, one %s", async (_, all, some) => {
    const before = await here.server.dump();
    const rights = `+@read +@connection +@transaction +@scripting +info +time ${some}`;
    for (const user of [`full reset on >${SECRET} ~tts:* +@all ${all}`, `part reset on >${SECRET} ~tts:* ${rights}`])
      await here.server.call("ACL", "SETUSER", ...user.split(" "));
    const as = (user: string) => ({ REDIS_USERNAME: user, REDIS_PASSWORD: SECRET });
    expect(await finding("redis.rights", "", as("full"))).toMatchObject(like("ok"));
    const { checks, code, text } = await doctor("", as("part"));
    expect(code).toBe(1);
    expect(checks["redis.rights"]).toMatchObject(
      like("fail", /may not .*ZADD, ZREM on tts:tasks:index.*HSET, UNLINK on tts:task:\*/),
    );
    expect(text).not.toContain(SECRET);
    expect(await here.server.dump()).toEqual(before);
    await here.server.call("ACL", "DELUSER", "full", "part");
  });

  it("is compared with the file by a sample", async () => {
    await here.mirrored(record("alice", "t1"), record("bob", "gone"));
    await here.server.call("HSET", "tts:task:alice:t1", "updated_at", "2019-01-01T00:00:00");
    const fresh = record("alice", "fresh", { updated_at: ago(1) }); // looked at twice
    here.root.writeStore([record("alice", "t1"), record("alice", "t2"), fresh]);
    const { checks } = await doctor();
    expect(checks.drift).toMatchObject(like("warn", "4 tasks: 2 only in file, 1 only in redis, 1 stale"));
    expect(checks.synced).toMatchObject(like("warn", "never synced"));
    const elsewhere = await finding("redis.database", "", { REDIS_DB: "3" });
    expect(elsewhere).toMatchObject(like("warn", "db 3 has no tasks, but db 0 has 2"));
    await here.server.call("DEL", "tts:tasks:index");
    expect(await finding("redis.database")).toMatchObject(like("fail", "their index tts:tasks:index was lost"));
  });
});
