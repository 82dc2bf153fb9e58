const { readFileSync } = require("node:fs");
const { wrap } = require("node:module");
const { dirname } = require("node:path");
const { Script } = require("node:vm");

/**
 * Loads a CommonJS bundle, ASCII throughout.
 * @param cachedData what V8 made of it before: it is taken if this Node.js is the one that made it, and else left aside
 */
exports.load = (file, cachedData) => {
  const script = new Script(wrap(readFileSync(file, "latin1")), { filename: file, cachedData });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, require, module, file, dirname(file));
  return { script, exports: module.exports };
};
