import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import type { Mirror } from "../../../src/store/redis/mirror.ts";
import { connectMirror } from "../../helpers/doubles.ts";
import { RedisServer } from "../../helpers/redis.ts";

/** One Redis for the tests of a file, empty for each, and a mirror over it. */
export function useMirror(): { server: RedisServer; mirror: Mirror } {
  const here = {} as { server: RedisServer; mirror: Mirror };
  beforeAll(async () => {
    here.server = await RedisServer.start();
  });
  afterAll(() => here.server.remove());
  beforeEach(async () => {
    await here.server.call("FLUSHALL");
    here.mirror = await connectMirror(here.server);
  });
  afterEach(() => here.mirror.close());
  return here;
}
