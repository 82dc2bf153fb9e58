import { expect, it } from "vitest";
import { compareSample } from "../../../src/operations/verify/compare.ts";
import { TestClock } from "../../helpers/clock.ts";
import { ago, record } from "../../helpers/records.ts";
import { useSite } from "../setup.ts";

const here = useSite();
const counts = async () => (await here.site.verify()).result;

it("verify does not report in-flight writes of the service as drift", async () => {
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
  expect(await counts()).toMatchObject({ checked: 2, inSync: 2 });
});

it.each(["own", "shared"])("a sample doesn't count in-flight writes, only what stays; %s snapshot", async (kind) => {
  const { site } = here;
  const fresh = record("a", "t2", { updated_at: ago(0) });
  const lost = record("a", "t3", { updated_at: ago(0) });
  await site.writeBoth(record("a", "t1"));
  site.root.writeStore([record("a", "t1"), fresh, lost]);
  const clock = Object.assign(new TestClock(), { sleep: () => site.writeRedis(fresh) });
  await using snapshot = await site.file.read();
  const file = Object.assign(site.file, kind === "shared" && { read: async () => snapshot.share() });
  const { compared, counts } = await compareSample({ mirror: site.mirror, file, clock }, snapshot);
  expect([compared, ...counts]).toEqual([3, ["onlyInFile", 1]]);
});

it("verify reads the file again if it moved", async () => {
  const { site } = here;
  await site.writeBoth(record("a", "t1"));
  let written = false;
  site.flaky.onCall(async (method) => {
    if (method !== "walkKeys" || written) return;
    written = true;
    await site.serviceWrites(record("a", "new", { updated_at: ago(0) }));
  });
  expect(await counts()).toMatchObject({ checked: 2, inSync: 2 });
});

it("verify does not report repeated writes as drift", async () => {
  const { site } = here;
  await site.writeBoth(record("a", "t1"), record("a", "t2"));
  let second = 0;
  site.flaky.onCall(async (method) => {
    if (method === "fullCopies")
      await site.writeRedis(record("a", "t2", { updated_at: `2020-02-01T00:00:0${second++}` }));
  });
  site.root.write("voice_task.json", site.root.storeText());
  await site.writeRedis(record("a", "t2", { updated_at: "2020-01-31T00:00:00" }));
  expect(await counts()).toMatchObject({ checked: 2, inSync: 2 });
  expect(second).toBeGreaterThan(2);
});

it("verify does not report a member that the service adds after the hash", async () => {
  const { site } = here;
  await site.writeBoth(record("a", "t1"), record("a", "t2"));
  site.root.write("voice_task.json", site.root.storeText());
  await site.server.call("ZREM", "tts:tasks:index", "a:t2");
  site.flaky.afterCall(async (method) => {
    if (method === "fits") await site.writeRedis(record("a", "t2"));
  });
  expect(await counts()).toMatchObject({ checked: 2, inSync: 2 });
});
