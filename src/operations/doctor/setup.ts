import { execFile } from "node:child_process";
import { stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { loadPosix } from "../../store/file/posix.ts";
import { fileSystemOf } from "./files.ts";
import { type Checks, type ConfigFacts, fail, ok, Skip, warn } from "./probe.ts";

export const SETUP_CHECKS: Checks = {
  node({ parts }) {
    const version = parts.nodeVersion.replace(/^v/, "");
    if (Number.parseInt(version, 10) >= NEEDED_NODE) return ok(version);
    return fail(`${version} is too old`, `install Node.js ${NEEDED_NODE} or newer`);
  },

  async flock() {
    // A program that prints its usage and fails is installed too.
    const run = promisify(execFile)("flock", ["--help"], { timeout: 5000 });
    const isThere = await run.then(Boolean, ({ code }) => typeof code === "number");
    if (isThere) return ok("found: a command can wait for another ttsctl");
    return fail("flock(1) is not found: a command can't wait for another ttsctl", INSTALL_FLOCK);
  },

  async exchange({ parts }) {
    const folder = parts.file === null ? null : dirname(await parts.file.target());
    const stats = folder === null ? null : await statfs(folder).catch(() => null);
    const system = stats === null ? null : fileSystemOf(stats.type);
    const problem = (await loadPosix()) === null ? "this machine" : system?.shared ? system.name : null;
    if (problem === null) return ok("renameat2(2) is available: a rewrite exchanges two files in one step");
    return warn(
      `${problem} can't exchange two files in one step: a write of the service in the instant of a rewrite would be lost`,
      "use Linux on x64 or arm64 with the store file on a local disk, or run commands that change tasks while the service is stopped",
    );
  },

  config({ parts: { config } }) {
    if (config.unreadable !== null) return fail(config.unreadable.message, config.unreadable.hint ?? CONFIG_HINT);
    const named = config.profile === null ? "" : `profile ${config.profile}: `;
    if (config.path !== null) return ok(`${named}${config.path}, as Python's configparser reads it`);
    return warn(`no config.ini in ${config.cwd}: only defaults, variables and flags`, CONFIG_HINT);
  },

  "config.values"({ parts }) {
    const { wrong, warnings } = readable(parts.config);
    const details = wrong.map(({ message }) => message).join("; ");
    if (wrong.length > 0) return fail(details, wrong[0]!.hint ?? "fix the value, or leave the setting out");
    if (warnings.length > 0) return warn(warnings.join("; "), "`ttsctl config` shows what is in force");
    return ok("all settings in force are valid");
  },

  "config.names"({ parts }) {
    const { path, misspelt, sections } = readable(parts.config);
    if (path === null) throw new Skip("no config.ini found");
    const list = misspelt.map(({ found, near }) => `${found} (${near}?)`).join(", ");
    if (list !== "") return warn(`unknown, but similar to a known name: ${list}`, "fix the name if it is a typo");
    return ok(sections.length === 0 ? "no misspelt names" : `sections of the service, ignored: ${sections.join(", ")}`);
  },

  async "config.secrets"({ parts }) {
    const { path, holdsPassword } = readable(parts.config);
    if (path === null || !holdsPassword) return ok("no password and no token in a file");
    const { mode } = await stat(path);
    if ((mode & 0o004) === 0)
      return ok("config.ini holds a password or a token, and users other than its owner and group can't read it");
    const detail = `config.ini holds a password or a token, and all users can read it (mode ${(mode & 0o777).toString(8)})`;
    return warn(detail, `chmod o-r '${path}', if the service runs as its owner or group`);
  },

  environment({ parts: { config } }) {
    if (config.kubernetes) {
      const detail = "REDIS_PORT is an address, as Kubernetes sets it for a Service named redis";
      return warn(detail, "in the pod, set REDIS_PORT to the port, or enableServiceLinks: false");
    }
    if (config.variables.length === 0) return ok("no variable of ttsctl is set");
    return ok(`these override config.ini: ${config.variables.join(", ")}`);
  },
};

const NEEDED_NODE = 20;
const INSTALL_FLOCK = "install util-linux (Debian, Fedora, Alpine), or `brew install flock` (macOS)";
const CONFIG_HINT =
  "run ttsctl in the service's directory, name its config.ini with --config or TTSCTL_CONFIG, or write one: `ttsctl config init` (--force replaces an empty one)";

function readable(config: ConfigFacts): ConfigFacts {
  if (config.unreadable !== null) throw new Skip("the configuration cannot be read");
  return config;
}
