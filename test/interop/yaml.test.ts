import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { expect, it } from "vitest";
import { yamlOf } from "../../src/render/yaml.ts";
import { lacksRight } from "../helpers/lacks.ts";
import { askPython } from "../helpers/python.ts";

const hasYaml = spawnSync("python3", ["-c", "import yaml"]).status === 0;

/** Texts that YAML 1.1 reads as something else, or not at all. */
const ODD = [
  ...["no", "on", "y", "Y", "Off", "12:30", "1_000", "0o7", "07", "0b1", "0x1f", "1:2:3", "190:20:30.15", "1_0.5"],
  ...["2026-11-01", "2026-11-01T00:00:00", "2026-11-01 08:00:00Z", "=", "<<", "~", "", "null", ".inf", ".nan", "+1"],
  ...["\t", "a\tb", "a\n\tb", "a: b", "# c", "- x", "! a", "* a", "%a", "@a", "`a", "\u0085", "\u2028", "\ufeff"],
];

it.skipIf(lacksRight("PyYAML", hasYaml))("PyYAML reads back what -o yaml writes", () => {
  const text = fc.oneof(fc.constantFrom(...ODD), fc.string({ unit: "grapheme", maxLength: 20 }));
  const value = fc.oneof(text, fc.integer(), fc.boolean(), fc.constant(null), fc.array(text, { maxLength: 3 }));
  const records = fc.sample(fc.dictionary(text, value, { maxKeys: 8, noNullPrototype: true }), 2000);
  const read = askPython<object[]>(
    new URL("read_yaml.py", import.meta.url),
    records.map((record) => yamlOf(JSON.stringify(record))),
  );
  for (const [i, record] of records.entries()) expect(read[i]).toEqual(record);
});
