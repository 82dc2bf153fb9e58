// Makes one declaration file of those sources that are the library's types; what they import is among them.
import { readFile } from "node:fs/promises";
import ts from "typescript";

const SOURCES = ["src/errors.ts", "src/library/types.ts", "src/library/open-task-store.ts"];
const INDEX = "src/library/index.ts";

/** The text of `dist/library.d.mts`: all declarations, of which those are exported that the index exports. */
export async function libraryTypes(root) {
  const declarations = await Promise.all(SOURCES.map((path) => declarationsOf(root, path)));
  const index = await readFile(root + INDEX, "utf8");
  const exports = [...index.matchAll(/^export (type )?(\{[^}]*\})/gms)].map(([, type, names]) => {
    return `export ${type ?? ""}${names.replaceAll(/\s+/g, " ")};`;
  });
  return `${[...declarations, ...exports].join("\n")}\n`;
}

async function declarationsOf(root, path) {
  const { outputText, diagnostics } = ts.transpileDeclaration(await readFile(root + path, "utf8"), {
    fileName: path,
    reportDiagnostics: true,
    compilerOptions: { isolatedDeclarations: true, target: ts.ScriptTarget.ES2022 },
  });
  if (diagnostics.length > 0) {
    throw new Error(`${path}: ${ts.flattenDiagnosticMessageText(diagnostics[0].messageText, "\n")}`);
  }
  return outputText.replaceAll(/^import .*;\n/gm, "").replaceAll(/^export (?=declare |interface |type )/gm, "");
}
