import { rmSync } from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { usePlace } from "../../e2e/setup.ts";
import { redisProxy } from "../../helpers/faults.ts";
import { ago, record } from "../../helpers/records.ts";
import { built } from "../../helpers/ttsctl.ts";

const here = usePlace();
const OLD = [record("alice", "t1"), record("alice", "t2")];
const YOUNG = record("bob", "young", { updated_at: ago(60) });

async function lay(): Promise<void> {
  here.root.writeStore([...OLD, YOUNG]);
  here.root.writeArtifacts([...OLD, YOUNG]);
  expect((await here.run("sync")).code).toBe(0);
}

/** The rights of a user without some commands. */
async function envWithout(...commands: string[]): Promise<Record<string, string>> {
  const rules = commands.map((command) => `-${command}`);
  await here.server.call("ACL", "SETUSER", "limited", "reset", "on", ">right", "~*", "+@all", ...rules);
  return { REDIS_USERNAME: "limited", REDIS_PASSWORD: "right" };
}

describe("a removal that Redis refuses halfway leaves the hash", () => {
  it.each(["zrem", "unlink"])("without the right to %s", async (command) => {
    await lay();
    const env = await envWithout(command);
    const run = await here.run("cleanup --once -o json", { env });
    expect(run.code, run.stderr).toBe(3);
    expect(JSON.parse(run.stdout)).toMatchObject({ purged: 0, failed: 2 });
    expect(await here.server.call("EXISTS", "tts:task:alice:t1", "tts:task:alice:t2")).toBe(2);
    expect(here.root.readStore()).toHaveLength(3);
    expect(here.root.has("output/alice/t1/t1.wav")).toBe(true);
    expect((await here.run("verify --repair")).code).toBe(0);
    expect((await here.run("cleanup --once -o json")).code).toBe(0);
    expect(await here.server.call("EXISTS", "tts:task:alice:t1", "tts:task:alice:t2")).toBe(0);
  });
});

it.each(["cleanup --once", "delete --all --force", "mark --ids alice:t1 --to queued"])(
  "%s: the plan is what the run does after deletions that Redis lacks",
  async (line) => {
    await lay();
    here.root.writeStore([YOUNG]);
    // One was written to Redis again.
    await here.mirrored(record("alice", "t2", { updated_at: "2030-01-01T00:00:00" }));
    const owed = OLD.map(({ user_id, task_id }) => JSON.stringify({ user_id, task_id, before: Date.now() / 1000 }));
    here.root.write(".voice_task.json.ttsctl-owed", `${owed.join("\n")}\n`);
    const run = async (more: string) => {
      const { code, stdout } = await here.run(`${line} ${more} -o json`);
      const { candidates, requested, purged, deleted, marked } = JSON.parse(stdout);
      return { code, candidates, requested, purged, deleted, marked };
    };
    expect(await run("--dry-run")).toEqual(await run(line.startsWith("cleanup") ? "--quiet" : "--yes"));
  },
);

describe("the names that ttsctl uses beside the store file aren't taken by an operator's file", () => {
  const NAMES = ["ttsctl", "ttsctl-owed", "spool", "run.lock", "write.lock", "watch.lock"];
  it.each(NAMES.map((name) => `.voice_task.json.${name}`))("%s", async (name) => {
    await lay();
    const before = here.root.tree();
    const lines = [
      `cleanup --once --backup ${name}`,
      `cleanup --once --metrics-file ${name}`,
      `delete --user alice --yes --backup ./${name}`,
      `export --to ${name}`,
    ];
    for (const line of lines) expect(await here.run(line), line).toMatchObject({ code: 2 });
    expect(here.root.tree()).toEqual(before);
  });
});

it("a backup of a run that was refused isn't left behind empty, and one that was there is kept", async () => {
  await lay();
  here.root.write("there.jsonl", "");
  const env = await envWithout("time");
  for (const name of ["new.jsonl", "there.jsonl"]) {
    expect((await here.run(`cleanup --once --backup ${name}`, { env })).code).toBe(4);
  }
  expect([here.root.has("new.jsonl"), here.root.has("there.jsonl")]).toEqual([false, true]);
});

it("delete by a status that only the copy in Redis has: checks that the file can be rewritten before it removes anything", async () => {
  here.root.writeStore([{ ...OLD[0]!, status: "running" }, YOUNG]);
  here.root.writeArtifacts(OLD);
  await here.mirrored({ ...OLD[0]!, updated_at: "2020-01-02T00:00:00" }, YOUNG);
  const redis = await here.server.dump();
  const tree = here.root.tree();
  const args = ["delete", "--status", "done", "--user", "alice", "--yes", "--force"];
  const run = await built(args, { cwd: here.root.path, fileSize: 300 });
  expect(run.stderr).toContain("cannot rewrite");
  expect(run.code).toBe(1);
  expect([here.root.tree(), await here.server.dump()]).toEqual([tree, redis]);
});

describe.each(["sync", "mark --user alice --to failed --yes"])("copies that %s writes are kept", (line) => {
  it.each(["lost", "emptied"])("if the store file is %s then", async (how) => {
    const tasks = Array.from({ length: 5 }, (_, i) => record("alice", `t${i}`));
    here.root.writeStore(tasks);
    const loseFile = async (sent: string) => {
      if (!sent.includes('"task_id":')) return "pass" as const;
      if (how === "lost") rmSync(here.root.store, { force: true });
      else here.root.write("voice_task.json", "[]");
      return "pass" as const;
    };
    const proxy = await redisProxy(here.server.port, loseFile);
    onTestFinished(() => proxy.stop());
    await here.run(line, { env: { REDIS_URL: proxy.url } });
    expect(here.root.has("voice_task.json") ? here.root.storeText() : "lost").toBe(how === "lost" ? how : "[]");
    expect(await here.server.call("ZCARD", "tts:tasks:index")).toBe(tasks.length);
  });
});

it("an answer that is longer than asked is an error", async () => {
  await lay();
  const longer = (answer: string) => answer.replace("*4\r\n$", "*8\r\n$1\r\nx\r\n$1\r\n1\r\n$1\r\ny\r\n$1\r\n1\r\n$");
  const proxy = await redisProxy(here.server.port, () => "pass", longer);
  onTestFinished(() => proxy.stop());
  const run = await here.run("list --page-size 2 --source redis -o json", { env: { REDIS_URL: proxy.url } });
  expect(run.code, run.stdout).toBe(4);
  expect(run.stderr).toContain("answered");
});
