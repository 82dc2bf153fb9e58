/** Which way imports may point: data flows down as options and up as results (docs/internals/architecture.md). */
const only = (name, from, to) => ({
  name,
  severity: "error",
  from: { path: from },
  to: { path: "^src/", pathNot: [from, ...to] },
});
const LEAVES = ["^src/errors\\.ts$", "^src/clock\\.ts$", "^src/printable\\.ts$", "^src/pool\\.ts$"];

/** @type {import("dependency-cruiser").IConfiguration} */
module.exports = {
  forbidden: [
    { name: "no-circular", severity: "error", from: {}, to: { circular: true } },
    {
      name: "no-orphans",
      severity: "error",
      from: { orphan: true, pathNot: ["\\.d\\.ts$", "^bench/peers/", "^web/theme\\.ts$"] },
      to: {},
    },
    only("leaves-import-nothing", "^src/(abort|errors|clock|printable|version|pool)\\.ts$", []),
    only("json-is-a-leaf", "^src/json/", []),
    only("task-is-pure", "^src/task/", ["^src/json/"]),
    only("config-stands-alone", "^src/config/", ["^src/task/", ...LEAVES]),
    only("store-below-operations", "^src/store/", ["^src/task/", "^src/json/", ...LEAVES]),
    only("layout-knows-no-client", "^src/store/layout/", [
      "^src/(task|json)/",
      "^src/store/task-source\\.ts$",
      "^src/errors\\.ts$",
    ]),
    only("artifacts-stand-alone", "^src/artifacts/", LEAVES),
    only("operations-name-their-parts", "^src/operations/", ["^src/(config|store|artifacts|task|json)/", ...LEAVES]),
    only("app-below-surfaces", "^src/app/", [
      "^src/(config|operations|store|artifacts|task|json)/",
      "^src/version",
      ...LEAVES,
    ]),
    only("library-is-beside-cli", "^src/library/", [
      "^src/(app|config|operations|store|artifacts|task|json)/",
      ...LEAVES,
    ]),
    only("render-does-no-io", "^src/render/", ["^src/(operations|store|task|json)/", ...LEAVES]),
    {
      name: "cli-is-beside-http-and-library",
      severity: "error",
      from: { path: "^src/cli/", pathNot: "^src/cli/commands/serve\\.ts$" },
      to: { path: "^src/(http|library)/" },
    },
    only("http-over-app", "^src/http/", [
      "^src/(app|config|operations|store|artifacts|render|task|json)/",
      "^src/version",
      ...LEAVES,
    ]),
    {
      name: "render-and-operations-by-type",
      severity: "error",
      from: { path: "^src/render/" },
      to: { path: "^src/(operations|store)/", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "settings-and-operations-by-type",
      severity: "error",
      from: { path: "^src/operations/" },
      to: { path: "^src/config/", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "web-takes-what-browsers-can-run",
      severity: "error",
      from: { path: "^web/" },
      to: {
        path: "^(src/|node:)",
        pathNot: ["^src/task/", "^src/(artifacts/media-types|printable|render/hour-chart)\\.ts$"],
        dependencyTypesNot: ["type-only"],
      },
    },
    { name: "nothing-imports-web", severity: "error", from: { path: "^(src|bin)/" }, to: { path: "^web/" } },
    {
      name: "pure-parts-know-no-outside",
      severity: "error",
      from: { path: "^src/(task|json)/" },
      to: { dependencyTypes: ["core", "npm"], pathNot: ["^node_modules/ms/", "^ms$", "^buffer$"] },
    },
    {
      name: "redis-clients-import-ioredis",
      severity: "error",
      from: {
        pathNot: "^(src/store/redis/(connection|client|cluster-client)\\.ts$|bench/peers/|test/helpers/resp\\.ts$)",
      },
      to: { path: "(^|/)node_modules/ioredis/" },
    },
    {
      name: "one-file-imports-koffi",
      severity: "error",
      from: { pathNot: "^src/store/file/posix\\.ts$" },
      to: { path: "(^|/)node_modules/koffi/" },
    },
    {
      name: "writes-only-after-preflight",
      severity: "error",
      from: {
        pathNot: "^src/(operations/preflight|app/syncing|library/open-store)\\.ts$|^(test|bench)/",
      },
      to: { path: "^src/store/writable\\.ts$", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "stores-are-changed-as-writable",
      severity: "error",
      from: { pathNot: "^src/store/(file/file-writer|redis/mirror)\\.ts$|^(test|bench)/" },
      to: { path: "^src/store/(file/line-log|redis/(atomic|slotted)-copies)\\.ts$" },
    },
    {
      name: "hono-in-http",
      severity: "error",
      from: { pathNot: "^src/http/" },
      to: { path: "(^|/)node_modules/(hono|@hono)/" },
    },
    {
      name: "commander-and-chalk-in-cli",
      severity: "error",
      from: { path: "^src/(task|store|operations|artifacts|config|json)/" },
      to: { path: "(^|/)node_modules/(commander|chalk)/" },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".mjs", ".cjs"] },
  },
};
