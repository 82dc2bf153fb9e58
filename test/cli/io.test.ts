import { once } from "node:events";
import { Writable } from "node:stream";
import { expect, it } from "vitest";
import { Output } from "../../src/cli/io.ts";
import { TestClock } from "../helpers/clock.ts";

it("texts that a reader doesn't take wait until a second after the stop, however many there are", async () => {
  const stop = new AbortController();
  const output = new Output(new Writable({ highWaterMark: 1, write: () => {} })); // takes nothing
  output.hurryAfter(stop.signal, new TestClock());
  const warnings: string[] = [];
  const onWarning = ({ name }: Error) => void warnings.push(name);
  process.on("warning", onWarning);
  const writes = Array.from({ length: 20 }, (_, i) => output.write(`${i}\n`));
  const marker = once(process, "warning"); // warnings arrive in order
  process.emitWarning("the last", "Marker");
  await marker;
  process.off("warning", onWarning);
  expect(warnings).toEqual(["Marker"]);
  stop.abort();
  await Promise.all(writes);
  expect(output.isOpen).toBe(false);
});
