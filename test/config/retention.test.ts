import { expect, it } from "vitest";
import { parseDuration } from "../../src/task/duration.ts";
import { askPython } from "../helpers/python.ts";
import { CONFIG, resolved } from "./inputs.ts";

const ALIKE = ["7d", "30m", "2h", "90s", "86400", "0", "-1", "1.5d", "0.5h", " 7 d ", "7D", "1.5m", "3600s"];
const OTHERWISE = ["86400.0", "1.9", "2w", "1ms", "1.5s", "500ms", "1y", "1 day", "2 hours", "0.5", "1min"];
const REFUSED = ["+5", "1_000", "1e3s", "1e3", "soon"];

it("a retention of the file or of the variable is what the service reads, or refused", () => {
  const texts = [...ALIKE, ...OTHERWISE];
  const theirs = askPython<number[]>(new URL("read_retention.py", import.meta.url), texts);
  for (const [i, text] of texts.entries()) {
    for (const given of [{ file: `[cleanup]\nretention = ${text}` }, { env: { TASK_RETENTION_SECONDS: text } }]) {
      const read = () => resolved(given).cleanup.retention.value;
      if (ALIKE.includes(text)) expect([text, read()]).toEqual([text, theirs[i]]);
      else
        expect(read, text).toThrow(/: ttsctl reads .*, the service .*; write what both read alike, such as \d+[dhms]/);
    }
    const flags = { retention: text };
    expect(resolved({ flags }).cleanup.retention.value).toBe(parseDuration(text)); // no service reads it
  }
});

it.each(REFUSED)("%s is no duration", (text) => {
  expect(() => resolved({ file: `[cleanup]\nretention = ${text}` })).toThrow(`${CONFIG} [cleanup] retention`);
});
