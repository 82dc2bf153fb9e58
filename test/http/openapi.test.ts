import { Validator } from "@seriousme/openapi-schema-validator";
import { Ajv2020 } from "ajv/dist/2020.js";
import formats from "ajv-formats";
import { beforeEach, expect, it } from "vitest";
import { loadSettings } from "../../src/config/load.ts";
import { createApp } from "../../src/http/app.ts";
import type { ServerParts } from "../../src/http/parts.ts";
import { record } from "../helpers/records.ts";
import { type Served, useServer } from "./setup.ts";

const here = useServer();
beforeEach(() => here.root.writeStore([record("alice", "t01"), record("alice", "t02", { status: "running" })]));

const DELETE = { method: "DELETE" };

type Description = {
  paths: Record<string, Record<string, { operationId: string }>>;
};

/** The description of the server, which is valid. */
async function descriptionOf(server: Served): Promise<Description> {
  const description = (await server.json("/openapi.json")) as Description;
  expect(await new Validator().validate(structuredClone(description))).toMatchObject({ valid: true });
  return description;
}

/** Compares an answer with a schema of the description. */
async function checkerOf(server: Served) {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  formats.default(ajv);
  ajv.addSchema({ $id: "api", ...(await descriptionOf(server)) });
  return async (path: string, schema: string, options?: RequestInit) => {
    const validate = ajv.getSchema(`api#/components/schemas/${schema}`)!;
    validate(await server.json(path, options));
    expect([path, validate.errors]).toEqual([path, null]);
  };
}

it("the description is valid, and names every route and no other", async () => {
  const server = await here.serve("--read-only");
  const { paths } = await descriptionOf(server);
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, { operationId }]) => [`${method.toUpperCase()} ${path}`, operationId] as const,
    ),
  );
  expect(new Set(operations.map(([, id]) => id)).size).toBe(operations.length);
  const settings = await loadSettings({ flags: {}, env: {}, cwd: "/" });
  const run = { signal: new AbortController().signal, onRelease: () => {} };
  const app = createApp({ pageFolder: "", settings, run } as unknown as ServerParts);
  const routes = app.routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)(\{[^}]*\})?/g, "{$1}")}`);
  expect(operations.map(([name]) => name).sort()).toEqual([...new Set(routes)].sort());
});

it("its schemas match the responses", async () => {
  here.root.write("output/alice/t01/t01.wav", "RIFF");
  here.root.write("Logs/20260101/08/t01.log", "a line\n");
  const server = await here.serve("--no-cleanup");
  const check = await checkerOf(server);
  await check("/voice-tasks", "TaskPage");
  await check("/voice-tasks?user_id=alice&task_ids=t01,zz", "TaskPage");
  await check("/voice-tasks/t01?user_id=alice", "Task");
  await check("/voice-tasks/t01/files?user_id=alice", "TaskFiles");
  await check("/voice-tasks/t01/users", "TaskUsers");
  const body = '{"tasks":[{"user_id":"alice","task_id":"t01"}]}';
  const headers = { "content-type": "application/json" };
  await check("/voice-tasks/audio", "TasksAudio", { method: "POST", body, headers });
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
  await check("/voice-tasks/t02?user_id=alice", "Problem", DELETE);
  await check("/voice-tasks/t01?user_id=alice", "Deletion", DELETE);
});

it("in the dialect api_ms, too", async () => {
  const server = await here.serve("--dialect api_ms --no-sync --no-cleanup");
  const check = await checkerOf(server);
  await check("/voice-tasks?user_id=alice", "ApiMsPage");
  await check("/voice-tasks/t01", "ApiMsTask");
  await check("/voice-tasks", "ApiMsFailure");
  await check("/voice-tasks/none", "ApiMsRemoved", DELETE);
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
