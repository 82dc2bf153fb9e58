// esbuild plugins that keep what a run does not need from being loaded at its start, most of the time of a page, and take the
// slowest turns out of packages.
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
/** Of Node's own modules, those of which nobody extends a class while loading. */
const LAZY = [
  ...["assert", "child_process", "crypto", "dns", "fs/promises", "http", "https", "os", "readline"],
  ...["readline/promises", "timers/promises", "tls", "v8", "zlib"],
];

/** Packages ask for those as soon as they are loaded themselves; so they get getters, and the module when one is used. */
export const lazyBuiltins = {
  name: "lazy-builtins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(node:)?(${LAZY.join("|")})$`) }, ({ path, namespace }) => {
      return namespace === "lazy" ? undefined : { path: path.replace("node:", ""), namespace: "lazy" };
    });
    onLoad({ filter: /./, namespace: "lazy" }, ({ path }) => {
      const module = require(path);
      const names = Object.keys(module);
      // ioredis keeps functions of this one among its defaults.
      const later =
        path === "dns" ? names.filter((name) => /^[a-z]/.test(name) && typeof module[name] === "function") : [];
      const parts = names.map((name) =>
        later.includes(name)
          ? `${name}: (...args) => load().${name}(...args),`
          : `get ${name}() { return load().${name}; },`,
      );
      const self = typeof module === "function" ? "(...args) => load()(...args)" : "{}";
      return {
        contents: `let loaded;
          const load = () => (loaded ??= require("node:${path}"));
          const parts = {\n${parts.join("\n")}\n};
          module.exports = Object.defineProperties(${self}, Object.getOwnPropertyDescriptors(parts));`,
      };
    });
  },
};

/**
 * What ioredis would tell debuggers and tracers, for which it loads modules and asks for the terminal's colours. What matters of
 * Redis is in ttsctl's log.
 */
const SILENT = {
  debug: "exports.default = () => Object.assign(() => {}, { enabled: false });",
  tracing: "exports.traceConnect = exports.traceBatch = exports.traceCommand = (run) => run();",
};

export const noTracing = {
  name: "no-tracing",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(debug|\.{1,2}\/tracing)$/ }, ({ path, importer }) => {
      const isOf = path === "debug" || importer.includes("/node_modules/ioredis/");
      return isOf ? { path: path.replace(/^.*\//, ""), namespace: "silent" } : undefined;
    });
    onLoad({ filter: /./, namespace: "silent" }, ({ path }) => ({ contents: SILENT[path] }));
  },
};

/** Packages for texts that are not plain: for what they know of Unicode they take longer to load than a short page needs in all. */
export const lazyPackages = {
  name: "lazy-packages",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(string-width|cli-truncate)$/ }, ({ path, kind, resolveDir }) => {
      return kind === "import-statement" ? { path, namespace: "lazy-package", pluginData: resolveDir } : undefined;
    });
    onLoad({ filter: /./, namespace: "lazy-package" }, ({ path, pluginData }) => {
      const load = `let loaded;\nconst load = () => (loaded ??= require("${path}").default);`;
      return { contents: `${load}\nexport default (...args) => load()(...args);\n`, resolveDir: pluginData };
    });
  },
};

/** A plugin that changes the text of one file. @param change of its text; null where that is not as it was */
function patched(name, filter, change) {
  return {
    name,
    setup({ onLoad }) {
      onLoad({ filter }, async ({ path }) => {
        const contents = change(await readFile(path, "utf8"));
        if (contents === null) throw new Error(`${path} is not as it was: see ${name}`);
        return { contents };
      });
    },
  };
}

/**
 * ioredis adds its 600 methods to a prototype one by one. V8 copies the list of those before for each, megabytes in all, unless
 * it takes the object for a prototype by then, which one object that inherits from it is enough for.
 */
export const quickMethods = patched("quickMethods", /ioredis\/built\/utils\/Commander\.js$/, (text) => {
  const [before, after, ...more] = text.split("commands.forEach(");
  if (after === undefined || more.length > 0) return null;
  return `${before}Object.create(Commander.prototype);\ncommands.forEach(${after}`;
});

/**
 * The decoder of ioredis was compiled for engines without private fields: each one that it reads is looked up in a WeakMap, several
 * times a reply. Plain properties do as well.
 */
export const plainFields = patched("plainFields", /ioredis\/built\/resp\/decoder\.js$/, (text) => {
  const plain = text
    .replaceAll(/__classPrivateFieldGet\(this, _Decoder_instances, "m", (\w+)\)/g, "$1")
    .replaceAll(/__classPrivateFieldGet\(this, (\w+), "f"\)/g, "this.$1")
    .replaceAll(/__classPrivateFieldSet\(this, (\w+), (.*?), "f"\)/gs, "(this.$1 = $2)")
    .replaceAll(/(_Decoder_\w+)\.set\(this, (.*?)\);/g, "this.$1 = $2;");
  const isPlain = plain.includes("this._Decoder_cursor") && !/__classPrivateField\w+\(this|\.set\(this/.test(plain);
  return isPlain ? plain : null;
});
