/** `1 task`, `2 tasks`: a count with its noun, given in the singular. */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}

/** The first of some texts, and how many there are besides: `a, b, and 3 more`. */
export function firstOf(texts: readonly string[], count: number, separator = ", "): string {
  const more = count - texts.length;
  return [...texts, ...(more > 0 ? [`and ${more} more`] : [])].join(separator);
}

export const LIMIT_ACCEPTED = "a number of tasks from 1, or all";

/** Infinity for all. Zero is refused: in a script it is a mistake. */
export function parseLimit(text: string): number | undefined {
  if (text.trim().toLowerCase() === "all") return Number.POSITIVE_INFINITY;
  return /^\d{1,15}$/.test(text.trim()) && Number(text) >= 1 ? Number(text) : undefined;
}

/** A whole number as people write it; undefined for anything else. Its range is checked where it is used. */
export function parseWholeNumber(text: string): number | undefined {
  return /^[+-]?\d{1,15}$/.test(text.trim()) ? Number(text) : undefined;
}

/** Powers of 1000 and of 1024, by the unit in lower case. */
const BYTE_UNITS = new Map([
  ["", 1],
  ["b", 1],
  ...["k", "m", "g", "t"].flatMap((letter, i): [string, number][] => [
    [`${letter}b`, 1000 ** (i + 1)],
    [`${letter}ib`, 1024 ** (i + 1)],
  ]),
]);

/** Bytes of a size such as `500MB`, `10GiB` or a bare number; undefined for anything else, such as `20G`, which may mean either. */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) *([a-z]*)$/i.exec(text.trim());
  const unit = BYTE_UNITS.get(match?.[2]?.toLowerCase() ?? "?");
  if (match === null || unit === undefined) return undefined;
  const bytes = Math.floor(Number(match[1]) * unit);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Bytes for people: `1.2 MB`. */
export function formatBytes(bytes: number): string {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1000;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** How long audio plays, to a tenth of a second: `0:01.6`, `1:02:03.4`. */
export function formatLength(seconds: number): string {
  const tenths = Math.round(seconds * 10);
  const [hours, minutes] = [Math.floor(tenths / 36_000), Math.floor(tenths / 600) % 60];
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return hours === 0 ? `${minutes}:${rest}` : `${hours}:${String(minutes).padStart(2, "0")}:${rest}`;
}

const TIME_UNITS = [
  ["d", 86_400],
  ["h", 3_600],
  ["m", 60],
] as const;

/** A duration for people, in the largest unit of which it is a whole number: `7d`, `90s`. */
export function formatDuration(seconds: number): string {
  const fit = TIME_UNITS.find(([, size]) => seconds !== 0 && seconds % size === 0);
  return fit ? `${seconds / fit[1]}${fit[0]}` : `${seconds}s`;
}

/** An age for people, rounded down: `3d`, `5h`, `12m`, `40s`. */
export function formatAge(seconds: number): string {
  const [unit, size] = TIME_UNITS.find(([, size]) => seconds >= size) ?? ["s", 1];
  return `${Math.max(0, Math.floor(seconds / size))}${unit}`;
}

export const PARTS_ACCEPTED = "a number of tasks such as 500, or a percentage from 0% to 100%";

/** A number or a percentage; undefined for anything else. */
export function parsePart(text: string): { readonly count: number } | { readonly percent: number } | undefined {
  const [, digits, percent] = /^(\d{1,15})(%?)$/.exec(text.trim()) ?? [];
  if (percent !== "%") return digits === undefined ? undefined : { count: Number(digits) };
  return Number(digits) <= 100 ? { percent: Number(digits) } : undefined;
}
