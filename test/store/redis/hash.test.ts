import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HASH_FIELDS, PLAIN } from "../../../src/store/layout/layout.ts";
import { writeToMirror } from "../../../src/store/redis/write.ts";
import { RecordParser, type Task } from "../../../src/task/task.ts";
import { RULES, record } from "../../helpers/records.ts";
import { useMirror } from "./setup.ts";

const parser = new RecordParser(RULES);
const BASE = record("alice", "t1", { error: "坏", top_p: 1 });
const PAYLOAD = JSON.stringify(BASE);

/** A hash as the mirror writes it, with some fields changed or (null) taken away. */
function read(changes: Record<string, string | null>) {
  const own = {
    payload: PAYLOAD,
    status: BASE.status,
    error: "坏",
    created_at: BASE.created_at,
    updated_at: BASE.updated_at,
  };
  const hash = { ...own, ...changes } as Record<string, string | null>;
  return PLAIN.read(
    HASH_FIELDS.map((field) => hash[field] ?? null),
    { userId: "alice", taskId: "t1" },
    parser,
  );
}

describe("reading a hash", () => {
  it.each(["2020-01-01T08:00:05.250001+00:00", "2020-01-01T16:00:05.250001+08:00", "2020-01-01 08:00:05.250001Z"])(
    "keeps the payload's form of the same instant: %s",
    (updated_at) => {
      expect(read({ updated_at })!.json).toBe(PAYLOAD);
    },
  );

  it.each([null, "", "{cut", "[1]", '"text"', "NaN"])("makes do with the fields without a payload: %s", (payload) => {
    expect(JSON.parse(read({ payload })!.json)).toEqual({
      ...{ user_id: "alice", task_id: "t1", status: BASE.status, error: "坏" },
      ...{ created_at: BASE.created_at, updated_at: BASE.updated_at },
    });
  });

  it("is the payload with the changed fields over it, and nothing else, whatever changed", () => {
    const word = fc.constantFrom("queued", "failed", "odd", "");
    const time = fc.constantFrom("2021-01-01T00:00:00", "2021-01-01T00:00:00.000001", "2022-02-02T02:02:02+08:00");
    const others = fc.dictionary(fc.string({ unit: "grapheme" }), fc.jsonValue(), { maxKeys: 4 });
    fc.assert(
      fc.property(
        others,
        fc.record({ status: word, error: word, created_at: time, updated_at: time }, { requiredKeys: [] }),
        (more, changed) => {
          const own = { ...more, ...BASE };
          const task = read({ payload: JSON.stringify(own), ...changed })!;
          const laid = Object.fromEntries(
            Object.entries(changed).map(([name, value]) => [name, value === "" ? null : value]),
          );
          expect(JSON.parse(task.json)).toEqual(JSON.parse(JSON.stringify({ ...own, ...laid })));
        },
      ),
    );
  });
});

describe("writes are read back", () => {
  const here = useMirror();

  it("with numbers as they were, over Redis", async () => {
    const text = `{"user_id":"用户","task_id":"t:1","status":"succeeded","updated_at":1700000000.123456,"top_p":1.0,"n":12345678901234567890,"e":1E5}`;
    const task = parser.parse(text) as Task;
    await writeToMirror(here.mirror, [task]);
    const [copy] = await here.mirror.read([task]);
    expect(copy).toMatchObject({ json: text, score: 1_700_000_000.123456 });
    expect((await here.server.hash("tts:task:用户:t:1")).updated_at).toBe("2023-11-14T22:13:20.123456+00:00");
  });
});
