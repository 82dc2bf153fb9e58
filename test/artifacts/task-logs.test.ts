import fc from "fast-check";
import { expect, it } from "vitest";
import "../helpers/python.ts";
import { useSite } from "./helpers.ts";

const site = useSite();

const LOG = "Logs/20260101/08/t1.log";
it("the last lines of a log are the same as from tail(1) for any log", async () => {
  const artifacts = await site.open();
  const line = fc.oneof(fc.constantFrom("", "语音", "\u001b[2J", "x".repeat(40_000)), fc.string({ maxLength: 5 }));
  const log = fc.array(
    line.map((text) => text.replaceAll(/[\r\n]/g, "")),
    { maxLength: 12 },
  );
  await fc.assert(
    fc.asyncProperty(log, fc.boolean(), fc.integer({ min: 1, max: 15 }), async (lines, ended, count) => {
      const text = lines.join("\n") + (ended && lines.length > 0 ? "\n" : "");
      site.write(LOG, text);
      const all = text.split("\n");
      if (all.at(-1) === "") all.pop();
      const got = (await artifacts.logsOf("t1").last(count)).flatMap((part) => part.lines);
      expect(got).toEqual(all.slice(-count));
    }),
  );
});
