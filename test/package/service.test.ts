import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cleanEnv } from "../helpers/clean-env.ts";
import { record } from "../helpers/records.ts";
import { RedisServer } from "../helpers/redis.ts";
import { lines, ttsctl } from "../helpers/ttsctl.ts";
import { ROOT, useProject } from "./project.ts";

const project = useProject();
let server: RedisServer;
beforeAll(async () => {
  cpSync(join(ROOT, "examples/service"), project.path, { recursive: true });
  server = await RedisServer.start();
});
afterAll(() => server.remove());

describe("the example service", () => {
  function serve(root: string, input: readonly string[]): { task_id: string; status: string }[] {
    const options = { cwd: project.path, env: cleanEnv(), input: input.join("\n"), encoding: "utf8" } as const;
    const { status, stdout, stderr } = spawnSync(process.execPath, ["service.mjs", root, server.url], options);
    expect(status, stderr).toBe(0);
    return lines(stdout)
      .map((line) => JSON.parse(line) as { task_id: string; status: string })
      .filter(({ status }) => status !== "queued");
  }

  it("takes tasks from wait to done or error, with audio and logs, and ttsctl sees them", async () => {
    const root = join(project.path, "root");
    const tasks = serve(root, ['{"user_id": "alice", "text": "你好"}', '{"user_id": "bob", "text": " "}']);
    expect(tasks.map(({ status }) => status).sort()).toEqual(["failed", "succeeded"]);
    const done = tasks.find(({ status }) => status === "succeeded")!.task_id;
    const flags = ["--store", join(root, "voice_task.jsonl"), "--redis-url", server.url, "-o", "json"];
    const env = { TTSCTL_OUTPUT: join(root, "output"), TTSCTL_LOGS: join(root, "Logs") };
    const run = async (...args: string[]) => JSON.parse((await ttsctl([...args, ...flags], { cwd: root, env })).stdout);
    expect(await run("get", "alice", done)).toMatchObject({
      item: { status: "done", progress: 100 },
      artifacts: [{ path: expect.stringMatching(/\.wav$/) }, { path: expect.stringMatching(/\.log$/) }],
    });
    expect(await run("list", "--source", "redis")).toMatchObject({ total: 2 });
    expect(await run("verify")).toMatchObject({ checked: 2, inSync: 2 });
  });

  it("continues after a crash", () => {
    const root = join(project.path, "crashed");
    mkdirSync(root);
    const claim = { claim_id: "of a process that was killed", claimed_until: 1_700_000_030 };
    const left = record("alice", "t1", { status: "running", updated_at: 1_700_000_000, ...claim });
    writeFileSync(join(root, "voice_task.jsonl"), `${JSON.stringify(left)}\n`);
    expect(serve(root, [])).toEqual([{ user_id: "alice", task_id: "t1", status: "succeeded" }]);
    expect(readFileSync(join(root, "output/alice/t1/t1.wav")).subarray(0, 4).toString()).toBe("RIFF");
  });
});
