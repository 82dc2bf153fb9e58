import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { markdownReport } from "../bench/report/docs.ts";
import type { Report } from "../bench/report/report.ts";
import { picture } from "../bench/report/svg.ts";
import { scalingText } from "../bench/scaling/scaling.ts";
import { placeOf, SETTING_NAMES } from "../src/config/settings.ts";
import { EXIT_CODES } from "../src/errors.ts";
import { HTTP_CODES, problemOf, STATUSES } from "../src/http/answer.ts";
import { CHECKS } from "../src/operations/doctor/run.ts";
import { NEEDED } from "../src/operations/preflight.ts";
import { SYNCED_KEY } from "../src/store/layout/keys.ts";
import { PLAIN } from "../src/store/layout/layout.ts";
import { KEY_NAMES } from "../src/task/query-fields.ts";
import { KNOWN_STATUS_WORDS, shownStatus } from "../src/task/status.ts";

const at = (name: string) => new URL(`../${name}`, import.meta.url);
const text = (name: string) => readFileSync(at(name), "utf8");

const report = JSON.parse(text("docs/performance.json")) as Report;

/** What of the English pages is in the Chinese reference, by its sections. */
const TRANSLATED = ["install", "settings", "output", "audit", "guarantees", "errors"];
const PAGES = [
  ...["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"],
  ...(readdirSync(at("docs"), { recursive: true }) as string[])
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];

const withoutCode = (markdown: string) => markdown.replace(/^ *```.*?^ *```/gms, "");
const levels = (markdown: string) => [...withoutCode(markdown).matchAll(/^(#+) /gm)].map(([, level]) => level!);
const codeOf = (markdown: string, language: string) =>
  [...markdown.matchAll(/^ *```(\w+)\n(.*?)^ *```/gms)]
    .filter(([, name]) => name === language)
    .map(([, , code]) => code!);

describe("the READMEs", () => {
  const [english, chinese] = [text("README.md"), text("README.zh-CN.md")];

  it.each(["README.md", "README.zh-CN.md"])("%s has at most 220 lines", (name) => {
    expect(text(name).trimEnd().split("\n").length).toBeLessThanOrEqual(220);
  });

  it("have the same sections in the same order, the same output, configuration and links to commands", () => {
    expect(levels(chinese)).toEqual(levels(english));
    for (const language of ["console", "ini"]) expect(codeOf(chinese, language)).toEqual(codeOf(english, language));
    const links = (markdown: string) => markdown.match(/\]\(docs\/commands\/\w+\.md\)/g)!;
    expect(links(chinese)).toEqual(links(english).filter((link) => !link.includes("README")));
    expect(links(english).length).toBeGreaterThan(12);
  });

  it.each(["README.md", "README.zh-CN.md"])(
    "%s has the licence and the Node.js of the package, and measured figures",
    (name) => {
      const { license, engines } = JSON.parse(text("package.json"));
      expect(text(name)).toContain(`badge/licence-${license}-`);
      expect(text(name)).toContain(`badge/node-${encodeURIComponent(engines.node.replace(">=", ">= "))}-`);
      const measured = cells(text("docs/performance.md")).flat();
      const figures = cells(text(name))
        .join()
        .match(/\b\d+(\.\d+)? m?s\b/g)!;
      expect(figures.length).toBeGreaterThan(8);
      expect(figures.filter((figure) => !measured.includes(figure))).toEqual([]);
      const [faults] = /\d+,\d{3}(?= faults| 次故障)/.exec(text(name))!;
      expect(cells(text("docs/internals/reliability.md")).flat()).toContain(faults);
    },
  );

  it("has a config.ini of settings that exist", () => {
    const [ini] = codeOf(english, "ini");
    const settings = new Map(SETTING_NAMES.map((name) => [`${placeOf(name).section} ${placeOf(name).option}`, name]));
    const given = ini!.split("\n\n").flatMap((part) => {
      const [head, ...lines] = part.trim().split("\n");
      return lines.map((line) => `${head!.slice(1, -1)} ${line.split(" = ")[0]}`);
    });
    expect(given.length).toBeGreaterThan(3);
    expect(given.filter((name) => !settings.has(name))).toEqual([]);
  });
});

it("docs/zh-CN.md has the sections of the English pages, and their output", () => {
  const sections = text("docs/zh-CN.md").split(/^## /m).slice(1);
  for (const name of TRANSLATED) {
    const section = sections.find((part) => part.includes(`\n[英文](${name}.md)\n`))!;
    expect([name, levels(section)]).toEqual([
      name,
      levels(text(`docs/${name}.md`))
        .slice(1)
        .map((level) => `#${level}`),
    ]);
    expect([name, codeOf(section, "console")]).toEqual([name, codeOf(text(`docs/${name}.md`), "console")]);
  }
});

const PACKED: string[] = ["package.json", ...JSON.parse(text("package.json")).files];
const isPacked = ({ href }: URL) => PACKED.some((name) => `${href}/`.startsWith(`${at(name).href}/`));

it.each(PAGES)("%s links to files and headings that exist, in the package if the page is", (name) => {
  const links = [...withoutCode(text(name)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!);
  const missing = links.filter((link) => {
    const [path, anchor] = link.split("#");
    if (/^https?:/.test(path!)) return false;
    const target = path === "" ? at(name) : new URL(path!, at(name));
    if (!existsSync(target) || (isPacked(at(name)) && !isPacked(target))) return true;
    return anchor !== undefined && !anchorsIn(withoutCode(readFileSync(target, "utf8"))).includes(anchor);
  });
  expect(missing).toEqual([]);
});

it("docs/json.md has every key of a query", () => {
  const [, body] = /^### The body of `query`\n\n```json\n(.*?)^```/ms.exec(text("docs/json.md"))!;
  expect(Object.keys(JSON.parse(body!)).sort()).toEqual(Object.values(KEY_NAMES).sort());
});

it.each(["docs/errors.md", "docs/zh-CN.md"])("%s names every error code", (name) => {
  const words = new Set(text(name).match(/[A-Z_]+/g));
  expect(Object.keys(EXIT_CODES).filter((code) => !words.has(code))).toEqual([]);
});

it("docs/internals/promises.md and reliability.md name tests that there are", () => {
  const rows = [...text("docs/internals/promises.md").matchAll(/^\|.*\| `([\w./-]+)` \| ([^|]+) \|$/gm)];
  expect(rows).toHaveLength(40);
  const gone = rows.filter(([, file, title]) => {
    const path = `test/${file}${file!.endsWith(".ts") ? "" : ".test.ts"}`;
    return !existsSync(at(path)) || !text(path).includes(title!);
  });
  expect(gone.map(([row]) => row)).toEqual([]);
  const named = [...text("docs/internals/reliability.md").matchAll(/`(test\/[\w./-]+)`/g)].map(([, path]) => path!);
  expect(named.filter((path) => !existsSync(at(path)))).toEqual([]);
});

describe("docs/internals/architecture.md", () => {
  const page = text("docs/internals/architecture.md");
  const named = [...page.replace(/^```.*?^```/gms, "").matchAll(/`([^`]+)`/g)].map(([, words]) =>
    words!.replace(/\s+/g, " "),
  );
  const isPath = (words: string) =>
    /^[\w./{},-]*(\/|\.(ts|mjs|cjs|lua|md|ini|json))$/.test(words) && !words.startsWith("dist/");
  const drawn = [...page.matchAll(/^```mermaid.*?^```/gms)].flatMap(
    ([diagram]) => diagram!.match(/\b[\w./-]+(\/(?=:)|\.ts)/g)!,
  );

  it("names files and directories that exist", () => {
    const paths = [...named.filter(isPath).flatMap(expanded), ...drawn];
    expect(paths.length).toBeGreaterThan(20);
    expect(paths.filter((path) => !["", "src/"].some((root) => existsSync(at(root + path))))).toEqual([]);
  });
});

it("docs/http.md names every code of the API", () => {
  const page = text("docs/http.md");
  const codes = Object.keys({ ...HTTP_CODES, ...STATUSES });
  expect(codes.length).toBeGreaterThan(15);
  for (const code of codes) if (!/^STORE_/.test(code)) expect(page).toContain(`\`${code}\``);
  expect(problemOf(new Error("secret"))).toMatchObject({ status: 500, code: "INTERNAL" });
  expect(JSON.stringify(problemOf(new Error("secret")))).not.toContain("secret");
});

it("docs/performance.md has the table of its JSON, and the machine", () => {
  const page = text("docs/performance.md");
  expect(cells(page)).toEqual(cells(markdownReport(report)));
  expect(page).toContain(markdownReport(report).split("\n").at(-1));
});

it("docs/scaling.md has the figures of its JSON, and the results calculated from them", () => {
  expect(cells(text("docs/scaling.md"))).toEqual(
    expect.arrayContaining(cells(scalingText(JSON.parse(text("docs/scaling.json"))))),
  );
});

it("docs/performance.svg is the picture of the same", () => {
  expect(text("docs/performance.svg")).toBe(picture(report));
});

/** The lines of a table, without what a formatter adds. */
function cells(markdown: string): string[][] {
  const lines = markdown.split("\n").filter((line) => line.startsWith("|") && !line.startsWith("| -"));
  return lines.map((line) => line.split("|").map((cell) => cell.trim()));
}

it("docs/json.md lists the id of every check of doctor, in the order of its output", () => {
  const [, section] = /^## doctor$(.*?)^## /ms.exec(text("docs/json.md"))!;
  const [, table] = /^\| check +\| ok if(.*)/ms.exec(section!)!;
  expect([...table!.matchAll(/^\| `([\w.]+)` /gm)].map(([, id]) => id)).toEqual(Object.keys(CHECKS));
});

/** `a/{b,c}.ts` as `a/b.ts` and `a/c.ts`. */
function expanded(path: string): string[] {
  const braces = /\{(.*?)\}/.exec(path);
  return braces === null ? [path] : braces[1]!.split(",").map((name) => path.replace(braces[0], name.trim()));
}

/** The anchors that GitHub gives the headings. */
function anchorsIn(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.*)$/gm)].map(([, name]) =>
    name!
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

describe("docs/contract.md", () => {
  const contract = text("docs/contract.md");
  const rowsOf = (heading: string) => {
    const part = contract.split(new RegExp(`^#+ ${heading}\\n`, "m"))[1]!.split(/^#/m)[0]!;
    return cells(part).slice(1);
  };
  const words = (cell: string) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word!);

  it("has the words of every status", () => {
    const rows = rowsOf("Status").map(([, shown, all]) => [words(shown!)[0], words(all!)] as const);
    expect(rows.flatMap(([, all]) => all).sort()).toEqual([...KNOWN_STATUS_WORDS].sort());
    for (const [shown, all] of rows) for (const word of all) expect(shownStatus(word), word).toBe(shown);
  });

  it("has the keys of Redis", () => {
    const keys = rowsOf("Redis").map(([, key]) => words(key!)[0]);
    const { indexKey, taskKey } = PLAIN;
    expect(keys).toEqual([
      taskKey.call(PLAIN, "{user_id}", "{task_id}"),
      indexKey.call(PLAIN, undefined),
      indexKey.call(PLAIN, "{user_id}"),
      SYNCED_KEY,
    ]);
  });

  it("has the guards of every command", () => {
    const commandOf = { orphans: "cleanup", repair: "verify --repair" } as const;
    const rows = new Map(rowsOf("Guards").map(([, guard, , commands]) => [guard, commands!]));
    for (const [action, checks] of Object.entries(NEEDED)) {
      const command = commandOf[action as keyof typeof commandOf] ?? action;
      for (const check of ["layout", "time zone", "clock", "right store"] as const) {
        const cell = rows.get(check)!;
        const isNamed = cell.startsWith("all that change tasks") || words(cell).includes(command);
        expect([action, check, isNamed]).toEqual([action, check, checks.includes(check)]);
      }
    }
  });

  it("has the headings that comments name", () => {
    const headings = [...contract.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => heading!);
    const files = (readdirSync(at("src"), { recursive: true }) as string[]).filter((name) => /\.(ts|lua)$/.test(name));
    const named = files.flatMap((name) => [...text(`src/${name}`).matchAll(/docs\/contract\.md, ([A-Z][a-z]+)/g)]);
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter(([, word]) => !headings.some((heading) => heading.startsWith(word!)))).toEqual([]);
  });
});
