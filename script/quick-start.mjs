// esbuild plugins that keep what a run does not need from being loaded at its start: a fifth of the time of a list.
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
/** Of Node's own modules. None is a function itself, and nobody extends a class of theirs while loading. */
const LAZY = [
  ...["child_process", "crypto", "dns", "http", "https", "os", "readline", "readline/promises", "tls", "v8", "zlib"],
];

/** Packages ask for those as soon as they are loaded themselves; so they get getters, and the module when one is used. */
export const lazyBuiltins = {
  name: "lazy-builtins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(node:)?(${LAZY.join("|")})$`) }, ({ path, namespace }) => {
      return namespace === "lazy" ? undefined : { path: path.replace("node:", ""), namespace: "lazy" };
    });
    onLoad({ filter: /./, namespace: "lazy" }, ({ path }) => {
      const getters = Object.keys(require(path)).map((name) => `get ${name}() { return load().${name}; },`);
      const load = `let loaded;\nconst load = () => (loaded ??= require("node:${path}"));`;
      return { contents: `${load}\nmodule.exports = {\n${getters.join("\n")}\n};\n` };
    });
  },
};

/**
 * The package `debug`, by which ioredis would print lines of its own where DEBUG is set, asks for the terminal's colours
 * when it is loaded. What matters of Redis is in ttsctl's log.
 */
export const noDebug = {
  name: "no-debug",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^debug$/ }, ({ path }) => ({ path, namespace: "no-debug" }));
    onLoad({ filter: /./, namespace: "no-debug" }, () => {
      return { contents: "exports.default = () => Object.assign(() => {}, { enabled: false });" };
    });
  },
};
