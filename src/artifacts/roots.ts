import { closeSync, lstatSync, openSync, readdirSync, realpathSync } from "node:fs";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { describeSystemError, hasCode, ours, systemErrorCode, TtsctlError } from "../errors.ts";
import { printableJson } from "../printable.ts";
import { DESCRIPTORS, Folder } from "./folder.ts";

/** The paths of artifacts, and files that must not be below them for a removal. */
export interface RootPaths {
  readonly output: string;
  readonly logs: string;
  /** The files that a directory of artifacts must not hold, at any depth: config.ini and the store file. */
  readonly apart?: readonly string[];
  /** A root that can't be read is left out, and its error is in `unread`. */
  readonly mayLack?: boolean;
}

export interface Roots {
  /** Undefined if the folder is missing: then it counts as empty. */
  output: Folder | undefined;
  logs: Folder | undefined;
  /** The name in `output/` that leads to the logs, if they are in it; it can't be a user's. */
  logsInOutput: string | undefined;
  /** Why a root was left out. */
  unread: ReadonlyMap<"output" | "logs", TtsctlError>;
}

/** Opens `output/` and `Logs/`, which may be links: they are resolved once, here. @throws TtsctlError ARTIFACTS_UNSAFE */
export function openRoots(paths: RootPaths): Roots {
  const unread = new Map<"output" | "logs", TtsctlError>();
  function read<T>(root: "output" | "logs", work: () => T): T | undefined {
    try {
      return work();
    } catch (error) {
      if (!paths.mayLack) throw error;
      unread.set(root, ours(error));
      return undefined;
    }
  }
  const [output, logs] = [resolve(paths.output), resolve(paths.logs)];
  const [realOutput, realLogs] = [read("output", () => realPathOf(output)), read("logs", () => realPathOf(logs))];
  const logsInOutput = nameInOutput(realOutput, realLogs);
  for (const root of [realOutput, realLogs].filter((path) => path !== undefined)) {
    const held = heldFile(root, paths.apart ?? []);
    if (held !== undefined)
      throw unsafePaths(`${printableJson(root)} can't be used for audio or logs: it holds ${printableJson(held)}`);
  }
  const outputFolder = read("output", () => openRoot(realOutput, basename(output)));
  try {
    const logsFolder = read("logs", () => openRoot(realLogs, labelOf(logs, dirname(output))));
    return { output: outputFolder, logs: logsFolder, logsInOutput, unread };
  } catch (error) {
    outputFolder?.close();
    throw error;
  }
}

/** Which of these files, by its path or the target of a link, is in a directory, at any depth. */
export function heldFile(directory: string, files: readonly string[]): string | undefined {
  const root = realOr(directory, resolve(directory));
  for (const file of files) {
    const place = join(realOr(dirname(file), resolve(dirname(file))), basename(file));
    if ([place, realOr(file, place)].some((path) => isBelow(root, path))) return file;
  }
  return undefined;
}

function realOr(path: string, otherwise: string): string {
  try {
    return realpathSync(path);
  } catch {
    return otherwise;
  }
}

function isBelow(root: string, path: string): boolean {
  const from = relative(root, path);
  return from !== "" && from !== ".." && !from.startsWith(`..${sep}`) && !isAbsolute(from);
}

/** The path without symbolic links; undefined when nothing is there. */
function realPathOf(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw cannotOpen(path, error);
  }
  // A link to a disk that is not mounted must not pass for a folder without artifacts.
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there?.isSymbolicLink()) throw unsafePaths(`${printableJson(path)} is a broken symbolic link`, NOT_MOUNTED);
  if (there !== undefined) return realPathOf(path); // the service just created it
  // Beside a folder that the service has not made yet there is at least the store file.
  if (hasEntries(dirname(path))) return undefined;
  throw unsafePaths(`${printableJson(path)} does not exist, and its parent directory is empty`, NOT_MOUNTED);
}

function hasEntries(path: string): boolean {
  try {
    return readdirSync(path).length > 0;
  } catch (error) {
    return systemErrorCode(error) !== "ENOENT"; // what cannot be listed is there
  }
}

function openRoot(path: string | undefined, label: string): Folder | undefined {
  if (path === undefined) return undefined;
  let tried = DESCRIPTORS;
  try {
    // Without it, each name would look missing. A process that changed its user may lack access to its own.
    closeSync(openSync(tried, "r"));
    tried = path;
    return Folder.openRoot(path, label);
  } catch (error) {
    throw cannotOpen(tried, error);
  }
}

function cannotOpen(path: string, error: unknown): unknown {
  if (systemErrorCode(error) === undefined) return error;
  const what = `cannot open the directory ${printableJson(path)}: ${describeSystemError(error)}`;
  const isDenied = hasCode("EACCES", "EPERM")(error);
  const hint = isDenied
    ? "run ttsctl as the user that the service runs as"
    : "check [paths] output and logs in config.ini";
  return new TtsctlError("ARTIFACTS_UNSAFE", what, { hint, cause: error });
}

/** Refuses what would make system folders look like those of users. */
function nameInOutput(output: string | undefined, logs: string | undefined): string | undefined {
  if (output === sep) throw unsafePaths("the output directory is the root of the file system");
  if (output === undefined || logs === undefined) return undefined;
  if (output === logs) throw unsafePaths("output and logs are the same directory");
  return isBelow(output, logs) ? relative(output, logs).split(sep)[0] : undefined;
}

const NOT_MOUNTED = "mount its disk, or fix [paths] in config.ini";

function unsafePaths(message: string, hint = "fix [paths] output and logs in config.ini"): TtsctlError {
  return new TtsctlError("ARTIFACTS_UNSAFE", message, { hint });
}

/** As an operator sees the logs beside `output/`; their full path if they are elsewhere. */
function labelOf(logs: string, base: string): string {
  if (logs === base) return ".";
  return isBelow(base, logs) ? relative(base, logs) : logs;
}
