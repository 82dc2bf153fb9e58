// esbuild plugins that keep what a run does not need from being loaded at its start, most of the time of a page, and take the
// slowest turns out of packages.
import { readFile } from "node:fs/promises";

/** Of Node's own modules, those of which nobody extends a class while loading. */
const LAZY = [
  ...["assert", "child_process", "crypto", "dns", "fs/promises", "http", "https", "os", "readline"],
  ...["readline/promises", "timers/promises", "tls", "v8", "zlib"],
];

/** Packages ask for those as soon as they are loaded themselves; so they get a stand-in, which loads the module when it is used. */
export const lazyBuiltins = {
  name: "lazy-builtins",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: new RegExp(`^(node:)?(${LAZY.join("|")})$`) }, ({ path, namespace }) => {
      return namespace === "lazy" ? undefined : { path: path.replace("node:", ""), namespace: "lazy" };
    });
    onLoad({ filter: /./, namespace: "lazy" }, ({ path }) => ({
      contents: `let loaded;
        const load = () => (loaded ??= require("node:${path}"));
        module.exports = new Proxy(() => {}, {
          get: (_, name) => load()[name],
          apply: (_, self, args) => Reflect.apply(load(), self, args),
        });`,
    }));
  },
};

/**
 * Parts of packages that nobody asks for here, and what stands in for them: what ioredis would tell debuggers and tracers (what matters
 * of Redis is in ttsctl's log), all of it that is not one connection (nodes and Sentinels are found by us), and the guess of
 * chalk at what a terminal can show (it is told).
 */
const UNUSED = {
  debug: "exports.default = () => Object.assign(() => {}, { enabled: false });",
  "ioredis/tracing": "exports.traceConnect = exports.traceBatch = exports.traceCommand = (run) => run();",
  "ioredis/autoPipelining": "exports.shouldUseAutoPipelining = () => false;",
  "ioredis/transaction": "exports.addTransactionSupport = () => {};",
  // Commands are encoded by us: methods for each of the 600 that ioredis knows take longer than a page.
  "@ioredis/commands": "exports.list = []; exports.exists = () => false;",
  ...Object.fromEntries(["cluster", "SentinelConnector", "ScanStream"].map((part) => [`ioredis/${part}`, ""])),
  ioredis: `
    export { default as Command } from "ioredis/built/Command.js";
    export { default as Redis } from "ioredis/built/Redis.js";
    export { ReplyError } from "redis-errors";`,
  "#supports-color": "export default { stdout: false, stderr: false };",
};

export const withoutUnused = {
  name: "without-unused",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^(debug|ioredis|#supports-color|@ioredis\/commands|\.{1,2}\/.*)$/ }, (args) => {
      const { path, importer, resolveDir } = args;
      const isPart = importer.includes("/node_modules/ioredis/");
      const name = path.startsWith(".") ? isPart && path.replace(/^.*\//, "ioredis/") : path;
      return name in UNUSED ? { path: name, namespace: "unused", pluginData: resolveDir } : undefined;
    });
    onLoad({ filter: /./, namespace: "unused" }, ({ path, pluginData }) => {
      return { contents: UNUSED[path], resolveDir: pluginData };
    });
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

/** Packages that no short command uses, each a file of its own beside the bundle: what is not in it takes no time to read. */
export const APART = [
  "yaml",
  "prom-client",
  "csv-parse",
  "csv-stringify/sync",
  "cli-progress",
  "koffi/indirect",
  "music-metadata",
];

export const packagesApart = {
  name: "packages-apart",
  setup({ onResolve }) {
    onResolve({ filter: new RegExp(`^(${APART.join("|")})$`) }, ({ path }) => {
      return { path: `./packages/${path}.cjs`, external: true };
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

/**
 * cli-table3 cuts each cell once more for each line that it draws of it, for debuggers; and it has a string-width of its own, as
 * slow as the other, where a line of ours is as wide as `widthOf` says.
 */
export const quickTable = {
  name: "quickTable",
  setup(build) {
    build.onResolve({ filter: /^string-width$/ }, ({ importer }) => {
      return importer.includes("/node_modules/cli-table3/") ? { path: "width", namespace: "quick-table" } : undefined;
    });
    build.onLoad({ filter: /./, namespace: "quick-table" }, () => {
      const width = new URL("../src/render/width.ts", import.meta.url).pathname;
      return { contents: `module.exports = require(${JSON.stringify(width)}).widthOf;`, resolveDir: "/" };
    });
    patched("quickTable", /cli-table3\/src\/cell\.js$/, (text) => {
      const cut = "let content = utils.truncate(this.content, 10, this.truncate);";
      return text.split(cut).length === 2 ? text.replace(cut, 'let content = "";') : null;
    }).setup(build);
  },
};

/**
 * esbuild copies a module of CommonJS property by property for each module that imports it. To inherit from it is the same for
 * whoever only reads.
 * @param text of a bundle with short names
 */
export function withoutCopies(text) {
  const copy =
    /(var [\w$]+=)\(([\w$]+),([\w$]+),([\w$]+)\)=>\(\4=\2!=null\?([\w$]+)\([\w$]+\(\2\)\):\{\},[\w$]+\(\3\|\|!\2\|\|!\2\.__esModule\?[\w$]+\(\4,"default",\{value:\2,enumerable:!0\}\):\4,\2\)\)/;
  const inherit = "$1($2,$3)=>!$3&&$2.__esModule?$2:$5(Object($2),{default:{value:$2}})";
  if (!copy.test(text)) throw new Error("esbuild writes __toESM in another way: see withoutCopies");
  // As long as it was, so that the source map stays true.
  return text.replace(copy, (was) => was.replace(copy, inherit).padEnd(was.length));
}
