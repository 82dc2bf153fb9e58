import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { LONG } from "../faults/helpers/chance.ts";
import { RedisServer } from "../helpers/redis.ts";
import { SEED } from "../helpers/seed.ts";
import { Real, type Shape } from "./machine.ts";
import { type Model, STATES, STEPS } from "./steps.ts";

let server: RedisServer;
beforeAll(async () => {
  server = await RedisServer.start();
});
afterAll(() => server.remove());

const SECONDS = Number(process.env.TTSCTL_MACHINE_SECONDS ?? (LONG ? 600 : 12));

it("file, Redis and disk are what the commands, the service and the faults make of them, whatever their order", {
  timeout: (SECONDS + 60) * 1000,
}, async () => {
  let runs = 0;
  const shapes = fc.constantFrom<Shape>("array", "map", "lines");
  const steps = fc.commands(STEPS, { maxCommands: 8, size: "max" });
  const property = fc.asyncProperty(shapes, STATES, steps, async (shape, state, steps) => {
    runs++;
    const real = await Real.lay(server, shape, state);
    const model: Model = { state: structuredClone(state), past: [], broken: null };
    await fc.asyncModelRun(() => ({ model, real }), steps).finally(() => real.root.remove());
  });
  await fc.assert(property, {
    seed: SEED,
    numRuns: 1_000_000,
    interruptAfterTimeLimit: SECONDS * 1000,
    markInterruptAsFailure: false,
  });
  expect(runs).toBeGreaterThan(3);
});
