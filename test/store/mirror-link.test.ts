import { afterEach, beforeEach, expect, test } from "vitest";
import { RedisLink } from "../../src/store/mirror-link.ts";
import type { Mirror } from "../../src/store/redis/mirror.ts";
import { TestClock } from "../helpers/clock.ts";
import { connectMirror } from "../helpers/doubles.ts";
import { RULES } from "../helpers/records.ts";
import { RedisServer } from "../helpers/redis.ts";
import { until } from "../helpers/until.ts";

const TIMEOUT_S = 0.3;

let server: RedisServer;
let link: RedisLink;
let clock: TestClock;
let attempts: number;
/** The link's events, in order. */
let events: string[];

beforeEach(async () => {
  server = await RedisServer.start();
  [clock, attempts, events] = [new TestClock({ longest: 0 }), 0, []];
  link = new RedisLink(
    () => {
      attempts++;
      return connectMirror(server, RULES, TIMEOUT_S);
    },
    {
      onUp: (_, again) => events.push(again ? "back" : "up"),
      onDown: ({ code }) => events.push(code),
      reconnects: clock,
    },
  );
});
afterEach(async () => {
  await link.close();
  await server.remove();
});

async function mirror(): Promise<Mirror> {
  const state = await link.open();
  if (state.kind !== "on") throw new Error(`no mirror: ${state.kind}`);
  return state.mirror;
}

const isUp = async () => (await link.open()).kind === "on";

test("reconnects when the server is back, with an event for each loss and return", async () => {
  const first = await mirror();
  for (let round = 0; round < 2; round++) {
    await server.stop();
    await until(async () => !(await isUp()));
    await server.start();
    await until(async () => {
      await clock.advance(1);
      return isUp();
    });
  }
  expect(await mirror()).not.toBe(first);
  expect(await (await mirror()).size(undefined)).toBe(0);
  expect(events).toEqual(["up", "REDIS_UNAVAILABLE", "back", "REDIS_UNAVAILABLE", "back"]);
});

test("while Redis is down, callers get an answer at once, and attempts are few", async () => {
  await server.stop();
  expect(await isUp()).toBe(false);
  for (let asked = 0; asked < 5000; asked++) expect(await isUp()).toBe(false);
  expect(attempts).toBe(1);
  await clock.advance(10);
  expect([attempts, events]).toEqual([11, ["REDIS_UNAVAILABLE"]]);
});
