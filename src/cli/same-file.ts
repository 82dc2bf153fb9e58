import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Whether a path names one of these files, by whatever name, and also before the file is there. */
export async function isOneOf(path: string, others: readonly string[]): Promise<boolean> {
  const [name, file] = await Promise.all([realName(path), identity(path)]);
  for (const other of others) {
    if ((await realName(other)) === name) return true;
    if (file !== null && (await identity(other)) === file) return true;
  }
  return false;
}

/** The path with links followed, as far as it exists. */
async function realName(path: string): Promise<string> {
  return realpath(path).catch(async () => {
    const folder = await realpath(dirname(path)).catch(() => dirname(path));
    return join(folder, basename(path));
  });
}

async function identity(path: string): Promise<string | null> {
  const info = await stat(path).catch(() => null);
  return info === null ? null : `${info.dev}:${info.ino}`;
}
