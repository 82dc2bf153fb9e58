import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { SLOTS, slotOf, tagOf } from "../../../src/store/redis/slots.ts";
import { type RedisCluster, sharedCluster } from "../../helpers/cluster.ts";

let cluster: RedisCluster;
beforeAll(async () => {
  cluster = await sharedCluster();
});

it("computes the same slot for every key as the server, including braces", async () => {
  const unit = fc.constantFrom("{", "}", "a", ":", "é", "中", "😀");
  await fc.assert(
    fc.asyncProperty(fc.string({ unit }), async (key) => {
      expect(slotOf(key)).toBe(await cluster.nodes[0]!.call("CLUSTER", "KEYSLOT", key));
    }),
    { numRuns: 500, examples: [["{}a{b}"], ["{a}{b}"], ["}{a}"], ["{a"], [""], ["{{a}}"]] },
  );
});

it("has a tag for each slot", () => {
  for (const slot of [0, 1, 12_345, SLOTS - 1]) expect(slotOf(`{${tagOf(slot)}}`)).toBe(slot);
  const tags = Array.from({ length: SLOTS }, (_, slot) => tagOf(slot));
  expect(tags.every((tag, slot) => slotOf(`tts:ttsctl:synced:{${tag}}`) === slot)).toBe(true);
});
