// Prints a CycloneDX bill of the packages in dist/, by npm and dist/LICENSES.txt:
//
//     node script/sbom.mjs TIME
//
// Its time and number depend on the commit and the packages alone.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const root = new URL("..", import.meta.url).pathname;
const [time] = process.argv.slice(2);
const bundled = new Set(
  [...readFileSync(`${root}dist/LICENSES.txt`, "utf8").matchAll(/^(\S+) (\d\S*) \(.*\)$/gm)].map(
    ([, name, version]) => `${name}@${version}`,
  ),
);
const flags = ["sbom", "--sbom-format=cyclonedx", "--package-lock-only"];
const bill = JSON.parse(execFileSync("npm", flags, { cwd: root, maxBuffer: 1 << 26 }));
const has = (ref) => bundled.has(ref);
bill.components = bill.components.filter(({ "bom-ref": ref }) => has(ref));
const missing = [...bundled].filter((ref) => !bill.components.some((component) => component["bom-ref"] === ref));
if (missing.length > 0) throw new Error(`package-lock.json lacks ${missing.join(", ")}`);
bill.dependencies = bill.dependencies
  .filter(({ ref }) => has(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter(has) }));
// A development dependency of the repository is a part of the program.
for (const component of bill.components) Object.assign(component, { scope: "required", properties: [] });
bill.metadata.timestamp = new Date(time).toISOString();
bill.metadata.component.name = "ttsctl";
delete bill.serialNumber;
const digest = createHash("sha256").update(JSON.stringify(bill)).digest("hex");
const uuid = digest.replace(/^(.{8})(.{4}).(.{3}).(.{3})(.{12}).*$/, "$1-$2-4$3-8$4-$5");
process.stdout.write(`${JSON.stringify({ ...bill, serialNumber: `urn:uuid:${uuid}` }, null, 2)}\n`);
