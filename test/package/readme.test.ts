import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ROOT, useProject } from "./project.ts";

const project = useProject();

describe.each([
  ["docs/library.md", "## A worker"],
  ["docs/zh-CN.md", "## 程序库"],
])("the first program of %s", (name, heading) => {
  const text = readFileSync(join(ROOT, name), "utf8");
  const section = text.slice(text.indexOf(`${heading}\n`)).split(/^## /m)[1]!;

  it("fits on a screen", () => {
    expect(section.trimEnd().split("\n").length).toBeLessThanOrEqual(30);
  });

  it("has code that runs unchanged", () => {
    const [, code] = /```js\n(.*?)```/s.exec(section)!;
    const script = project.write("worker.mjs", code!);
    const ended = project.run(process.execPath, script);
    expect(ended).toMatchObject({ status: 0, stdout: "synthesizing 你好\n[ 't01 done' ]\n", stderr: "" });
  });
});
