import { parse } from "ini";
import type { RawSections } from "./ini-reader.ts";

/**
 * What `ini` makes of sections that were taken apart by Python's rules: they are written as text that leaves `ini` nothing to interpret,
 * and each value is made a string again.
 */
export function throughIni(sections: RawSections): RawSections {
  const parsed = Object.entries(parse(canonicalText(sections)) as Record<string, Record<string, unknown>>);
  return new Map(parsed.map(([name, options]) => [unescaped(name), stringValues(options)]));
}

function stringValues(options: Record<string, unknown>): Map<string, string> {
  // `ini` makes true, false and null of the quoted words too, hence String().
  return new Map(Object.entries(options).map(([name, value]) => [unescaped(name), String(value)]));
}

function canonicalText(sections: RawSections): string {
  return [...sections].map(([name, options]) => `[${escaped(name)}]\n${optionLines(options)}`).join("");
}

function optionLines(options: ReadonlyMap<string, string>): string {
  return [...options].map(([name, value]) => `${escaped(name)}=${jsonAscii(value)}\n`).join("");
}

/**
 * A name of nothing but letters and `%`: `ini` drops `__proto__`, nests `a.b`, makes an array of `a[]`, and puts names
 * that are whole numbers first.
 */
function escaped(name: string): string {
  return name.replace(/[^A-Za-z-]/g, (unit) => `%${hex(unit)}`);
}

function unescaped(name: string): string {
  return name.replace(/%([0-9a-f]{4})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
}

/** JSON in ASCII, as the dot of `ini`'s pattern stops at U+2028 and drops the whole line. */
function jsonAscii(value: string): string {
  return JSON.stringify(value).replace(/[^ -~]/g, (unit) => `\\u${hex(unit)}`);
}

function hex(unit: string): string {
  return unit.charCodeAt(0).toString(16).padStart(4, "0");
}
