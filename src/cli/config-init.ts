import { mkdir, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { recordRulesOf } from "../app/parts.ts";
import { parseAddress, parseHost } from "../config/address.ts";
import { holdsPassword } from "../config/examine.ts";
import { type IniFile, parseIni } from "../config/ini-file.ts";
import { type Kind, REDIS_URL } from "../config/kinds.ts";
import { configPlace, placeAt, readConfig, resolveSettings } from "../config/load.ts";
import { configText, givenValues, type NewValues, pathText, shownText } from "../config/new-file.ts";
import { checkTlsFiles, findAddress, NO_REDIS, redisShown, targetOf } from "../config/redis.ts";
import { CONFIG_FILE, defaultText, rowOf, SETTING_NAMES, type SettingName, type Settings } from "../config/settings.ts";
import { describeSystemError, isRedisError, ours, TtsctlError, usage } from "../errors.ts";
import { printable, shellQuote } from "../printable.ts";
import { connectMirror } from "../store/mirror-link.ts";
import type { Context, Flags } from "./context.ts";
import { isText } from "./terminal.ts";

/** Where to look for the service's files: the working directory, the directory of its configuration, and that of a named store file. */
const FOLDERS = ["", "data", "var"];
const STORES = ["voice_task", "voice_tasks", "tasks"].flatMap((name) => [`${name}.json`, `${name}.jsonl`]);
const CONFIGS = [CONFIG_FILE, `config/${CONFIG_FILE}`, `conf/${CONFIG_FILE}`];
const PLACES = [
  ["store.path", "isFile", "Store file", STORES],
  ["paths.output", "isDirectory", "Audio directory", ["output", "outputs"]],
  ["paths.logs", "isDirectory", "Log directory", ["Logs", "logs"]],
] as const;
const ADDRESS: readonly SettingName[] = ["redis.url", "redis.host", "redis.port", "redis.sentinels", "redis.nodes"];

/** `config init`: writes a config.ini with what was given, and what is found on this machine. */
export async function initConfig(context: Context, flags: Flags): Promise<void> {
  const { flags: given, env, cwd } = context.loadOptions();
  const { path: named, origin, profile } = configPlace({ flags: given, env, cwd });
  const path = await realpath(named).catch(() => named);
  const former = readConfig(placeAt(path), env);
  if (former !== null && !flags.force && !flags.dryRun) {
    throw usage(`${path} exists already`, "`ttsctl config` shows what is in force; --force replaces the file");
  }
  const base = former ?? (await serviceConfig(context));
  const inputs = { flags: given, env, cwd, file: base };
  resolveSettings(inputs); // refuses wrong values
  const values = givenValues(inputs, path);
  const asks = context.terminal.isInteractive() && !flags.yes;
  await findFiles(context, values, path, base, asks);
  const lacks: SettingName[] = ADDRESS.some((name) => values.has(name)) ? [] : ["redis.host", "redis.port"];
  for (const name of [...lacks, "cleanup.retention"] as const) {
    if (!values.has(name)) values.set(name, { text: defaultText(name), source: "default", origin: "default" });
  }
  const settingsOf = () => {
    const file = parseIni(configText(values, former), path);
    return resolveSettings({ flags: {}, env: {}, file, cwd: dirname(path) });
  };
  if (asks) await askAll(context, values, path, settingsOf);
  const settings = settingsOf();
  await checkTlsFiles(settings.redis);
  if (!asks) await findRedis(context, values, settings);
  if (flags.dryRun && isText(context.flags.output)) {
    await context.terminal.out.write(configText(values, former, true).split("\n").map(printable).join("\n"));
  } else {
    if (!flags.dryRun) await write(context, path, configText(values, former), flags.force, profile !== null);
    const shown = SETTING_NAMES.flatMap((name) => {
      const value = values.get(name);
      return value === undefined ? [] : [[name, { value: shownText(name, value), source: value.source }] as const];
    });
    const rows = shown.map(([name, { value, source }]) => [name, value, source]);
    const object = { path, dryRun: flags.dryRun, settings: Object.fromEntries(shown) };
    await context.emitObject(object, () => context.table(["SETTING", "VALUE", "SOURCE"], rows));
  }
  const by = { "--config": ` --config ${shellQuote(named)}`, "--profile": ` --profile ${profile}` }[origin ?? ""] ?? "";
  const wrote = `wrote ${path}; next, run \`ttsctl doctor${by}\``;
  await context.inform(flags.dryRun ? `dry run: ${path} was not written` : wrote);
}

/** The service's existing configuration; null if there is none, or if it can't be read. */
async function serviceConfig(context: Context): Promise<IniFile | null> {
  for (const name of CONFIGS) {
    try {
      const file = readConfig(placeAt(join(context.caller.cwd, name)), {});
      if (file !== null) return file;
    } catch (error) {
      context.reporter.warn(`not used: ${ours(error).message}`);
    }
  }
  return null;
}

/** Looks for what isn't given of store file and directories. @throws TtsctlError USAGE without a store file, unless it may lack */
async function findFiles(context: Context, values: NewValues, path: string, base: IniFile | null, mayLack: boolean) {
  for (const [name, kind, label, names] of PLACES) {
    if (values.has(name)) continue;
    const store = values.get("store.path");
    const near = [store && dirname(resolve(dirname(path), store.text)), base && dirname(base.path), context.caller.cwd];
    const folders = [...new Set(near.filter((folder) => typeof folder === "string"))];
    const all = folders.flatMap((folder) => FOLDERS.map((below) => join(folder, below)));
    const places = all.flatMap((folder) => names.map((name) => join(folder, name)));
    const are = await Promise.all(places.map(async (place) => (await stat(place).catch(() => null))?.[kind]()));
    const [found, ...others] = places.filter((_, i) => are[i]);
    if (found === undefined && !mayLack && kind === "isFile") {
      const hint = `--store names it, also one that will be made; looked for ${names.join(", ")}`;
      throw usage(`no store file found in ${folders.join(", ")}`, hint);
    }
    if (found === undefined && !mayLack) {
      const used = `using ${names[0]} beside the store file; change it if that is wrong`;
      context.reporter.warn(`no ${label.toLowerCase()} found: ${used}`);
    }
    if (kind === "isFile" && others.length > 0) {
      context.reporter.warn(`${found} is used; also found: ${others.join(", ")}`);
    }
    const place = found ?? join(folders[0]!, names[0]!);
    values.set(name, { text: pathText(place, path), source: found === undefined ? "default" : "found", origin: place });
  }
}

async function askAll(context: Context, values: NewValues, path: string, settingsOf: () => Settings): Promise<void> {
  const set = (name: SettingName, text: string) => values.set(name, { text, source: "answer", origin: "your answer" });
  for (const [name, , label] of PLACES) {
    const found = pathText(resolve(dirname(path), values.get(name)!.text), join(context.caller.cwd, CONFIG_FILE));
    const answer = await ask(context, label, found, rowOf(name).kind);
    if (answer !== null) set(name, pathText(resolve(context.caller.cwd, answer), path));
  }
  await findRedis(context, values, settingsOf());
  const redis = await ask(context, "Redis: an address, a url, or none", redisShown(settingsOf()), REDIS_ANSWER);
  if (redis !== null) {
    // An answer is a complete address, so it replaces all parts of the one that was found.
    const parts = findAddress({ flags: {}, env: {}, file: null, cwd: "/" }).settings.keys();
    for (const name of ["redis.enabled", ...parts]) values.delete(name as SettingName);
    const address = parseAddress(redis) ?? { host: redis, port: defaultText("redis.port") };
    if (redis === NO_REDIS) set("redis.enabled", "false");
    else if (REDIS_URL.parse(redis) !== undefined) set("redis.url", redis);
    else {
      set("redis.host", address.host);
      set("redis.port", String(address.port));
    }
    await findRedis(context, values, settingsOf());
  }
  const { kind } = rowOf("cleanup.retention");
  const age = await ask(context, "Finished tasks are kept for", values.get("cleanup.retention")!.text, kind);
  if (age !== null) set("cleanup.retention", age);
}

/** Repeats a question until the answer is right. Returns null for the default. */
async function ask(context: Context, label: string, shown: string, kind: Kind<unknown>): Promise<string | null> {
  for (;;) {
    const question = `${label} [${printable(shown)}]: `;
    const text = (await context.terminal.ask(question, context.signal, "nothing was written")).trim();
    if (text === "") return null;
    if (kind.parse(text) !== undefined) return text;
    await context.terminal.err.write(`accepted: ${kind.accepted}\n`);
  }
}

const REDIS_ANSWER = {
  accepted: `host, host:port, ${REDIS_URL.accepted}, or ${NO_REDIS}`,
  parse: (text: string) =>
    text === NO_REDIS || REDIS_URL.parse(text) || parseAddress(text) || parseHost(text) || undefined,
};

/** Pings Redis, and looks for the layout of its tasks. A failure is a warning: it may be started later. */
async function findRedis(context: Context, values: NewValues, settings: Settings): Promise<void> {
  if (values.get("redis.layout")?.source === "found") values.delete("redis.layout");
  if (!settings.redis.enabled.value) return;
  const { shownLayout } = await import("../store/redis/shown-layout.ts");
  try {
    const mirror = await connectMirror(targetOf(settings), recordRulesOf(settings));
    const { name } = await shownLayout(mirror).finally(() => mirror.close());
    await context.inform(`Redis at ${mirror.where} answers`);
    if (name !== null && name !== defaultText("redis.layout") && !values.has("redis.layout")) {
      values.set("redis.layout", { text: name, source: "found", origin: `the tasks in Redis at ${mirror.where}` });
    }
  } catch (error) {
    if (!isRedisError(error)) throw error;
    context.reporter.warn(error.message);
  }
}

/** Only the owner can read a file with a password. A replaced file keeps its owner, group and mode. @throws EXPORT_FAILED */
async function write(context: Context, path: string, text: string, force: boolean, isProfile: boolean): Promise<void> {
  const { TargetFile } = await import("../operations/export/target-file.ts");
  if (isProfile) {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 }).catch((cause) => {
      const what = `cannot create ${dirname(path)}: ${describeSystemError(cause)}`;
      throw new TtsctlError("EXPORT_FAILED", what, { cause });
    });
  }
  const before = force ? await stat(path).catch(() => null) : null;
  const isSecret = holdsPassword(parseIni(text, path));
  const mode = before === null ? (isSecret ? 0o600 : 0o644) : before.mode & (isSecret ? 0o770 : 0o777);
  const modeBefore = before === null ? mode : before.mode & 0o777;
  const file = await TargetFile.at(path, force, mode, before);
  context.onRelease(() => file.close());
  await file.write([text]);
  await file.finish();
  if (mode !== modeBefore) {
    const change = `its mode ${modeBefore.toString(8)} is now ${mode.toString(8)}`;
    context.reporter.warn(`${path}: ${change}, because it has a password or a token`);
  }
}
