import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
// @ts-expect-error a script without types
import { withSignatures } from "../../script/library-docs.mjs";
import { openTaskStore } from "../../src/library/index.ts";
import { OPTION_NAMES } from "../../src/task/query-fields.ts";

const guide = readFileSync(new URL("../../docs/library.md", import.meta.url), "utf8");
const store = await openTaskStore({ store: "none.json" });
const methods = Object.keys(store);
await store.close();

describe("docs/library.md", () => {
  it.each(methods)("has a section on %s, with an example", (name) => {
    const section = guide.split(/^#+ /m).find((text) => new RegExp(`^(.*, )?${name}\\(`).test(text));
    expect(section).toMatch(new RegExp(`\`\`\`js\\n[\\s\\S]*store\\.${name}\\(`));
  });

  it("has the signatures of the types: npm run docs writes them", () => {
    expect(guide).toBe(withSignatures(guide));
    for (const name of ["openTaskStore", ...methods]) expect(guide).toMatch(new RegExp(`^${name}[(<]`, "m"));
  });

  it("links to the keys of a query, which the types have as options", () => {
    const types = readFileSync(new URL("../../src/library/types.ts", import.meta.url), "utf8");
    const optionsOf = (name: string) =>
      [...new RegExp(`interface ${name} .*?^\\}`, "ms").exec(types)![0].matchAll(/readonly (\w+)\?:/g)].map(
        ([, option]) => option!,
      );
    const { taskIds: _, ...all } = OPTION_NAMES;
    const { stuck, search, sort, ...names } = all; // for people
    for (const name of [stuck, search, sort]) expect(guide).toContain(`\`${name}\``);
    const options = [...optionsOf("TaskFilter"), ...optionsOf("PageQuery")].sort();
    expect(options).toEqual([...Object.values(names), "source", "cursor"].sort());
  });

  it("names every option", () => {
    const types = readFileSync(new URL("../../src/library/types.ts", import.meta.url), "utf8");
    const body = /interface StoreOptions \{(.*?)^\}/ms.exec(types)![1]!;
    for (const [, option] of body.matchAll(/readonly (\w+)\?:/g)) expect(guide).toContain(`\`${option}\``);
  });
});
