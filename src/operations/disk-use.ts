import type { Artifacts } from "../artifacts/artifacts.ts";
import type { FolderNames } from "./owners.ts";

/**
 * The bytes of audio and logs by their owners. A file of several hard links counts once: for the first owner, or a later one that
 * `outranks` it. @param wanted users' directories, by name, and logs that count @returns unread: why parts weren't measured, a line each
 */
export async function diskUse(
  artifacts: Artifacts,
  names: FolderNames,
  outranks: (later: number, earlier: number) => boolean = () => false,
  wanted = { user: (_name: string) => true, log: (_taskId: string) => true },
) {
  const [audio, logs] = [new Map<number, number>(), new Map<number, number>()];
  const add = (to: Map<number, number>, owner: number, bytes: number) =>
    void to.set(owner, (to.get(owner) ?? 0) + bytes);
  const holders = new Map<bigint, { owner: number; bytes: number }>();
  const unread = await artifacts.walkFolders((user, task) => {
    const folder = wanted.user(user) ? artifacts.measureFolder(user, task) : null;
    if (folder?.kind !== "removed") return;
    const owner = names.ownerOf(user, task);
    add(audio, owner, folder.bytes);
    for (const { inode, bytes } of folder.linked ?? []) {
      add(audio, owner, -bytes);
      const holder = holders.get(inode);
      if (holder === undefined || outranks(owner, holder.owner)) holders.set(inode, { owner, bytes });
    }
  });
  for (const { owner, bytes } of holders.values()) add(audio, owner, bytes);
  const skipped = await artifacts.logs.walk((log) => add(logs, names.ownerOf("", log.taskId), log.bytes), wanted.log);
  return { audio, logs, unread: [...unread, ...skipped] };
}
