import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { systemClock, within } from "../src/clock.ts";
import { TestClock } from "./helpers/clock.ts";

it("is the only source of time in src", () => {
  const files = readdirSync("src", { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  const time = /\b(setTimeout|setInterval|Date\.now|performance)\(|performance\.|timers"/;
  const others = files.filter((name) => time.test(readFileSync(join("src", name), "utf8")));
  expect(others).toEqual(["clock.ts", "http/routes/changes.ts"]); // a socket's own limit
});

it("ends a pause with its signal, also one that was aborted before", async () => {
  const stop = new AbortController();
  const pauses = [systemClock, new TestClock({ longest: 0 })].map((clock) => clock.sleep(1e8, stop.signal));
  stop.abort();
  await Promise.all([...pauses, systemClock.sleep(1e8, stop.signal)]);
});

it("gives up on work that takes longer, and keeps its result or error if it doesn't", async () => {
  const clock = new TestClock({ longest: 0 });
  const never = within(clock, 1000, new Promise<string>(() => {}), () => "late");
  await clock.advance(1);
  expect(await never).toBe("late");
  expect(await within(clock, 1000, Promise.resolve("done"), () => "late")).toBe("done");
  await expect(within(clock, 1000, Promise.reject(new Error("no")), () => "late")).rejects.toThrow("no");
});

it("of tests jumps over pauses in their order, and not to the end of those in the background", async () => {
  const clock = new TestClock();
  const ended: number[] = [];
  const pauses = [3, 1, 2].map((days) => clock.sleep(days * 86_400_000).then(() => ended.push(days)));
  void clock.sleep(4 * 86_400_000, undefined, true).then(() => ended.push(4));
  await Promise.all(pauses);
  expect(ended).toEqual([1, 2, 3]);
  expect(Math.round(clock.jumped / 86_400)).toBe(3);
});
