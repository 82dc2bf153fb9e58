import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { beforeEach, expect, it } from "vitest";
import { loadSettings } from "../../src/config/load.ts";
import { createApp } from "../../src/http/app.ts";
import type { ServerParts } from "../../src/http/parts.ts";
import { record } from "../helpers/records.ts";
import { useServer } from "./setup.ts";

const here = useServer();
beforeEach(() => here.root.writeStore([record("alice", "t01"), record("alice", "t02", { status: "running" })]));

type Description = {
  paths: Record<string, Record<string, { operationId: string; responses: Record<string, unknown> }>>;
  components: object;
};

it("the description is valid, and names every route and no other", async () => {
  const server = await here.serve("--read-only");
  const description = (await server.json("/openapi.json")) as Description;
  const checked = await new Validator().validate(structuredClone(description));
  expect(checked.errors).toBeUndefined();
  expect(checked.valid).toBe(true);
  const described = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const ids = Object.values(description.paths).flatMap((methods) =>
    Object.values(methods).map(({ operationId }) => operationId),
  );
  expect(new Set(ids).size).toBe(described.length);
  const settings = await loadSettings({ flags: {}, env: {}, cwd: "/" });
  const run = { signal: new AbortController().signal, onRelease: () => {} };
  const app = createApp({ pageFolder: "", settings, run } as unknown as ServerParts);
  const routes = app.routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => {
      return `${method} ${path.replaceAll(/:(\w+)(\{[^}]*\})?/g, "{$1}")}`;
    });
  expect(described.sort()).toEqual([...new Set(routes)].sort());
});

it("its schemas match the responses", async () => {
  here.root.write("output/alice/t01/t01.wav", "RIFF");
  here.root.write("Logs/20260101/08/t01.log", "a line\n");
  const server = await here.serve("--no-cleanup");
  const description = (await server.json("/openapi.json")) as Description;
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addSchema({ $id: "api", ...description });
  const check = async (path: string, schema: string, options?: RequestInit) => {
    const validate = ajv.getSchema(`api#/components/schemas/${schema}`)!;
    const body = await server.json(path, options);
    validate(body);
    expect([path, validate.errors]).toEqual([path, null]);
  };
  await check("/voice-tasks", "TaskPage");
  await check("/voice-tasks?user_id=alice&task_ids=t01,zz", "TaskPage");
  await check("/voice-tasks/t01?user_id=alice", "Task");
  await check("/voice-tasks/t01/files?user_id=alice", "TaskFiles");
  await check("/voice-tasks/t01/users", "TaskUsers");
  const tasks = {
    body: '{"tasks":[{"user_id":"alice","task_id":"t01"}]}',
    headers: { "content-type": "application/json" },
  };
  await check("/voice-tasks/audio", "TasksAudio", { method: "POST", ...tasks });
  await check("/voice-tasks/t01/logs?user_id=alice", "TaskLogs");
  await check("/stats", "Stats");
  await check("/stats?disk=false&user_id=alice", "Stats");
  await check("/stats/health", "StatsHealth");
  await check("/stats/chart", "StatsChart");
  await check("/stats/chart?span=30d&user_id=alice", "StatsChart");
  await check("/stats/users?search=AL", "StatsUsers");
  await check("/healthz", "Health");
  await check("/voice-tasks?page=0", "Problem");
  await check("/nothing", "Problem");
  await check("/voice-tasks/t02?user_id=alice", "Problem", { method: "DELETE" });
  await check("/voice-tasks/t01?user_id=alice", "Deletion", { method: "DELETE" });
});

it("metrics are valid for Prometheus, by route and not by id", async () => {
  const server = await here.serve("--read-only");
  for (const path of ["/voice-tasks", "/voice-tasks/t01?user_id=alice", "/voice-tasks/t02?user_id=alice", "/nothing"]) {
    await server.fetch(path);
  }
  const answer = await server.fetch("/metrics");
  expect(answer.headers.get("content-type")).toMatch(/^text\/plain; version=0.0.4/);
  const text = await answer.text();
  expect(text).toContain('ttsctl_http_requests_total{method="GET",route="/voice-tasks/:task_id",status="200"} 2');
  expect(text).toContain('ttsctl_http_requests_total{method="GET",route="other",status="404"} 1');
  expect(text).toMatch(/^ttsctl_redis_up 1$/m);
  expect(text).not.toMatch(/alice|t01/);
});
