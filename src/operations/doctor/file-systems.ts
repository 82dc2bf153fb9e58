/** File systems by the type that statfs(2) gives: what is not here is told by its number. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [0xef53, "ext4"],
  [0x58465342, "xfs"],
  [0x9123683e, "btrfs"],
  [0x2fc12fc1, "zfs"],
  [0x01021994, "tmpfs"],
  [0x794c7630, "overlay"],
]);

/** Those that several machines, or a virtual machine and its host, share. */
const SHARED: ReadonlyMap<number, string> = new Map([
  [0x6969, "nfs"],
  [0xff534d42, "cifs"],
  [0xfe534d42, "smb"],
  [0x517b, "smb"],
  [0x01021997, "9p"],
  [0x65735546, "fuse"],
  [0x00c36400, "ceph"],
  [0x5346414f, "afs"],
  [0x6a656a63, "virtiofs"],
]);

export interface FileSystem {
  readonly name: string;
  /** Whether locks and renames may not be those of one machine. */
  readonly shared: boolean;
}

/** What a type of statfs(2) stands for. */
export function fileSystemOf(type: number): FileSystem {
  const unsigned = type >>> 0;
  const shared = SHARED.get(unsigned);
  return { name: shared ?? NAMES.get(unsigned) ?? `type 0x${unsigned.toString(16)}`, shared: shared !== undefined };
}
