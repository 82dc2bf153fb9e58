import { beforeEach, describe, expect, it } from "vitest";
import { KINDS, type Kind } from "../../../src/operations/verify/classify.ts";
import type { RepairOptions, VerifyOutcome } from "../../../src/operations/verify/verify.ts";
import { ago, record } from "../../helpers/records.ts";
import { useSite } from "../setup.ts";
import { DAMAGES } from "./damage.ts";

const here = useSite();
const NONE = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<Kind, number>;

/** What a comparison counts, and whose tasks it names. */
async function verified(
  options: Pick<RepairOptions, "userId"> = {},
): Promise<{ result: VerifyOutcome["result"]; named: Record<string, string[]> }> {
  const { result, drift } = await here.site.verify(options);
  const named: Record<string, string[]> = {};
  for (const kind of KINDS) {
    const ids = [...drift.of(kind)].map(({ userId, taskId }) => `${userId}:${taskId}`).sort();
    if (ids.length > 0) named[kind] = ids;
  }
  return { result, named };
}

describe("verify", () => {
  beforeEach(async () => {
    await here.site.writeBoth(record("a", "t1"), record("a", "t2"), record("b", "t1"), record("b", "t3"));
  });

  it.each(DAMAGES.map((damage) => ({ damage, what: damage.what })))("finds $what", async ({ damage }) => {
    await damage.make(here.site, "b", "t3");
    const { result, named } = await verified();
    expect(named).toEqual({ [damage.kind]: ["b:t3"] });
    expect(result).toEqual({ ...NONE, checked: 4, inSync: 3, invalid: 0, repaired: 0, [damage.kind]: 1 });
  });
});

describe("verify beside a service", () => {
  it("does not report in-flight writes of the service as drift", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"), record("a", "t2"));
    const fresh = record("a", "t2", { updated_at: ago(0), status: "running" });
    let mirrored = false;
    site.root.writeStore([record("a", "t1"), fresh]);
    site.flaky.afterCall(async (method) => {
      if (method !== "fullCopies" || mirrored) return;
      mirrored = true;
      await site.writeRedis(fresh);
    });
    expect((await verified()).result).toMatchObject({ checked: 2, inSync: 2 });
  });

  it("reads the file again if it moved", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"));
    let written = false;
    site.flaky.onCall(async (method) => {
      if (method !== "walkKeys" || written) return;
      written = true;
      await site.serviceWrites(record("a", "new", { updated_at: ago(0) }));
    });
    expect((await verified()).result).toMatchObject({ checked: 2, inSync: 2 });
  });

  it("does not report repeated writes as drift", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"), record("a", "t2"));
    let second = 0;
    site.flaky.onCall(async (method) => {
      if (method === "fullCopies")
        await site.writeRedis(record("a", "t2", { updated_at: `2020-02-01T00:00:0${second++}` }));
    });
    site.root.write("voice_task.json", site.root.storeText());
    await site.writeRedis(record("a", "t2", { updated_at: "2020-01-31T00:00:00" }));
    expect((await verified()).result).toMatchObject({ checked: 2, inSync: 2 });
    expect(second).toBeGreaterThan(2);
  });

  it("does not report a member that the service adds after the hash", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"), record("a", "t2"));
    site.root.write("voice_task.json", site.root.storeText());
    await site.server.call("ZREM", "tts:tasks:index", "a:t2");
    site.flaky.afterCall(async (method) => {
      if (method === "sameHashes") await site.writeRedis(record("a", "t2"));
    });
    expect((await verified()).result).toMatchObject({ checked: 2, inSync: 2 });
  });

  it("reports lasting drift, although the file was just written", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"), record("a", "t2"));
    site.root.write("voice_task.json", site.root.storeText());
    await site.server.call("DEL", "tts:task:a:t2");
    expect((await verified()).named).toEqual({ dangling: ["a:t2"] });
  });
});
