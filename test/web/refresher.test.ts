import { signal } from "@preact/signals";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { Refresher } from "../../web/state/refresher.ts";

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", { hidden: false, addEventListener: () => {} });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("a change is asked for later if it can't be asked for at once", async () => {
  const answers = [true, false, false];
  let asked = 0;
  let ring = () => {};
  const refresher = new Refresher({
    ask: async () => answers[asked++] ?? true,
    listen: (rung, left) => {
      ring = rung;
      return new Promise((resolve) => left.addEventListener("abort", resolve));
    },
    seconds: signal(5),
  });
  refresher.start();
  await vi.advanceTimersByTimeAsync(5_000);
  ring();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(1);
  ring();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(asked).toBe(4);
});
