import fc from "fast-check";
import { beforeEach, describe, expect, it } from "vitest";
import { FastClock } from "../helpers/clock.ts";
import { LONG } from "../helpers/long.ts";
import { runs } from "../helpers/python.ts";
import type { RecordJson } from "../helpers/root.ts";
import { type Served, useServer } from "../http/setup.ts";
import { python } from "./python.ts";

const here = useServer();
const START = 1_600_000_000;
const USERS = ["alice", "a:b", "张 三", "100%+x", "{u}"];
const QUERIES = LONG ? 300 : 60;

interface Request {
  readonly method: string;
  readonly path: string;
  readonly body?: string;
}
interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const taskId = (i: number) => (i % 9 === 0 ? `任 ${i}/+%` : `t${i}`);

/** As the service keeps them: whole seconds, many of them equal; the order of creation is another than that of changes. */
function someRecords(): RecordJson[] {
  return Array.from({ length: 130 }, (_, i) => ({
    ...{ task_id: taskId(i), user_id: USERS[i % 4], status: ["done", "wait", "run", "error", "succeeded"][i % 5] },
    ...{ progress: i, segments_done: 1, total_segments: 2, top_p: 1.5, text: `"${i}"\n`, ref_wav_path: null },
    ...(i % 3 === 0 ? {} : { result_url: `/output/u/${i}/${i}.wav` }),
    ...{ created_at: START + ((i * 37) % 50), updated_at: START + 100 + ((i * 11) % 40) },
  }));
}

const some = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined, freq: 2 });
/** Some ids are asked for twice, and some don't exist. */
const number = fc.oneof(fc.nat(140), fc.nat(9));
const user = fc.constantFrom(...USERS, "unknown", " alice ");
const ids = fc.array(
  number.map((i) => `t${i}`),
  { maxLength: 5 },
);
const paging = {
  page: some(fc.constantFrom(0, 1, 2, 3, -4, 99)),
  page_size: some(fc.constantFrom(0, 1, 7, 10, 100, 101, 5000, -1)),
};

function urlOf(params: Record<string, unknown>): string {
  const given = Object.entries(params).filter(([, value]) => value !== undefined && value !== "");
  return String(new URLSearchParams(given.map(([name, value]): [string, string] => [name, String(value)])));
}

const byUrl = fc
  .record({
    ...{ user_id: fc.option(user, { nil: undefined, freq: 8 }), ...paging },
    ids: some(ids.map((all) => all.join(", "))),
    task_ids: some(ids.map((all) => all.join(" "))),
    ...{ task_id: some(fc.nat(140).map(taskId)), _t: some(fc.nat()) },
  })
  .map((params): Request => ({ method: "GET", path: `/voice-tasks?${urlOf(params)}` }));
const byBody = fc
  .record(
    { user_id: user, ...paging, task_ids: fc.array(number.map(taskId), { maxLength: 6 }), more: fc.boolean() },
    { requiredKeys: [] },
  )
  .map((body): Request => ({ method: "POST", path: "/voice-tasks/query", body: JSON.stringify(body) }));
const one = fc.nat(140).map((i) => `/voice-tasks/${encodeURIComponent(taskId(i))}`);
const oneTask = one.map((path): Request => ({ method: "GET", path }));

async function ask(server: Served, { method, path, body }: Request): Promise<Answer> {
  const response = await (body === undefined ? server.fetch(path, { method }) : server.post(path, body));
  return { status: response.status, body: await response.json() };
}

/** The answers equal those of a model of the service. */
async function compare(server: Served, args: readonly string[], requests: readonly Request[]): Promise<void> {
  const expected: Answer[] = JSON.parse(python("tools/api_ms_http.py", [here.root.path, ...args], { input: requests }));
  for (const [i, request] of requests.entries())
    expect([request, await ask(server, request)]).toEqual([request, expected[i]]);
}

const API_MS = "--dialect api_ms --no-sync --no-cleanup";

function configure(layout: "api_ms" | "api_ms_v3"): void {
  const redis = `[redis]\nport = ${here.server.port}\nlayout = ${layout}\n`;
  here.root.write("config.ini", `${redis}[service]\ntimezone = UTC\n`);
}

beforeEach(() => configure("api_ms"));

describe.each([
  ["older versions", "api_ms", "older"],
  ["V3", "api_ms_v3", "v3"],
] as const)("beside data of %s", (_, layout, version) => {
  const args = () => ["--redis-port", String(here.server.port), "--version", version];
  beforeEach(() => {
    configure(layout);
    python("tools/api_ms_service.py", [here.root.path, ...args()], { input: someRecords() });
  });

  it("lists, queries and single tasks equal the service's responses", { timeout: 120_000 }, async () => {
    const server = await here.serve(API_MS);
    const byIds: Request = { method: "GET", path: `/voice-tasks?${urlOf({ user_id: "张 三", ids: "t2,t6" })}` };
    const others = fc.sample(fc.oneof(byUrl, byBody, oneTask), Math.max(QUERIES, runs(QUERIES)));
    await compare(server, args(), [byIds, ...others]);
  });

  it("a deletion by id responds as the service does", { timeout: 60_000 }, async () => {
    const server = await here.serve(API_MS, {}, new FastClock());
    const paths = [0, 5, 54, 777].map((i) => `/voice-tasks/${encodeURIComponent(taskId(i))}`);
    const deletions = paths.map((path): Request => ({ method: "DELETE", path }));
    await compare(server, args(), deletions);
    const reads = paths.map((path): Request => ({ method: "GET", path }));
    await compare(server, args(), [...reads, ...deletions, ...fc.sample(byUrl, 20)]);
  });
});

it("while Redis is down, tasks by their ids are those of the service without it", { timeout: 60_000 }, async () => {
  here.root.writeStore(someRecords());
  const server = await here.serve(`${API_MS} --no-redis`);
  const byIds = fc
    .record({ user_id: user, ids: some(ids.map(String)), task_id: fc.nat(140).map(taskId) })
    .map((params): Request => ({ method: "GET", path: `/voice-tasks?${urlOf(params)}` }));
  await compare(server, ["--redis-port", "0"], fc.sample(fc.oneof(byIds, oneTask), 100));
});
