import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FIELDS } from "../../src/json/fields.ts";
import { fieldJson, Spans, scanRecord, setFields, withoutFields } from "../../src/json/record.ts";
import { JsonIncomplete, JsonSyntaxError } from "../../src/json/scan.ts";
import { runs } from "../helpers/python.ts";
import { jsonText, numberText, stringText } from "./json-text.ts";

/** A key's text with some of its characters escaped. */
const escapedKey = fc.constantFrom(...FIELDS).chain((name) =>
  fc.array(fc.nat(name.length - 1), { minLength: 1, maxLength: 3 }).map((places) => {
    const chars = [...name].map((char, i) => (places.includes(i) ? `\\u00${char.charCodeAt(0).toString(16)}` : char));
    return `"${chars.join("")}"`;
  }),
);
const knownKey = fc.constantFrom(...FIELDS).map((name) => `"${name}"`);
const nearKey = fc.constantFrom('"user_id "', '"User_id"', '"user_i"', '"user_idx"', '""', '"__proto__"', '"a\\\\"');
const key = fc.oneof(knownKey, escapedKey, nearKey, stringText);

/** An object's members as the texts of their keys and values, nested ones spaced. */
const nested = jsonText.map(({ spaced }) => spaced.trim());
const members = fc.array(fc.tuple(key, fc.oneof(numberText, stringText, nested)), { maxLength: 12 });

/** What a known field has in a record; undefined where it has none. */
function textOf(bytes: Buffer, spans: Spans, field: number): string | undefined {
  return spans.has(field) ? bytes.toString("utf8", spans.from(field), spans.end(field)) : undefined;
}

describe("scanRecord", () => {
  test("notes the positions of the known fields, as JSON.parse finds them: escaped, repeated or absent", () => {
    const spans = new Spans();
    let found = 0;
    fc.assert(
      fc.property(members, fc.constantFrom("", " ", "\n\t"), (all, space) => {
        const json = `x{${space}${all.map(([name, value]) => `${name}${space}:${space}${value}${space}`).join(`,${space}`)}}`;
        const bytes = Buffer.from(json);
        expect(scanRecord(bytes, 1, bytes.length, spans)).toBe(bytes.length);
        const expected = new Map(all.map(([name, value]) => [JSON.parse(name) as string, value]));
        for (const [number, field] of FIELDS.entries()) {
          const text = textOf(bytes, spans, number);
          expect([field, text]).toEqual([field, expected.get(field)?.toWellFormed()]);
          if (text !== undefined) found++;
        }
      }),
      { numRuns: runs(2000) },
    );
    expect(found).toBeGreaterThan(runs(500));
  });

  test("however the records before were laid out, and wherever the bytes end", () => {
    const space = fc.constantFrom("", "", " ", "\n  ", " ".repeat(70));
    const value = fc.oneof(numberText, stringText, fc.constantFrom("null", "[ ]", '{"user_id":1}'));
    const layout = fc.record({
      keys: fc.array(fc.oneof(knownKey, knownKey, nearKey, stringText), { maxLength: 40, size: "max" }),
      records: fc.array(fc.array(fc.tuple(space, space, space, value), { minLength: 40, maxLength: 40 }), {
        minLength: 2,
        maxLength: 4,
      }),
    });
    fc.assert(
      fc.property(layout, fc.nat(), ({ keys, records }, cut) => {
        const spans = new Spans();
        for (const record of records) {
          const members = keys.map((name, i) => {
            const [before, within, after, value] = record[i]!;
            return `${before}${name}${after}:${within}${value}${after}`;
          });
          const bytes = Buffer.from(`{${members.join(",")}}`);
          const end = cut % bytes.length;
          expect(() => scanRecord(bytes, 0, end, spans)).toThrow(JsonIncomplete);
          for (const _ of ["guessed by the record before", "scanned without a guess"]) {
            expect(scanRecord(bytes, 0, bytes.length, spans)).toBe(bytes.length);
            const expected = new Map(keys.map((name, i) => [JSON.parse(name) as string, record[i]![3]]));
            for (const [number, field] of FIELDS.entries())
              expect(textOf(bytes, spans, number)).toBe(expected.get(field)?.toWellFormed());
          }
        }
      }),
      { numRuns: runs(1000) },
    );
  });

  test.each(['{"a":1"b":2}', '{"a":1,}', '{"a" 1}', '{,"a":1}', '{"a": 1;"b":2}'])(
    "after one like it refuses %s",
    (json) => {
      const spans = new Spans();
      for (const good of ['{"a":1,"b":2}', '{"a": 1,"b":2}', '{"a":1}']) {
        scanRecord(Buffer.from(good), 0, good.length, spans);
        expect(() => scanRecord(Buffer.from(json), 0, json.length, spans)).toThrow(JsonSyntaxError);
      }
    },
  );
});

test.each<[string, string, string | undefined]>([
  ['{"a":1.0,"status":"x"}', "status", '"x"'],
  ['{"a":1.0,"status":"x"}', "a", "1.0"],
  ['{"a":{"b":"用户"},"b":[ ]}', "a", '{"b":"用户"}'],
  ['{"st\\u0061tus":1,"status":2}', "status", "2"],
  ['{"a":{"b":1}}', "b", undefined],
])("fieldJson of %s, %s: %j", (json, field, text) => expect(fieldJson(json, field)).toBe(text));

test("setFields replaces in place, appends new fields, and changes nothing else", () => {
  const changes = fc.dictionary(fc.oneof(fc.constantFrom("status", "error", "a"), fc.string()), numberText);
  fc.assert(
    fc.property(members, changes, (all, dictionary) => {
      const change = new Map(Object.entries(dictionary));
      const json = `{${all.map((member) => member.join(":")).join(",")}}`.toWellFormed();
      const left = new Map(change);
      const kept = all.map(([name, value]) => {
        const field = JSON.parse(name) as string;
        left.delete(field);
        return `${name}:${change.get(field) ?? value}`;
      });
      const added = [...left].map(([field, value]) => `${JSON.stringify(field)}:${value}`);
      const expected = change.size === 0 ? json : `{${[...kept, ...added].join(",")}}`.toWellFormed();
      expect(setFields(json, change)).toBe(expected);
    }),
    { numRuns: runs(1000) },
  );
});

test.each([
  ['{"x\\"status":"a","status":"b"}', '{"x\\"status":"a","status":"c"}'],
  ['{"n":{"status":"a"},"status":"b"}', '{"n":{"status":"a"},"status":"c"}'],
  ['{"st\\u0061tus":"a\\"b","n":{"status":"b"}}', '{"st\\u0061tus":"c","n":{"status":"b"}}'],
])("setFields puts a string in place of the status of %s", (json, expected) => {
  expect(setFields(json, new Map([["status", '"c"']]))).toBe(expected);
});

test.each([
  ['{"a":1,"b":{"a":2},"c":[]}', ["a"], '{"b":{"a":2},"c":[]}'],
  ['{"a":1,"\\u0061":2,"b":"é"}', ["a"], '{"b":"é"}'],
  ['{"a":1}', ["a"], "{}"],
  ['{"a":1}', [], '{"a":1}'],
])("withoutFields: %s without %j", (json, names, expected) => {
  expect(withoutFields(json, new Set(names))).toBe(expected);
});
