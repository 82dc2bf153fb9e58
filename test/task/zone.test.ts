import { isMainThread } from "node:worker_threads";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { formatInZone, formatUtc, TimeReader, toMicros, Zone } from "../../src/task/time.ts";

/** What `datetime.fromisoformat(text).timestamp()` gave in these zones; `time.test.ts` asks Python for many more. */
test.each<[zone: string, text: string, epoch: number]>([
  ["America/New_York", "2024-03-10T01:59:59", 1_710_053_999],
  ["America/New_York", "2024-03-10T02:30:00", 1_710_055_800],
  ["America/New_York", "2024-03-10T03:00:00", 1_710_054_000],
  ["America/New_York", "2024-11-03T01:00:00", 1_730_610_000], // in the overlap
  ["America/New_York", "2024-11-03T02:00:00", 1_730_617_200],
  ["America/New_York", "1883-11-18T12:03:57", -2_717_650_801],
  ["Australia/Lord_Howe", "2024-04-07T01:30:00", 1_712_413_800],
  ["Australia/Lord_Howe", "2024-10-06T02:15:00", 1_728_143_100],
  ["Pacific/Apia", "2011-12-30T12:00:00", 1_325_282_400], // a day that was not
  ["Pacific/Apia", "1892-07-04T12:00:00", -2_445_467_584], // the first of two
  ["Europe/Dublin", "2024-10-27T01:30:00", 1_729_989_000],
  ["America/St_Johns", "2006-10-29T00:00:30", 1_162_089_030],
  ["Asia/Kathmandu", "0001-01-02T00:00:00", -62_135_530_876],
  ["Asia/Shanghai", "9999-12-30T00:00:00", 253_402_099_200],
])("naive times beside changes of the clock: %s %s", (zone, text, epoch) => {
  expect(new TimeReader(new Zone(zone)).parse(text)).toBe(epoch);
});

test("the offset changes at the very second, and is there before the first year too", () => {
  const newYork = new Zone("America/New_York");
  const change = 1_710_054_000;
  expect([change - 1, change, change + 1].map((at) => newYork.offsetAt(at))).toEqual([-18_000, -14_400, -14_400]);
  expect(newYork.offsetAt(-62_135_596_800)).toBe(-17_762);
  expect(newYork.toEpoch(-62_135_596_800)).toBe(-62_135_596_800 + 17_762);
});

test.each<[zone: string, epoch: number, text: string]>([
  ["UTC", 1_700_000_000, "2023-11-14T22:13:20+00:00"],
  ["Asia/Shanghai", 1_700_000_000.5, "2023-11-15T06:13:20.500000+08:00"],
  ["America/New_York", 1_700_000_000, "2023-11-14T17:13:20-05:00"],
  ["America/St_Johns", 1_700_000_000.000_001, "2023-11-14T18:43:20.000001-03:30"],
])("with the offset of %s: %d", (zone, epoch, text) => expect(formatInZone(epoch, new Zone(zone))).toBe(text));

test.each<[epoch: number, micros: number, text: string]>([
  [0, 0, "1970-01-01T00:00:00+00:00"],
  [0.000_000_5, 0, "1970-01-01T00:00:00+00:00"], // half to even, as Python rounds
  [0.000_001_5, 2, "1970-01-01T00:00:00.000002+00:00"],
  [-0.000_001_5, -2, "1969-12-31T23:59:59.999998+00:00"],
  [0.999_999_9, 1_000_000, "1970-01-01T00:00:01+00:00"],
  [-1.25, -1_250_000, "1969-12-31T23:59:58.750000+00:00"],
  [1_700_000_000.25, 1_700_000_000_250_000, "2023-11-14T22:13:20.250000+00:00"],
])("%d s are %d µs, and written as %s", (epoch, micros, text) => {
  expect([toMicros(epoch), formatUtc(epoch)]).toEqual([micros, text]);
});

/** In a thread of `npm run mutants`, TZ has no effect. */
describe.runIf(isMainThread)("the zone of this machine", () => {
  const before = process.env.TZ;
  afterEach(() => {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  });

  test("is the one that TZ names, whichever that is", () => {
    const instant = fc.oneof(
      fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }),
      fc.integer({ min: 0, max: 2 ** 31 }),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(...Intl.supportedValuesOf("timeZone")),
        fc.array(instant, { minLength: 20 }),
        (name, at) => {
          process.env.TZ = name;
          const [here, named] = [new Zone(), new Zone(name)];
          expect(here.name).toBe(name);
          expect(at.map((epoch) => here.offsetAt(epoch))).toEqual(at.map((epoch) => named.offsetAt(epoch)));
        },
      ),
      { numRuns: 300 },
    );
  });

  test("changes its clock at the very second", () => {
    process.env.TZ = "America/New_York";
    const change = 1_710_054_000;
    expect([change - 1, change, change + 1].map((at) => new Zone().offsetAt(at))).toEqual([-18_000, -14_400, -14_400]);
    expect(new Zone().toEpoch(change - 18_000 + 1800)).toBe(change + 1800);
  });
});
