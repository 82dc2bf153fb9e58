import { describe, expect, it } from "vitest";
import { openTaskStore, type TtsctlError } from "../../src/library/index.ts";
import type { StoreOptions, TaskStore } from "../../src/library/types.ts";
import { useLibrary } from "./setup.ts";

const here = useLibrary();

/** A call with arguments that the types refuse, as a program in JavaScript makes it. */
type Call = (store: Record<string, (...args: unknown[]) => Promise<unknown>>) => Promise<unknown>;

describe("a wrong argument", () => {
  it.each<[string, Call, RegExp]>([
    ["listPage(null)", (store) => store.listPage!(null), /query.*object/],
    ["listByIds() with a page", (store) => store.listByIds!("alice", ["t"], { page: 1 }), /"page"/],
    ["listByIds() of none with a page", (store) => store.listByIds!("alice", [], { page: 1 }), /"page"/],
    ["an order", (store) => store.listPage!({ sort: "user" }), /unknown option "sort"/],
    ["a search", (store) => store.listByIds!("alice", ["t1"], { search: "x" }), /unknown option "search"/],
    ["a status that is text", (store) => store.listPage!({ status: "done" }), /status.*array/],
    ["a userId that isn't text", (store) => store.listPage!({ userId: 5 }), /userId.*string/],
    ["a since that isn't a date", (store) => store.listPage!({ since: new Date(Number.NaN) }), /since.*Date/],
    ["a since in milliseconds", (store) => store.listPage!({ since: 1_795_593_600_000 }), /since.*seconds/],
    ["ids that are numbers", (store) => store.listByIds!("alice", [1]), /taskIds.*array/],
    ["ids without a user", (store) => store.listByIds!(undefined, ["t1"]), /userId.*string/],
    ["a filter that is null", (store) => store.listByIds!("alice", ["t1"], null), /query.*object/],
    ["get() without a task", (store) => store.get!("alice"), /taskId.*string/],
    ["get() with an unknown option", (store) => store.get!("alice", "t1", { from: "redis" }), /"from"/],
    ["delete() of a number", (store) => store.delete!("alice", 5), /taskId.*string/],
    ["startCleanup(null)", (store) => store.startCleanup!(null), /options.*object/],
    ["an unknown option of startCleanup", (store) => store.startCleanup!({ onPas: () => {} }), /"onPas"/],
  ])("is refused with what is accepted: %s", async (_, call, message) => {
    const store = (await here.open()) as unknown as Parameters<Call>[0];
    const refused = (await call(store).catch((error) => error)) as TtsctlError;
    expect(refused.code).toBe("USAGE");
    expect(`${refused.message}; ${refused.hint}`).toMatch(message);
    expect(refused.hint).toContain("accepted: ");
  });

  it.each<[unknown, RegExp]>([
    [undefined, /options.*object/],
    [null, /options.*object/],
    ["voice_task.json", /options.*object/],
    [{ store: "x", logger: {} }, /logger.*info/],
    [{ store: "x", logger: "console" }, /logger.*info/],
  ])("of openTaskStore is refused: %j", async (options, message) => {
    const refused = openTaskStore(options as StoreOptions);
    await expect(refused).rejects.toMatchObject({ code: "USAGE", message: expect.stringMatching(message) });
  });
});

describe("messages", () => {
  const hintOf = async (call: (store: TaskStore) => Promise<unknown>, options: Partial<StoreOptions>) => {
    const error = (await call(await here.open(options)).catch((error) => error)) as TtsctlError;
    return [error.code, `${error.message} ${error.hint}`] as const;
  };

  it("name options of the library, not flags", async () => {
    const missing = await openTaskStore({ config: here.root.at("none.ini") }).catch((error) => error);
    expect(missing).toMatchObject({
      code: "CONFIG_NOT_FOUND",
      message: expect.stringContaining("openTaskStore config"),
    });
    const empty = await openTaskStore({ config: "" }).catch((error) => error);
    expect(empty).toMatchObject({ code: "CONFIG_INVALID", message: expect.stringContaining("openTaskStore config") });
    const [off, offHint] = await hintOf((store) => store.listPage({ source: "redis" }), { redis: "off" });
    const [down, downHint] = await hintOf((store) => store.get("a", "t", { source: "redis" }), { redis: { port: 1 } });
    const [folder, folderHint] = await hintOf((store) => store.listPage({ source: "file" }), { store: here.root.path });
    const { problem } = await (await here.open({ redis: "off" })).syncToRedis();
    expect(problem).toMatchObject({ code: "REDIS_DISABLED", hint: expect.not.stringContaining("--no-redis") });
    expect([off, down, folder]).toEqual(["REDIS_DISABLED", "REDIS_UNAVAILABLE", "STORE_UNREADABLE"]);
    for (const text of [missing.message, empty.message, offHint, downHint, folderHint]) {
      expect(text).not.toMatch(/(^|\s)--[a-z]/);
      expect(text).not.toContain("REDIS_HOST");
    }
    expect(offHint).toContain("openTaskStore the address of Redis");
  });
});
