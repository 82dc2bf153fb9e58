// Writes the signatures of the library's types into docs/library.md: under each heading that names a function, a block of
// TypeScript. `npm run docs` runs it.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const root = new URL("..", import.meta.url);
const GUIDE = new URL("docs/library.md", root);
const SOURCES = ["src/library/types.ts", "src/library/open-store.ts"];

/** The guide with the signatures as they are in the sources. */
export function withSignatures(guide) {
  const signatures = new Map(SOURCES.flatMap((path) => signaturesIn(readFileSync(new URL(path, root), "utf8"))));
  return guide.replaceAll(/^(#+ .*\(.*)\n\n(?:```ts\n[^`]*```\n\n)?/gm, (_, heading) => {
    const names = [...heading.matchAll(/(\w+)\(/g)].map(([, name]) => name);
    const texts = names.map((name) => signatures.get(name)).filter((text) => text !== undefined);
    return `${heading}\n\n${texts.length === 0 ? "" : `\`\`\`ts\n${texts.join("\n")}\n\`\`\`\n\n`}`;
  });
}

/** The methods of a store and the exported functions, by name. */
function signaturesIn(text) {
  const file = ts.createSourceFile("source.ts", text, ts.ScriptTarget.ES2022, true);
  return file.statements.flatMap((statement) => {
    if (ts.isFunctionDeclaration(statement) && statement.name?.text === "openTaskStore") {
      const head = text.slice(statement.name.getStart(), statement.body.getStart()).trim();
      return [["openTaskStore", `${head};`]];
    }
    if (!ts.isInterfaceDeclaration(statement) || statement.name.text !== "TaskStore") return [];
    return statement.members
      .filter((member) => ts.isIdentifier(member.name))
      .map((member) => [member.name.text, member.getText().replaceAll(/^ {2}/gm, "")]);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(GUIDE, withSignatures(readFileSync(GUIDE, "utf8")));
}
