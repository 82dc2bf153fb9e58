import { formatInZone, TimeReader, Zone } from "../../src/task/time.ts";

const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
] as const;

/** As an input of the type `datetime-local` gives it, with seconds. */
const NAIVE = /^\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d$/;

/** The seconds of an age such as `24h`, as the page has them; undefined for other texts. */
export function ageIn(text: string): number | undefined {
  const [, count, unit] = /^(\d+)([mhd])$/.exec(text) ?? [];
  const size = UNITS.find(([name]) => name[0] === unit)?.[1];
  return size && Number(count) * size;
}

/** Times as the service means them: naive ones are those of its zone, and "now" is the server's. */
export class ServiceClock {
  readonly #zone: Zone;
  readonly #times: TimeReader;

  /** @param zone an IANA name; one that this browser does not know counts as UTC */
  constructor(zone: string) {
    this.#zone = zoneNamed(zone);
    this.#times = new TimeReader(this.#zone);
  }

  /** Epoch seconds of a time field; NaN if invalid. */
  epochOf(text: string): number {
    return text === "" ? Number.NaN : this.#times.epochOf(text);
  }

  /** Epoch seconds of a time of a filter; NaN for none and for an invalid one. @param now epoch seconds, for ages */
  instant(text: string, now: number): number {
    const age = ageIn(text);
    return age === undefined ? this.epochOf(text) : now - age;
  }

  /** To the second, by the service's wall clock: `2026-11-25 01:07:56 +08:00`. An invalid time is kept as it is. */
  exact(text: string): string {
    const epoch = this.epochOf(text);
    if (!Number.isFinite(epoch)) return text;
    const iso = formatInZone(Math.floor(epoch), this.#zone);
    return `${iso.slice(0, 10)} ${iso.slice(11, 19)} ${iso.slice(19)}`;
  }

  /** With the offset of the service's zone. @param epoch seconds */
  iso(epoch: number): string {
    return formatInZone(Math.floor(epoch), this.#zone);
  }

  /** As an input of the type `datetime-local` has it; empty for no valid time. @param now epoch seconds, for ages */
  input(text: string, now: number): string {
    const epoch = this.instant(text, now);
    if (!Number.isFinite(epoch)) return "";
    const local = NAIVE.test(text) ? text : this.iso(epoch).slice(0, 19);
    return local.replace(/^(.{16}):00$/, "$1"); // as browsers shorten it
  }

  /** `11-25 01:07:56` in UTC or the browser's zone. An invalid time is kept as it is. */
  stamp(text: string, isUtc: boolean): string {
    const date = new Date(this.epochOf(text) * 1000);
    if (Number.isNaN(date.getTime())) return text;
    const shift = isUtc ? 0 : date.getTimezoneOffset() * 60_000;
    return new Date(date.getTime() - shift).toISOString().slice(5, 19).replace("T", " ");
  }

  /** `01:07:56` by the service's wall clock. */
  time(text: string): string {
    return this.exact(text).slice(11, 19);
  }

  /** About how long ago, in words, rounded down; an invalid time is kept as it is. @param now epoch seconds */
  ago(text: string, now: number, language: string): string {
    const epoch = this.epochOf(text);
    if (!Number.isFinite(epoch)) return text;
    const age = now - epoch;
    const [unit, size] = UNITS.find(([, size]) => Math.abs(age) >= size) ?? (["second", 1] as const);
    return new Intl.RelativeTimeFormat(language, { style: "short" }).format(-Math.trunc(age / size), unit);
  }
}

function zoneNamed(name: string): Zone {
  try {
    return new Zone(name);
  } catch {
    return new Zone("UTC");
  }
}
