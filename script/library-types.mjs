// Makes one declaration file of those sources that are the library's types; what they import is among them.
import { readFile } from "node:fs/promises";
import ts from "typescript";

/** The index exports all types of this one. */
const TYPES = "src/library/types.ts";
const SOURCES = ["src/errors.ts", TYPES, "src/library/open-store.ts"];
const INDEX = "src/library/index.ts";

/** The text of `dist/library.d.mts`: what the index exports, and the declarations that it needs. */
export async function libraryTypes(root) {
  const declarations = new Map();
  for (const path of SOURCES) for (const [name, text] of await declarationsOf(root, path)) declarations.set(name, text);
  const index = await readFile(root + INDEX, "utf8");
  const types = await readFile(root + TYPES, "utf8");
  const exported = [
    ...[...index.matchAll(/^export \{([^}]*)\}/gms)].flatMap(([, names]) => names.split(",")),
    ...[...types.matchAll(/^export (?:interface|type) (\w+)/gm)].map(([, name]) => name),
  ].map((name) => name.replace("type ", "").trim());
  const needed = neededBy(exported, declarations);
  const texts = [...declarations].filter(([name]) => needed.has(name)).map(([, text]) => text);
  return `${texts.join("\n")}\nexport { ${exported.join(", ")} };\n`;
}

/** The names that are reached from some names. */
function neededBy(names, declarations) {
  const needed = new Set();
  const visit = (name) => {
    if (needed.has(name) || !declarations.has(name)) return;
    needed.add(name);
    for (const word of declarations.get(name).match(/\b[A-Za-z_]\w*\b/g)) visit(word);
  };
  for (const name of names) visit(name);
  return needed;
}

/** The declarations of one source with their comments, by name. */
async function declarationsOf(root, path) {
  const { outputText, diagnostics } = ts.transpileDeclaration(await readFile(root + path, "utf8"), {
    fileName: path,
    reportDiagnostics: true,
    compilerOptions: { isolatedDeclarations: true, target: ts.ScriptTarget.ES2022 },
  });
  if (diagnostics.length > 0) {
    throw new Error(`${path}: ${ts.flattenDiagnosticMessageText(diagnostics[0].messageText, "\n")}`);
  }
  const file = ts.createSourceFile(path, outputText, ts.ScriptTarget.ES2022, true);
  return file.statements
    .filter((statement) => !ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement))
    .map((statement) => [nameOf(statement), unexported(statement.getFullText())]);
}

function nameOf(statement) {
  return (statement.name ?? statement.declarationList.declarations[0].name).text;
}

function unexported(text) {
  return text.replace(/^export (?=declare |interface |type )/m, "").trim();
}
