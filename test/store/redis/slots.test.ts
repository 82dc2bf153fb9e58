import fc from "fast-check";
import { beforeAll, expect, it } from "vitest";
import { slotOf } from "../../../src/store/redis/slots.ts";
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
