const DAY = 86_400;

/** One UTC day of a zone: an offset, or the second at which the offset changes. */
type ZoneDay = number | { at: number; before: number; after: number };

/** What the calendar and the clock on the wall show at an instant, as seconds since 1970-01-01T00:00:00 there. */
type WallClock = (epoch: number) => number;

/**
 * A time zone with its daylight saving. Turns a naive local time into epoch seconds exactly as Python's
 * `datetime.timestamp()` does: in an overlap the first of the two instants, in a gap the offset before it.
 */
export class Zone {
  #name: string | undefined;
  /** None for UTC. */
  readonly #wallClock: WallClock | null;
  readonly #days = new Map<number, ZoneDay>();

  /**
   * @param name an IANA zone, or none for that of this machine
   * @throws RangeError for a name that is not one
   */
  constructor(name?: string) {
    this.#name = name;
    this.#wallClock = name === undefined ? wallClockHere : name === "UTC" ? null : wallClockOf(name);
  }

  /** Found when it is asked for: `Intl` takes its time to load, and few ask. */
  get name(): string {
    this.#name ??= nameHere();
    return this.#name;
  }

  /** @param local seconds since 1970-01-01T00:00:00 on the wall clock. Returns epoch seconds. */
  toEpoch(local: number): number {
    const first = this.offsetAt(local);
    const guess = local - first;
    if (guess + this.offsetAt(guess) === local) {
      // One solution; in an overlap an earlier one may exist.
      const earlier = this.offsetAt(guess - DAY);
      const other = local - earlier;
      return earlier !== first && other + this.offsetAt(other) === local ? other : guess;
    }
    const second = this.offsetAt(guess);
    const other = local - second;
    if (other + this.offsetAt(other) === local) return other;
    return Math.max(guess, other); // a gap
  }

  /** The zone's offset from UTC at an instant, in seconds. */
  offsetAt(epoch: number): number {
    if (this.#wallClock === null) return 0;
    const day = Math.floor(epoch / DAY);
    let entry = this.#days.get(day);
    if (entry === undefined) {
      entry = this.#computeDay(day);
      this.#days.set(day, entry);
    }
    if (typeof entry === "number") return entry;
    return epoch < entry.at ? entry.before : entry.after;
  }

  #computeDay(day: number): ZoneDay {
    let low = day * DAY;
    let high = low + DAY;
    const computeOffset = (epoch: number) => this.#wallClock!(epoch) - epoch;
    const before = computeOffset(low);
    const after = computeOffset(high);
    if (before === after) return before;
    while (high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (computeOffset(middle) === before) low = middle;
      else high = middle;
    }
    return { at: high, before, after };
  }
}

/** An IANA zone also where TZ is an offset (`EST5`), or nothing that is known and so UTC; but for one of half hours. */
function nameHere(): string {
  const name: string | undefined = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (name !== undefined && isZoneName(name)) return name;
  const hours = -new Date().getTimezoneOffset() / 60;
  // Counted from the wall clock to UTC, as in TZ.
  return hours === 0 ? "UTC" : `Etc/GMT${hours < 0 ? "+" : ""}${-hours}`;
}

/** Whether a text is the name of an IANA zone. Intl of newer Node versions takes offsets such as +08:00 too, hence the pattern. */
export function isZoneName(text: string): boolean {
  if (text === "UTC") return true; // without loading what knows them all
  if (!/^[a-z][\w+/-]*$/i.test(text)) return false;
  try {
    new Intl.DateTimeFormat("en", { timeZone: text });
    return true;
  } catch {
    return false;
  }
}

function wallClockHere(epoch: number): number {
  const date = new Date(epoch * 1000);
  const days = daysFromCivil(date.getFullYear(), date.getMonth() + 1, date.getDate());
  return days * DAY + date.getHours() * 3600 + date.getMinutes() * 60 + date.getSeconds();
}

/** @throws RangeError for a name that is not an IANA zone. */
function wallClockOf(timeZone: string): WallClock {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    hourCycle: "h23",
    era: "short",
    year: "numeric",
    month: "numeric",
    day: "numeric",
    hour: "numeric",
    minute: "numeric",
    second: "numeric",
  });
  return (epoch) => {
    const parts: Record<string, string> = {};
    for (const { type, value } of format.formatToParts(epoch * 1000)) parts[type] = value;
    const year = parts.era === "BC" ? 1 - Number(parts.year) : Number(parts.year);
    const days = daysFromCivil(year, Number(parts.month), Number(parts.day));
    return days * DAY + Number(parts.hour) * 3600 + Number(parts.minute) * 60 + Number(parts.second);
  };
}

/** Days since 1970-01-01 in the proleptic Gregorian calendar (Howard Hinnant's `days_from_civil`). */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  return (
    era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
  );
}
