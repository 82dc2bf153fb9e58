// Runs the tests that may fail by what changed since main, or since another revision: npm run test:changed [-- REVISION]
import { relative } from "node:path";
import { createVitest } from "vitest/node";

/** Vitest follows imports. These tests run what is built of a file, or read it. */
const ALSO = [
  [/^(bin|src\/(?!http\/|library\/))/, ["test/e2e/", "test/runbook/", "test/promises/"]],
  [/^src\/(artifacts|config|json|operations|parts|store|task)\//, ["test/cluster/", "test/interop/", "test/http/"]],
  [/^src\/(config|store)\//, ["test/deployments/"]],
  [/^(web|src\/(http|render))\//, ["test/http/", "test/web/"]],
  [/^(bin|script|src\/(library|parts))\//, ["test/package/", "e2e/package.test.ts", "e2e/start.test.ts"]],
  [/^(docs|examples)\/|\.md$/, ["docs.test.ts", "documented.test.ts", "readme.test.ts", "runbook", "examples.test.ts"]],
  [/^bench\//, ["test/bench/"]],
  [/^test\/tools\//, ["test/interop/", "test/http/"]],
  [/^test\/(config|json|store|task)\/.*\.py$/, ["test/config/", "test/json/", "test/store/file/", "test/task/"]],
];
/** Minutes long: they run only if one of them, or a helper, changed. */
const FAULTS = "test/faults/";

const vitest = await createVitest("test", { changed: process.argv[2] ?? "main", watch: false });
const imported = await vitest.getRelevantTestSpecifications();
const changed = (vitest.config.related ?? []).map((path) => relative("", path));
const filters = ALSO.filter(([path]) => changed.some((name) => path.test(name))).flatMap(([, tests]) => tests);
const run = filters.length === 0 ? [] : await vitest.globTestSpecifications(filters);
const all = [...new Map([...imported, ...run].map((file) => [file.moduleId, file])).values()];
const isFault = ({ moduleId }) => relative("", moduleId).startsWith(FAULTS);
const chosen = changed.some((name) => name.startsWith(FAULTS)) ? all : all.filter((file) => !isFault(file));
console.log(`${changed.length} changed files, ${chosen.length} test files`);
if (chosen.length < all.length)
  console.log(`not run: ${all.length - chosen.length} files of ${FAULTS}; script/test runs them`);
if (chosen.length > 0) await vitest.runTestSpecifications(chosen);
await vitest.close();
