import { describe, expect, it } from "vitest";
import { ago, record } from "../helpers/records.ts";
import { useSite } from "./setup.ts";

const here = useSite();
const DAY = 86_400;

describe("stuck tasks in a cleanup", () => {
  const stuck = record("alice", "stuck", { status: "running", updated_at: ago(2 * DAY + 60) });
  const waiting = record("bob", "waiting", { status: "queued", updated_at: ago(3 * DAY + 60) });
  const fresh = record("alice", "fresh", { status: "running", updated_at: ago(60) });

  it("are counted and kept, in one line with the oldest and the command that marks them", async () => {
    const { site } = here;
    await site.writeBoth(stuck, waiting, fresh);
    const { result } = await site.cleanup();
    expect(result).toMatchObject({ purged: 0, stuck: 2 });
    expect(site.reporter.text).toMatch(
      /2 tasks are stuck, the oldest bob:waiting \(wait for 3d\); .*ttsctl mark --stuck --to error$/,
    );
    expect(site.root.readStore()).toHaveLength(3);
  });

  it("are not reported if the setting is off", async () => {
    const { site } = here;
    await site.writeBoth(stuck);
    expect((await site.cleanup({ stuckAfter: 0 })).result.stuck).toBe(0);
    expect((await site.cleanup({ stuckAfter: 3 * DAY })).result.stuck).toBe(0);
    expect(site.reporter.text).not.toContain("stuck");
  });

  it("are not those that moved on in Redis", async () => {
    const { site } = here;
    site.root.writeStore([stuck, waiting]);
    await site.writeRedis({ ...stuck, status: "succeeded", updated_at: ago(5) });
    expect((await site.cleanup()).result.stuck).toBe(1);
    expect(site.reporter.text).not.toContain("alice:stuck");
  });

  it("are those too that have an invalid record beside the valid one", async () => {
    const { site } = here;
    site.root.writeStore([{ ...stuck, updated_at: "soon" }, stuck]);
    expect((await site.cleanup()).result.stuck).toBe(1);
  });

  it("are found without Redis, and when it is lost", async () => {
    const { site } = here;
    await site.writeBoth(stuck);
    site.flaky.goDown((method) => method === "copies");
    expect((await site.cleanup()).result.stuck).toBe(1);
  });
});
