/** Epoch seconds of 0001-01-01T00:00:00Z and 10000-01-01T00:00:00Z, the limits of Python's datetime. */
const MIN_EPOCH = -62_135_596_800;
const END_EPOCH = 253_402_300_800;
/** Not Node's Buffer: browsers read times too. */
const UTF8 = new TextEncoder();

/** Whether Python's datetime can represent these epoch seconds. */
export function isEpochInRange(epoch: number): boolean {
  return epoch >= MIN_EPOCH && epoch < END_EPOCH;
}

/** Whole microseconds: two times are the same instant when these are equal. */
export function toMicros(epoch: number): number {
  const { seconds, micros } = splitEpoch(epoch);
  return seconds * 1e6 + micros;
}

/** Whole seconds and microseconds (0 to 999,999), rounded as Python's `fromtimestamp()` rounds. */
function splitEpoch(epoch: number): { seconds: number; micros: number } {
  const whole = Math.trunc(epoch);
  const micros = roundHalfEven((epoch - whole) * 1e6);
  const seconds = whole + Math.floor(micros / 1e6);
  return { seconds, micros: micros - (seconds - whole) * 1e6 };
}

function roundHalfEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
}

/** Seconds and microseconds as one double, rounded once, as Python divides. Too large for that, the sum is the same. */
function joinEpoch(seconds: number, micros: number): number {
  const total = seconds * 1e6 + micros;
  return Number.isSafeInteger(total) ? total / 1e6 : seconds + micros / 1e6;
}

/**
 * Reads ISO 8601 times from bytes, as `datetime.isoformat()` writes them (offsets of seconds and microseconds too; also
 * with a space for the `T`, `Z`, `±HHMM`, or a date alone), and gives the number that Python's `timestamp()` gives. One reader is reused.
 */
export class TimeReader {
  #at = 0;
  #end = 0;
  #bytes: Uint8Array = new Uint8Array();
  /** The offset's microseconds, which hardly any has. */
  #offsetMicros = 0;
  /** Whether the last time read had no offset, and was read in the zone. */
  naive = false;
  readonly #wholeSeconds: boolean;
  /** The bytes of a text: an array for each of a million times would cost a sync a fifth of its CPU time. */
  readonly #scratch = new Uint8Array(64);

  /** @param options wholeSeconds: the service counts in those (docs/contract.md, Deployments) */
  constructor(
    private readonly zone: Zone,
    { wholeSeconds = false } = {},
  ) {
    this.#wholeSeconds = wholeSeconds;
  }

  /** Epoch seconds in the resolution of the service's scores. */
  counted(epoch: number): number {
    return this.#wholeSeconds ? Math.trunc(epoch) : epoch;
  }

  /** A time of a hash in that resolution: ISO 8601, or epoch seconds if the service writes those. NaN for neither. */
  ofHash(text: string): number {
    if (!this.#wholeSeconds) return this.parse(text);
    this.naive = false;
    return this.counted(this.epochOf(text));
  }

  /** Epoch seconds, or NaN if `bytes[from, end)` is not such a time. */
  read(bytes: Uint8Array, from: number, end: number): number {
    this.#bytes = bytes;
    this.#at = from;
    this.#end = end;
    const days = this.#date();
    let seconds = 0;
    let micros = 0;
    this.naive = true;
    if (this.#at < end) {
      const separator = bytes[this.#at++];
      if (separator !== 0x54 && separator !== 0x20) return Number.NaN;
      seconds = this.#clock();
      micros = this.#fraction();
    }
    const local = days * 86_400 + seconds;
    const offset = this.#offset();
    if (this.#at !== end || Number.isNaN(offset) || Number.isNaN(local)) return Number.NaN;
    // Of a naive time Python adds the fraction as a double; of any other it divides whole microseconds.
    return this.naive
      ? this.zone.toEpoch(local) + micros / 1e6
      : joinEpoch(local - offset, micros - this.#offsetMicros);
  }

  /** Epoch seconds of a text, or NaN. */
  parse(text: string): number {
    const { read, written } = UTF8.encodeInto(text, this.#scratch);
    if (read === text.length) return this.read(this.#scratch, 0, written);
    const bytes = UTF8.encode(text);
    return this.read(bytes, 0, bytes.length);
  }

  /** Epoch seconds of a time field, where a number is epoch seconds. NaN also for what no date can hold. */
  epochOf(text: string): number {
    const trimmed = text.trim();
    if (!/^-?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(trimmed)) return this.parse(trimmed);
    return isEpochInRange(Number(trimmed)) ? Number(trimmed) : Number.NaN;
  }

  #date(): number {
    const year = this.#digits(4);
    this.#expect(0x2d);
    const month = this.#digits(2);
    this.#expect(0x2d);
    const day = this.#digits(2);
    // A wrong part is NaN, and every comparison with NaN is false.
    if (!(year >= 1 && month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth(year, month))) return Number.NaN;
    return daysFromCivil(year, month, day);
  }

  #clock(): number {
    const hour = this.#digits(2);
    this.#expect(0x3a);
    const minute = this.#digits(2);
    this.#expect(0x3a);
    const second = this.#digits(2);
    return hour < 24 && minute < 60 && second < 60 ? hour * 3600 + minute * 60 + second : Number.NaN;
  }

  /** Microseconds; digits after the sixth are dropped, as Python drops them. */
  #fraction(): number {
    if (this.#at >= this.#end || this.#bytes[this.#at] !== 0x2e) return 0;
    this.#at++;
    let value = 0;
    let count = 0;
    for (; this.#at < this.#end && isDigit(this.#bytes[this.#at]!); this.#at++, count++) {
      if (count < 6) value = value * 10 + this.#bytes[this.#at]! - 0x30;
    }
    if (count === 0) return this.#fail();
    return value * 10 ** Math.max(0, 6 - count);
  }

  #offset(): number {
    this.#offsetMicros = 0;
    if (this.#at >= this.#end) return 0;
    this.naive = false;
    const sign = this.#bytes[this.#at++];
    if (sign === 0x5a) return 0;
    if (sign !== 0x2b && sign !== 0x2d) return Number.NaN;
    const hours = this.#digits(2);
    const minutes = this.#offsetPart();
    const hasSeconds = this.#at < this.#end;
    const seconds = this.#offsetPart();
    if (!(hours < 24 && minutes < 60 && seconds < 60)) return Number.NaN;
    const direction = sign === 0x2d ? -1 : 1;
    const whole = hours * 3600 + minutes * 60 + seconds;
    // An offset that is nothing but microseconds is UTC to Python's fromisoformat.
    const micros = hasSeconds ? this.#fraction() : 0;
    this.#offsetMicros = whole === 0 ? 0 : direction * micros;
    return direction * whole;
  }

  #offsetPart(): number {
    if (this.#at >= this.#end) return 0;
    if (this.#bytes[this.#at] === 0x3a) this.#at++;
    return this.#digits(2);
  }

  #digits(count: number): number {
    let value = 0;
    for (let i = 0; i < count; i++, this.#at++) {
      if (this.#at >= this.#end || !isDigit(this.#bytes[this.#at]!)) return this.#fail();
      value = value * 10 + this.#bytes[this.#at]! - 0x30;
    }
    return value;
  }

  #expect(byte: number): void {
    if (this.#at < this.#end && this.#bytes[this.#at] === byte) this.#at++;
    else this.#fail();
  }

  /** Makes the whole read fail: the position never equals the end again. */
  #fail(): number {
    this.#end = -1;
    return Number.NaN;
  }
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39;
}

function daysInMonth(year: number, month: number): number {
  if (month === 2) return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0 ? 29 : 28;
  return month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31;
}

/** ISO 8601 in UTC as Python writes it: `+00:00`, and no fraction if it is zero. */
export function formatUtc(epoch: number): string {
  const { seconds, micros } = splitEpoch(epoch);
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  return `${whole}${micros === 0 ? "" : `.${String(micros).padStart(6, "0")}`}+00:00`;
}

/** ISO 8601 with the zone's own offset at that instant. */
export function formatInZone(epoch: number, zone: Zone): string {
  const offset = zone.offsetAt(Math.floor(epoch));
  const local = formatUtc(epoch + offset).slice(0, -"+00:00".length);
  const minutes = Math.floor(Math.abs(offset) / 60);
  const two = (number: number) => String(number).padStart(2, "0");
  return `${local}${offset < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

const DAY = 86_400;

/** One UTC day of a zone: an offset, or the second at which the offset changes. */
type ZoneDay = number | { at: number; before: number; after: number };

/** The local date and time of an instant, as seconds since 1970-01-01T00:00:00 local time. */
type WallClock = (epoch: number) => number;

/** A time zone with daylight saving, read as Python's `timestamp()` does: in an overlap the first of two instants, in a gap the offset before it. */
export class Zone {
  #name: string | undefined;
  /** None for UTC. */
  readonly #wallClock: WallClock | null;
  readonly #days = new Map<number, ZoneDay>();

  /** @param name an IANA zone; that of this machine by default. @throws RangeError for another name */
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
    const entry = this.#days.get(day) ?? this.#computeDay(day);
    if (typeof entry === "number") return entry;
    return epoch < entry.at ? entry.before : entry.after;
  }

  #computeDay(day: number): ZoneDay {
    let low = day * DAY;
    let high = low + DAY;
    const computeOffset = (epoch: number) => this.#wallClock!(epoch) - epoch;
    const [before, after] = [computeOffset(low), computeOffset(high)];
    while (before !== after && high - low > 1) {
      const middle = Math.floor((low + high) / 2);
      if (computeOffset(middle) === before) low = middle;
      else high = middle;
    }
    const entry = before === after ? before : { at: high, before, after };
    this.#days.set(day, entry);
    return entry;
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

/** Whether a text is the name of an IANA zone. Intl of newer Node versions accepts offsets such as +08:00, too; the pattern excludes them. */
export function isZoneName(text: string): boolean {
  if (text === "UTC") return true; // without loading Intl's zones
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

/** Days since 1970-01-01. A year begins in March here, so a leap day is the last one of its year. */
function daysFromCivil(year: number, month: number, day: number): number {
  const y = month < 3 ? year - 1 : year;
  const leapDays = Math.floor(y / 4) - Math.floor(y / 100) + Math.floor(y / 400);
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day;
  return y * 365 + leapDays + dayOfYear - 719_469;
}
