import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { expect, inject, it } from "vitest";

/** Of what a page in English loads. */
const MOST = 45_000;

it("the page is small: all that it loads at its start, compressed as the server sends it", () => {
  const folder = join(inject("packageRoot"), "dist/web");
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const first = files.filter(({ name }) => !name.startsWith("zh-"));
  const bytes = first.map((file) => gzipSync(readFileSync(join(file.parentPath, file.name))).length);
  expect(files.map(({ name }) => name.replace(/-[A-Z0-9]{8}\./, ".")).sort()).toEqual([
    ...["icon.svg", "index.html", "main.css", "main.js", "theme.js", "zh.js"],
  ]);
  expect(bytes.reduce((all, size) => all + size, 0)).toBeLessThan(MOST);
});

it("nothing in it names another host, or needs more than the content security policy allows", () => {
  const folder = join(inject("packageRoot"), "dist/web");
  const html = readFileSync(join(folder, "index.html"), "utf8");
  expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|https?:/);
  expect(html.match(/(?:src|href)="[^"]+"/g)!.every((link) => /="assets\/[\w.-]+"$/.test(link))).toBe(true);
});
