import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatUtc, isEpochInRange, TimeReader, toMicros, Zone } from "../../src/task/time.ts";
import { LONG } from "../helpers/long.ts";
import { askPython, runs } from "../helpers/python.ts";
import { SEED } from "../helpers/seed.ts";
import { awareTime, epochSeconds, naiveTime } from "./iso-text.ts";

const ZONES = [
  "Asia/Shanghai",
  "America/New_York",
  "Europe/Berlin",
  "Australia/Lord_Howe", // half an hour of daylight saving
  "Asia/Kathmandu",
  "Europe/Dublin", // its daylight saving is negative, in winter
  "America/St_Johns", // changes at 00:01
  "Pacific/Apia", // a whole day is missing
  "UTC",
];

const SCRIPT = new URL("times.py", import.meta.url);
type ByZone<T> = Record<string, T[]>;

const utc = new TimeReader(new Zone("UTC"));
const readers = new Map(ZONES.map((name) => [name, new TimeReader(new Zone(name))]));

/** The differing texts, for the failure message. */
function differences(reader: TimeReader, pairs: readonly (readonly [text: string, expected: number])[]) {
  return pairs.flatMap(([text, expected]) => {
    const found = reader.parse(text);
    return Object.is(found, expected) ? [] : [{ text, found, expected }];
  });
}

describe("against Python's datetime, exactly equal", { tags: ["slow"] }, () => {
  test("times with an offset or Z", () => {
    const aware = fc.sample(awareTime, 5000);
    const answer = askPython<{ aware: number[] }>(SCRIPT, { aware });
    const pairs = aware.map((text, i) => [text, answer.aware[i]!] as const);
    expect(differences(utc, pairs)).toEqual([]);
    // The zone of the service does not matter to them.
    expect(differences(readers.get("Pacific/Apia")!, pairs)).toEqual([]);
  });

  test("naive times in every zone, years 1 to 9999, as a naive datetime and as one with a ZoneInfo", () => {
    const naive = fc.sample(naiveTime, 1500);
    const answer = askPython<{ naive: ByZone<number | null>; zoned: ByZone<number> }>(SCRIPT, { naive, zones: ZONES });
    for (const [name, reader] of readers) {
      const pairs = (answers: (number | null)[]) => naive.map((text, i) => [text, answers[i]!] as const);
      // Python refuses a naive time within a day of its first and last year.
      const asNaive = pairs(answer.naive[name]!).filter(([, expected]) => expected !== null);
      expect(asNaive.length).toBeGreaterThan(1400);
      expect(differences(reader, asNaive), name).toEqual([]);
      // With a tzinfo Python divides whole microseconds, which shows in the last bit within hours of the epoch.
      const asZoned = pairs(answer.zoned[name]!).filter(([, expected]) => Math.abs(expected) > 2 ** 15);
      expect(differences(reader, asZoned), name).toEqual([]);
    }
  });

  test("naive times in and beside every gap and overlap of many years", () => {
    const question = { zones: ZONES, transitions: LONG ? [1840, 2100] : [1940, 2000], seed: SEED };
    const { transitions } = askPython<{ transitions: ByZone<[string, number]> }>(SCRIPT, question);
    for (const [name, reader] of readers) expect(differences(reader, transitions[name]!), name).toEqual([]);
    expect(transitions["America/New_York"]!.length).toBeGreaterThan(LONG ? 5000 : 1000);
    expect(transitions["Pacific/Apia"]!.length).toBeGreaterThan(LONG ? 100 : 5);
  });

  test("formatUtc is isoformat() of fromtimestamp(x, utc), and is read back as the same instant", () => {
    const epochs = fc.sample(epochSeconds, 5000);
    const { formatted } = askPython<{ formatted: string[] }>(SCRIPT, { epochs });
    expect(epochs.map(formatUtc)).toEqual(formatted);
    // From 2106 on a double is coarser than half a microsecond.
    const near = epochs.filter((epoch) => Math.abs(epoch) < 2 ** 32);
    expect(near.map((epoch) => toMicros(utc.parse(formatUtc(epoch))))).toEqual(near.map(toMicros));
  });
});

test.each<[string, number]>([
  ["2000-02-29", 951_782_400],
  ["2024-02-29T12:34:56.1234569", 1_709_210_096.123_456], // as Python drops the digits after the sixth
])("%s is %d", (text, epoch) => {
  expect(utc.parse(text)).toBe(epoch);
});

test.each([
  "",
  "1900-02-29T00:00:00",
  "2024-04-31T00:00:00",
  "2024-00-01T00:00:00",
  "2024-13-01T00:00:00",
  "2024-01-32T00:00:00",
  "0000-01-01T00:00:00",
  "-2024-01-01T00:00:00",
  "2024-01-01T24:00:00",
  "2024-01-01T23:60:00",
  "2024-01-01T23:59:60",
  "2024-01-01T12:30",
  "2024-01-01T12:30:15z",
  "2024-01-01T12:30:15+08:60",
  "2024-01-01T12:30:15+24:00",
  "2024-01-01T12:30:15+08:00:60",
  "2024-001T12:30:15",
  "２０２４-01-01T12:30:15",
])("%j isn't a time", (text) => {
  expect(utc.parse(text)).toBeNaN();
  // A refusal leaves nothing behind in the reader, which is reused.
  expect(utc.parse("1970-01-01T00:00:01")).toBe(1);
});

test("no text cut or changed in one place reads as a time of other than its own characters", () => {
  const change = fc.tuple(fc.nat(40), fc.constantFrom("", "0", "9", ":", "-", "+", "T", "Z", ".", " ", "x", "\u0660"));
  const changed = fc.tuple(fc.oneof(naiveTime, awareTime), change).map(([text, [at, by]]) => {
    const place = at % text.length;
    return text.slice(0, place) + by + text.slice(place + 1);
  });
  const shape =
    /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d(?::?\d\d(?::?\d\d(?:\.\d+)?)?)?)?|(?:Z|[+-]\d\d(?::?\d\d(?::?\d\d(?:\.\d+)?)?)?))?$/;
  fc.assert(
    fc.property(changed, (text) => {
      if (!shape.test(text)) expect(utc.parse(text)).toBeNaN();
    }),
    { numRuns: runs(3000) },
  );
});

test("the range is that of Python's datetime", () => {
  const inside = ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"].map((text) => utc.parse(text));
  expect(inside.map(isEpochInRange)).toEqual([true, true]);
  expect([inside[0]! - 1, inside[1]! + 1, Number.NaN, Infinity, -Infinity].some(isEpochInRange)).toBe(false);
});

test.each(["Mars/Olympus", "", "Asia/", "Shanghai"])("%j isn't a zone", (name) => {
  expect(() => new Zone(name)).toThrow(RangeError);
});

test.each([
  ["1.5", 1.5],
  [" 1e3 ", 1000],
  ["253402300800", Number.NaN],
  ["", Number.NaN],
])("a time field %j is %d", (text, epoch) => {
  expect(utc.epochOf(text)).toBe(epoch);
});
