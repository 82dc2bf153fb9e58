import fc from "fast-check";

const pad = (value: number, width: number) => String(value).padStart(width, "0");
const clockOf = (seconds: number) =>
  `${pad(Math.floor(seconds / 3600), 2)}:${pad(Math.floor(seconds / 60) % 60, 2)}:${pad(seconds % 60, 2)}`;
const daysIn = (year: number, month: number) => new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate();

const date = fc
  .tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 1, max: 12 }))
  .chain(([year, month]) =>
    fc.integer({ min: 1, max: daysIn(year, month) }).map((day) => `${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`),
  );
const recentDate = fc
  .tuple(fc.integer({ min: 1969, max: 2035 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 28 }))
  .map(([year, month, day]) => `${year}-${pad(month, 2)}-${pad(day, 2)}`);
/** The days beside the epoch, where the last bit of a fraction shows. */
const epochDate = fc.constantFrom("1969-12-31", "1970-01-01", "1970-01-02");

const micros = fc.oneof(fc.integer({ min: 0, max: 999_999 }), fc.constantFrom(1, 999_999, 500_000, 100_000));
const fraction = fc.oneof(
  fc.constant(""),
  micros.map((value) => `.${pad(value, 6)}`),
  micros.map((value) => `.${pad(value, 6).slice(0, 3)}`),
);
const clock = fc.oneof(fc.integer({ min: 0, max: 86_399 }), fc.constantFrom(0, 86_399)).map(clockOf);

/** Naive times as `datetime.isoformat()` writes them, years 1 to 9999. */
export const naiveTime = fc
  .tuple(fc.oneof(date, recentDate, epochDate), fc.constantFrom("T", "T", " "), clock, fraction)
  .map((parts) => parts.join(""));

const seconds = fc.oneof(
  fc.integer({ min: 0, max: 86_399 }),
  fc.integer({ min: 0, max: 56 }).map((quarters) => quarters * 900),
);
const offset = fc.oneof(
  fc.constantFrom("Z", "+00:00", "-00:00", "+08:00", "-03:30"),
  fc.tuple(fc.constantFrom("+", "-"), seconds).map(([sign, value]) => {
    const text = clockOf(value);
    return sign + (text.endsWith(":00") ? text.slice(0, 5) : text);
  }),
  fc
    .tuple(fc.constantFrom("+", "-"), seconds)
    .map(([sign, value]) => sign + clockOf(value).slice(0, 5).replace(":", "")),
  fc.tuple(fc.constantFrom("+", "-"), seconds, fraction).map(([sign, value, part]) => sign + clockOf(value) + part),
);

/** Times with an offset or `Z`. */
export const awareTime = fc.tuple(naiveTime, offset).map(([time, zone]) => time + zone);

/** Epoch seconds as `time.time()` and `timestamp()` give them, and any others that Python's datetime holds. */
export const epochSeconds = fc.oneof(
  fc.double({ min: 0, max: 4e9, noNaN: true }),
  fc.double({ min: -62_135_596_800, max: 253_402_300_799, noNaN: true }),
  fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }),
  // Halves of a microsecond, where rounding up and rounding to even differ.
  fc.tuple(fc.integer({ min: -1000, max: 2 ** 31 }), fc.integer({ min: 0, max: 127 })).map(([s, n]) => s + n / 128),
  fc.tuple(fc.integer({ min: 0, max: 2 ** 31 }), micros).map(([s, value]) => s + value / 1e6),
);
