const purge = (names) => names.map((name) => `src/operations/purge/${name}.ts`);
const file = (names) => names.map((name) => `src/store/file/${name}.ts`);

/** The files that `npm run mutants` changes, and the tests that should fail. They start no process and build nothing. */
export const AREAS = {
  task: {
    mutate: ["src/task/*.ts"],
    tests: ["test/task/*.test.ts"],
  },
  json: {
    mutate: ["src/json/*.ts"],
    tests: ["test/json/*.test.ts"],
  },
  scanner: {
    mutate: ["src/store/key-table.ts", ...file(["scanner", "elements", "feed", "rows"])],
    tests: ["test/store/file/{key-table,scanner,snapshot}.test.ts"],
  },
  cleanup: {
    mutate: purge(["rules", "cleanup-plan"]),
    tests: ["test/operations/{decide,policy}.test.ts"],
  },
};

/** The area of this run; `script/mutants.mjs` names it. */
export const AREA = AREAS[process.env.TTSCTL_MUTANTS ?? "task"];
