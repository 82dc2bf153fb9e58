import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { barAt, boundsOf, SPAN_NAMES, SPANS } from "../../src/task/spans.ts";
import { formatInZone, Zone } from "../../src/task/time.ts";

const HOUR = 3600;
const ZONES = [
  ...["UTC", "Asia/Shanghai", "Europe/Berlin", "America/New_York", "America/St_Johns", "America/Havana"],
  ...["Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo", "Pacific/Apia", "Atlantic/Azores", "Africa/Cairo"],
].map((name) => new Zone(name));
const zone = fc.constantFrom(...ZONES);
const span = fc.constantFrom(...SPAN_NAMES);
const second = (iso: string) => Date.parse(iso) / 1000;
const moment = fc.oneof(
  fc.integer({ min: second("2005-01-01"), max: second("2030-01-01") }),
  fc.double({ min: second("2026-03-01"), max: second("2026-04-10"), noNaN: true }),
  fc.double({ min: second("2026-10-20"), max: second("2026-11-30"), noNaN: true }),
  // St. John's then put the clock back one minute after midnight.
  fc.integer({ min: second("2010-11-07T02:00Z"), max: second("2010-11-07T05:00Z") }),
);

describe("the bars of a chart", () => {
  it("begin at round times of the wall clock, and are an hour longer or shorter at most; Samoa once left out a day", () => {
    fc.assert(
      fc.property(fc.constantFrom("7d", "30d"), moment, zone, (span, now, zone) => {
        const { hours } = SPANS[span];
        const bounds = boundsOf(span, now, zone);
        for (const [i, from] of bounds.slice(0, -1).entries()) {
          const [, hour, minute] = /T(\d\d):(\d\d):00/.exec(formatInZone(from, zone))!;
          const isMoved = zone.offsetAt(from) !== zone.offsetAt(from - 1); // the clock skipped the round time, or showed it before
          expect(isMoved || (Number(hour) % hours === 0 && minute === "00")).toBe(true);
          const length = bounds[i + 1]! - from;
          const isSkipped = zone.name === "Pacific/Apia" && formatInZone(from, zone).startsWith("2011-12-3");
          expect(isSkipped || Math.abs(length - hours * HOUR) <= HOUR).toBe(true);
        }
      }),
    );
  });

  it("have each time in exactly one, found as a search through all finds it", () => {
    fc.assert(
      fc.property(span, moment, zone, fc.double({ min: -3, max: 33, noNaN: true }), (span, now, zone, days) => {
        const bounds = boundsOf(span, now, zone);
        const time = now - days * 24 * HOUR;
        const expected = bounds.slice(0, -1).findIndex((from, i) => time >= from && time < bounds[i + 1]!);
        expect(barAt(bounds, time)).toBe(expected);
        for (const [i, from] of bounds.slice(0, -1).entries()) {
          if (from < bounds[i + 1]!) expect(barAt(bounds, from)).toBe(i);
        }
        expect(barAt(bounds, bounds.at(-1)!)).toBe(-1);
        expect(barAt(bounds, Number.NaN)).toBe(-1);
      }),
    );
  });
});
