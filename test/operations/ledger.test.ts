import { beforeEach, describe, expect, it } from "vitest";
import { TtsctlError } from "../../src/errors.ts";
import { BATCH } from "../../src/store/redis/copies.ts";
import { RecordingLedger } from "../helpers/doubles.ts";
import { ago, record } from "../helpers/records.ts";
import { useSite } from "./setup.ts";

const here = useSite();
let ledger: RecordingLedger;
beforeEach(() => {
  ledger = new RecordingLedger();
  here.site.ledger = ledger;
});

const names = () => ledger.announced.map(({ name }) => name).sort();

describe("the ledger of a purge", () => {
  it("records each task before any deletion", async () => {
    const { site } = here;
    const tasks = [record("a", "t1"), record("a", "t2")];
    await site.writeBoth(...tasks);
    await site.writeRedis(record("a", "mirrored"));
    site.root.writeArtifacts(tasks);
    ledger.onAnnounce = async (announced) => {
      for (const name of announced) {
        expect(await site.server.call("EXISTS", `tts:task:${name}`)).toBe(1);
        if (name !== "a:mirrored") expect(site.root.has(`output/${name.replace(":", "/")}`)).toBe(true);
      }
      expect(site.root.readStore()).toHaveLength(2);
    };
    expect((await site.cleanup()).result).toMatchObject({ purged: 3 });
    expect(names()).toEqual(["a:mirrored", "a:t1", "a:t2"]);
    expect(ledger.announced.every(({ action, reason }) => action === "purge" && reason === "expired")).toBe(true);
    expect(ledger.stays).toEqual([]);
  });

  it("records a task that changed just before the rewrite, and one whose outcome is unknown", async () => {
    const { site } = here;
    await site.writeBoth(record("a", "t1"), record("a", "t2"));
    site.flaky.afterCall(async (method) => {
      if (method === "remove") await site.serviceWrites(record("a", "t2", { status: "queued", updated_at: ago(1) }));
    });
    await site.cleanup();
    expect(ledger.stays).toEqual(["a:t2"]);
    await site.writeBoth(record("b", "t3"));
    site.flaky.goDown((method) => method === "remove");
    await site.cleanup();
    expect(ledger.stays).toEqual(["a:t2", "b:t3"]);
  });

  it("if it fails in the middle: announced tasks are finished, the rest is unchanged", async () => {
    const { site } = here;
    const all = Array.from({ length: 700 }, (_, i) => record("a", `t${i}`));
    await site.writeBoth(...all);
    site.root.writeArtifacts(all);
    let batch = 0;
    ledger.onAnnounce = () => {
      if (++batch === 2) throw new TtsctlError("AUDIT_FAILED", "the disk is full");
    };
    expect(await site.cleanup()).toMatchObject({ problem: { code: "AUDIT_FAILED" }, result: { purged: BATCH } });
    const left = site.root.readStore().map(({ task_id }) => String(task_id));
    const recorded = new Set(names());
    expect(recorded.size).toBe(BATCH);
    expect(left.filter((id) => recorded.has(`a:${id}`))).toEqual([]);
    expect(left).toHaveLength(700 - BATCH);
    for (const id of left) expect(site.root.has(`output/a/${id}/${id}.wav`)).toBe(true);
    expect(await site.server.call("ZCARD", "tts:tasks:index")).toBe(700 - BATCH);
  });
});
