import fc from "fast-check";
import { expect, it } from "vitest";
import { buildListQuery, readQueryBody } from "../../src/app/list-query.ts";
import { pageJson } from "../../src/render/item.ts";
import { FileStore } from "../../src/store/file/file-store.ts";
import { redisLink } from "../../src/store/mirror-link.ts";
import { TaskStore } from "../../src/store/task-store.ts";
import { BODY_NAMES, fieldOf, QUERY_PARTS, SORTS } from "../../src/task/query-fields.ts";
import { TestClock } from "../helpers/clock.ts";
import { connectMirror } from "../helpers/doubles.ts";
import { LONG } from "../helpers/long.ts";
import "../helpers/python.ts";
import { RULES, record } from "../helpers/records.ts";
import type { RecordJson } from "../helpers/root.ts";
import { useServer } from "./setup.ts";

const here = useServer();
const USERS = ["alice", "bob", "小雨", "a b&c=d", "%41+x"];
const WORDS = ["queued", "running", "succeeded", "failed", "Done ", "odd"];
const QUERIES = LONG ? 500 : 100;
/** The lists that filter by a field of the record. */
const BY_FIELD = QUERY_PARTS.map(fieldOf).filter(({ record }) => record !== undefined);
const TEXTS = ["a", "b", null];

/** Ids that a URL must carry whole, times that tie, words of the service. */
function someRecords(): RecordJson[] {
  return Array.from({ length: 120 }, (_, i) => {
    const updated_at =
      i % 7 === 0 ? 1_700_000_000 + (i % 3) : new Date(1_700_000_000_000 + (i % 40) * 60_000).toISOString();
    const task = i % 11 === 0 ? `t ${i}/?#%` : `t${String(i).padStart(3, "0")}`;
    return record(USERS[i % USERS.length]!, task, {
      status: WORDS[i % WORDS.length]!,
      updated_at,
      top_p: 1,
      text: `"${i}"\n`,
      ...Object.fromEntries(BY_FIELD.map(({ record: field }) => [field, TEXTS[i % TEXTS.length]])),
    });
  });
}

const sometimes = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null, freq: 2 });
const body = fc
  .record({
    page: sometimes(fc.integer({ min: 1, max: 5 })),
    page_size: sometimes(fc.constantFrom(1, 3, 20, 1000)),
    user_id: sometimes(fc.constantFrom(...USERS, "nobody")),
    task_ids: sometimes(fc.array(fc.nat(130), { maxLength: 6 })),
    status: sometimes(fc.array(fc.constantFrom("wait", "run", "done", "error", "queued"), { maxLength: 2 })),
    since: sometimes(fc.constantFrom("2023-11-14T22:20:00", "2023-11-14T22:13:21Z", "2023-11-14T22:33:20.5Z")),
    until: sometimes(fc.constantFrom("2023-11-14T22:40:00Z", "2023-11-14T22:33:21Z")),
    search: sometimes(fc.constantFrom("T0", '"1', "ALICE", "\u96e8", "none")),
    sort: sometimes(fc.constantFrom(...SORTS)),
    ...Object.fromEntries(
      BY_FIELD.map(({ key }) => [key, sometimes(fc.array(fc.constantFrom("a", "b", "none"), { maxLength: 2 }))]),
    ),
  })
  .map(({ task_ids, ...rest }) => ({
    ...rest,
    // Ids are asked for with their user alone, and in a URL those without commas and spaces.
    task_ids:
      rest.user_id === null || rest.sort !== null || task_ids === null
        ? null
        : task_ids.map((i) => `t${String(i).padStart(3, "0")}`),
  }));

function urlOf(query: Record<string, unknown>): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === null || (Array.isArray(value) && value.length === 0)) continue;
    params.set(name, Array.isArray(value) ? value.join(", ") : String(value));
  }
  return `/voice-tasks?${params}`;
}

it("lists are byte for byte those of the command line: by GET and by POST, from Redis and from the file", {
  timeout: 300_000,
}, async () => {
  here.root.writeStore(someRecords());
  const server = await here.serve("--no-cleanup");
  await server.run.says(/120 tasks from the file to Redis/);
  const clock = new TestClock();
  const mirror = await connectMirror(here.server);
  const link = { kind: "redis" as "redis" | "file" };
  const file = new FileStore(here.root.store, RULES, clock);
  /** What `ttsctl query -o json` prints: its own functions, one after the other. */
  const printed = async (query: object) => {
    const state = redisLink(link.kind === "redis" ? async () => mirror : null);
    const checking = { names: BODY_NAMES, rules: RULES, now: clock.now() };
    const asked = buildListQuery(readQueryBody(query as Record<string, unknown>, "a test"), "auto", checking);
    return pageJson(await new TaskStore(file, state).list(asked));
  };
  const compare = async (query: Record<string, unknown>) => {
    const expected = await printed(query);
    expect(await (await server.post("/voice-tasks/query", query)).text()).toBe(expected);
    expect(await (await server.fetch(urlOf(query))).text()).toBe(expected);
  };
  const sameAsBinary = async (query: object) => {
    const flags = link.kind === "redis" ? [] : ["--no-redis"];
    expect(await printed(query)).toBe(
      (await here.runArgs(["query", JSON.stringify(query), "-o", "json", ...flags])).stdout,
    );
  };
  for (const kind of ["redis", "file"] as const) {
    if (kind === "file") {
      link.kind = "file";
      mirror.close();
      await here.server.stop();
      await server.run.says(/reads use the store file/);
    }
    await fc.assert(fc.asyncProperty(body, compare), { numRuns: QUERIES });
    for (const query of fc.sample(body, 3)) await sameAsBinary(query);
  }
  await here.server.start();
});
