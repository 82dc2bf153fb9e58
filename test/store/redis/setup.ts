import { afterAll, afterEach, beforeAll, beforeEach, expect } from "vitest";
import { TtsctlError } from "../../../src/errors.ts";
import type { Mirror } from "../../../src/store/redis/mirror.ts";
import type { Writable } from "../../../src/store/writable.ts";
import { type RedisCluster, sharedCluster } from "../../helpers/cluster.ts";
import { connectMirror } from "../../helpers/doubles.ts";
import { RedisServer } from "../../helpers/redis.ts";

/** What the mirror's promises are kept on. */
export const KINDS = ["one node", "a cluster"] as const;
type Kind = (typeof KINDS)[number];
type Server = RedisServer | RedisCluster;

/** One Redis for the tests of a block, empty for each, and a mirror over it. */
export function useMirror(kind: Kind = "one node"): { server: Server; mirror: Writable<Mirror> } {
  const here = {} as { server: Server; mirror: Writable<Mirror> };
  beforeAll(async () => {
    here.server = kind === "one node" ? await RedisServer.start() : await sharedCluster();
  });
  afterAll(async () => {
    if (kind === "one node") await here.server.remove();
  });
  beforeEach(async () => {
    await here.server.call("FLUSHALL");
    here.mirror = await connectMirror(here.server);
  });
  afterEach(() => here.mirror.close());
  return here;
}

/** Ends what a test began, last first. */
export function useEnds(): (() => Promise<void> | void)[] {
  const ends: (() => Promise<void> | void)[] = [];
  afterEach(async () => {
    for (const end of ends.splice(0).reverse()) await end();
  });
  return ends;
}

/** What it fails with, in one line, and that it did so in time. @param withinMs milliseconds */
export async function failureOf(work: () => Promise<unknown>, withinMs: number): Promise<TtsctlError> {
  const began = performance.now();
  const error = await work().then(
    (value) => new Error(`it went well: ${JSON.stringify(value)}`),
    (thrown) => thrown,
  );
  expect(error).toBeInstanceOf(TtsctlError);
  expect(performance.now() - began).toBeLessThan(withinMs);
  expect(error.message).not.toMatch(/\n/);
  return error;
}
