import { beforeEach, describe, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { useSite } from "./setup.ts";

const here = useSite();
const KEY = "tts:task:a:b:c";
/** A user id with a colon, whose Redis key equals another task's: an invalid record. */
const invalid = record("a:b", "c");

beforeEach(async () => {
  const { site } = here;
  const young = record("a", "t1", { updated_at: ago(60) });
  await site.writeBoth(young);
  site.root.writeStore([young, invalid]);
  const { user_id, task_id, status, created_at, updated_at } = invalid as Record<string, string>;
  const fields = { user_id, task_id, status, created_at, updated_at, error: "", payload: JSON.stringify(invalid) };
  await site.server.call("HSET", KEY, ...Object.entries(fields).flat().map(String));
  await site.server.call("ZADD", "tts:tasks:index", "1577865605.250001", "a:b:c");
  await site.server.call("ZADD", "tts:user:a:b:index", "1577865605.250001", "c");
});

describe("Redis's copy of an invalid record under the name of another task", () => {
  const run = {
    "sync --prune": () => here.site.sync({ prune: true, maxDelete: null }),
    cleanup: () => here.site.cleanup(),
    "verify --repair --prune": () => here.site.repair({ prune: true, maxDelete: null }),
    "verify --repair --restore": () => here.site.repair({ restore: true }),
  };

  it.each(Object.entries(run))("%s leaves it, and the file, as they are", async (_, command) => {
    const { site } = here;
    const text = site.root.storeText();
    await command();
    expect(await site.server.call("EXISTS", KEY)).toBe(1);
    expect(await site.server.call("ZSCORE", "tts:tasks:index", "a:b:c")).not.toBeNull();
    expect(await site.server.call("ZCARD", "tts:user:a:b:index")).toBe(1);
    expect(site.root.storeText()).toBe(text);
  });

  it("is a separate task once the record is gone", async () => {
    const { site } = here;
    site.root.writeStore([record("a", "t1", { updated_at: ago(60) })]);
    expect(await site.sync({ prune: true, maxDelete: null })).toMatchObject({ orphans: 1, pruned: 1 });
    expect(await site.server.call("EXISTS", KEY)).toBe(0);
  });
});
