import { lstat, opendir, realpath } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { describeSystemError, systemErrorCode, TtsctlError } from "../errors.ts";
import { printableJson } from "../printable.ts";
import { Folder, hasDescriptorPaths, ifThere } from "./folder.ts";

/** The paths of artifacts, and files that must not be below them for a removal. */
export interface RootPaths {
  readonly output: string;
  readonly logs: string;
  /** The files that a directory of artifacts must not hold, at any depth: config.ini and the store file. */
  readonly apart?: readonly string[];
}

export interface Roots {
  /** Undefined if the folder is missing: then it counts as empty. */
  output: Folder | undefined;
  logs: Folder | undefined;
  /** The name in `output/` that leads to the logs, if they are in it; it can't be a user's. */
  logsInOutput: string | undefined;
}

/**
 * Opens `output/` and `Logs/`, which may be symbolic links: they are resolved once, here.
 * Throws ARTIFACTS_UNSAFE for what cannot be worked in safely.
 */
export async function openRoots(paths: RootPaths, byDescriptor = hasDescriptorPaths()): Promise<Roots> {
  const [output, logs] = [resolve(paths.output), resolve(paths.logs)];
  const [realOutput, realLogs] = [await realPathOf(output), await realPathOf(logs)];
  const logsInOutput = nameInOutput(realOutput, realLogs);
  for (const root of [realOutput, realLogs]) {
    const held = root === undefined ? undefined : await heldFile(root, paths.apart ?? []);
    if (held !== undefined)
      throw unsafePaths(`${printableJson(root)} can't be used for audio or logs: it holds ${printableJson(held)}`);
  }
  const outputFolder = await openRoot(realOutput, basename(output), byDescriptor);
  try {
    const logsFolder = await openRoot(realLogs, labelOf(logs, dirname(output)), byDescriptor);
    return { output: outputFolder, logs: logsFolder, logsInOutput };
  } catch (error) {
    outputFolder?.close();
    throw error;
  }
}

/** Which of these files, by its path or the target of a link, is in a directory, at any depth. */
export async function heldFile(directory: string, files: readonly string[]): Promise<string | undefined> {
  const root = await realpath(directory).catch(() => resolve(directory));
  for (const file of files) {
    const place = join(await realpath(dirname(file)).catch(() => resolve(dirname(file))), basename(file));
    const target = await realpath(file).catch(() => place);
    if ([place, target].some((path) => isBelow(root, path))) return file;
  }
  return undefined;
}

function isBelow(root: string, path: string): boolean {
  const from = relative(root, path);
  return from !== "" && from !== ".." && !from.startsWith(`..${sep}`) && !isAbsolute(from);
}

/** The path without symbolic links; undefined when nothing is there. */
async function realPathOf(path: string): Promise<string | undefined> {
  try {
    return await realpath(path);
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw cannotOpen(path, error);
  }
  // A link to a disk that is not mounted must not pass for a folder without artifacts.
  const there = await ifThere(lstat(path)).catch((error) => {
    throw cannotOpen(path, error);
  });
  if (there?.isSymbolicLink()) throw notMounted(`${printableJson(path)} is a broken symbolic link`);
  if (there !== undefined) return realPathOf(path); // the service just created it
  // Beside a folder that the service has not made yet there is at least the store file.
  if (await hasEntries(dirname(path))) return undefined;
  throw notMounted(`${printableJson(path)} does not exist, and its parent directory is empty`);
}

function notMounted(message: string): TtsctlError {
  return new TtsctlError("ARTIFACTS_UNSAFE", message, {
    hint: "mount its disk, or fix [paths] in config.ini",
  });
}

async function hasEntries(path: string): Promise<boolean> {
  try {
    for await (const _ of await opendir(path)) return true;
    return false;
  } catch (error) {
    return systemErrorCode(error) !== "ENOENT"; // what cannot be listed is there
  }
}

async function openRoot(path: string | undefined, label: string, byDescriptor: boolean): Promise<Folder | undefined> {
  if (path === undefined) return undefined;
  try {
    return await Folder.openRoot(path, label, byDescriptor);
  } catch (error) {
    throw cannotOpen(path, error);
  }
}

function cannotOpen(path: string, error: unknown): unknown {
  if (systemErrorCode(error) === undefined) return error;
  const why = describeSystemError(error);
  return new TtsctlError("ARTIFACTS_UNSAFE", `cannot open the directory ${printableJson(path)}: ${why}`, {
    hint: "check [paths] output and logs in config.ini",
    cause: error,
  });
}

/** Refuses what would make system folders look like those of users. */
function nameInOutput(output: string | undefined, logs: string | undefined): string | undefined {
  if (output === sep) throw unsafePaths("the output directory is the root of the file system");
  if (output === undefined || logs === undefined) return undefined;
  if (output === logs) throw unsafePaths("output and logs are the same directory");
  return isBelow(output, logs) ? relative(output, logs).split(sep)[0] : undefined;
}

function unsafePaths(message: string): TtsctlError {
  return new TtsctlError("ARTIFACTS_UNSAFE", message, { hint: "fix [paths] output and logs in config.ini" });
}

/** As an operator sees the logs beside `output/`; their full path if they are elsewhere. */
function labelOf(logs: string, base: string): string {
  if (logs === base) return ".";
  return isBelow(base, logs) ? relative(base, logs) : logs;
}
