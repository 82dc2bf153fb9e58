import { describe, expect, it } from "vitest";
import { libraryError } from "../../src/library/arguments.ts";
import { openTaskStore, TtsctlError } from "../../src/library/index.ts";
import type { StoreOptions, TaskStore } from "../../src/library/types.ts";
import { useLibrary } from "./setup.ts";

const here = useLibrary();

/** A call with arguments that the types refuse, as a program in JavaScript makes it. */
type Call = (store: Record<string, (...args: unknown[]) => Promise<unknown>>) => Promise<unknown>;

describe("a wrong argument", () => {
  it.each<[string, Call, RegExp]>([
    ["listPage(null)", (store) => store.listPage!(null), /query.*object/],
    ["listByIds() with a page", (store) => store.listByIds!("alice", ["t"], { page: 1 }), /"page"/],
    ["an order", (store) => store.listPage!({ sort: "user" }), /unknown option "sort"/],
    ["a status that is text", (store) => store.listPage!({ status: "done" }), /status.*array/],
    ["a userId that isn't text", (store) => store.listPage!({ userId: 5 }), /userId.*string/],
    ["a since in milliseconds", (store) => store.listPage!({ since: 1_795_593_600_000 }), /since.*seconds/],
    ["ids that are numbers", (store) => store.listByIds!("alice", [1]), /taskIds.*array/],
    ["a claim that would end a task", (store) => store.claim!(["queued"], { status: "done" }), /status "done"/],
    ["a claim of the same status", (store) => store.claim!(["run"], { status: "running" }), /status "running"/],
    ["get() without a task", (store) => store.get!("alice"), /taskId.*string/],
    ["get() with an unknown option", (store) => store.get!("alice", "t1", { from: "redis" }), /"from"/],
    ["options that are an array", (store) => store.listPage!([]), /query.*object/],
    [
      "a lease without an end",
      (store) => store.claim!(["queued"], { status: "running" }, { leaseMs: 1e16 }),
      /leaseMs/,
    ],
    ["a dryRun of 0", (store) => store.cleanupOnce!({ dryRun: 0 }), /dryRun.*boolean/],
    ["an unknown option of startCleanup", (store) => store.startCleanup!({ onPas: () => {} }), /"onPas"/],
  ])("is refused with what is accepted: %s", async (_, call, message) => {
    const store = (await here.open()) as unknown as Parameters<Call>[0];
    const refused = (await call(store).catch((error) => error)) as TtsctlError;
    expect(refused.code).toBe("USAGE");
    expect(`${refused.message}; ${refused.hint}`).toMatch(message);
    expect(refused.hint).toContain("accepted: ");
  });

  it.each<[unknown, RegExp]>([
    [null, /options.*object/],
    ["voice_task.json", /options.*object/],
    [{ store: "x", logger: "console" }, /logger.*info/],
  ])("of openTaskStore is refused: %j", async (options, message) => {
    const refused = openTaskStore(options as StoreOptions);
    await expect(refused).rejects.toMatchObject({ code: "USAGE", message: expect.stringMatching(message) });
  });
});

it("messages name options of the library, not flags", async () => {
  type Reading = (store: TaskStore) => Promise<unknown>;
  const refused: [code: string, Reading, Partial<StoreOptions>][] = [
    ["CONFIG_NOT_FOUND", (store) => store.count(), { config: here.root.at("none.ini") }],
    ["CONFIG_INVALID", (store) => store.count(), { config: "" }],
    ["REDIS_DISABLED", (store) => store.listPage({ source: "redis" }), { redis: "off" }],
    ["REDIS_UNAVAILABLE", (store) => store.get("a", "t", { source: "redis" }), { redis: { port: 1 } }],
    ["STORE_UNREADABLE", (store) => store.listPage({ source: "file" }), { store: here.root.path }],
  ];
  for (const [code, read, options] of refused) {
    const error = (await here
      .open(options)
      .then(read)
      .catch((error) => error)) as TtsctlError;
    expect(error.code).toBe(code);
    expect(`${error.message} ${error.hint}`).not.toMatch(/(^|\s)--[a-z]|REDIS_HOST/);
  }
  expect(libraryError(new TtsctlError("USAGE", "a\nb\u001b"))).toMatchObject({ message: "a b\\u001b" });
  const skew = new TtsctlError("CLOCK_SKEW", "the clock jumped", { hint: "send SIGHUP" });
  expect(libraryError(skew)).toMatchObject({ code: "CLOCK_SKEW", hint: expect.not.stringContaining("SIGHUP") });
  const { problem } = await (await here.open({ redis: "off" })).syncToRedis();
  expect(problem).toMatchObject({ code: "REDIS_DISABLED", hint: expect.not.stringContaining("--no-redis") });
});
