import { keyOf, memberOf, type TaskId } from "./ids.ts";
import { TimeReader, type Zone } from "./time.ts";

/** How a service lays out its tasks in Redis and on the disk (docs/contract.md, Deployments). */
export const LAYOUT_NAMES = ["plain", "api_ms"] as const;
export type LayoutName = (typeof LAYOUT_NAMES)[number];

/** The time that scores a task in its user's index; later versions of the published service use `created_at`. */
export type UserScoreField = "updated_at" | "created_at";

/** Ranks of the bytes of ids, by which members of the index compare; that of the colon between both ids comes last. */
export type ByteRanks = Uint16Array;
/** The place in ByteRanks of the colon between user id and task id. */
export const COLON_BETWEEN = 256;

const NO_FILE_NAME = /[^A-Za-z0-9_-]/gu;
const IS_FILE_NAME = /^[A-Za-z0-9_-]+$/;

/** The encoded name of an id in the layout `api_ms`: other ids may have it too. */
export function fileNameOf(id: string): string {
  return id.replace(NO_FILE_NAME, "_") || "anonymous";
}

/** How versions of the published service encode ids in names; one quotes ids of which the encoded name would keep nothing. */
const ENCODINGS: readonly ((id: string) => string)[] = [
  quotePlus,
  (id) => quotePlus(id).replaceAll("+", "%20"),
  (id) => (/[A-Za-z0-9_-]/.test(id) ? fileNameOf(id) : quotePlus(id)),
  fileNameOf,
];

let ranks: ByteRanks | undefined;

/** The order of quoted members: no byte's quoted form equals another's, or is the beginning of another's. */
export function quotedRanks(): ByteRanks {
  if (ranks !== undefined) return ranks;
  const quoted = Array.from({ length: COLON_BETWEEN + 1 }, (_, byte) => quotedByte(byte));
  const order = quoted.map((_, byte) => byte).sort((a, b) => (quoted[a]! < quoted[b]! ? -1 : 1));
  ranks = new Uint16Array(quoted.length);
  for (const [rank, byte] of order.entries()) ranks[byte] = rank;
  return ranks;
}

function quotedByte(byte: number): string {
  if (byte === COLON_BETWEEN) return ":";
  return byte < 0x80 ? quotePlus(String.fromCharCode(byte)) : `%${byte.toString(16).toUpperCase()}`;
}

/** The characters that `quote_plus` keeps, beside letters, digits and `_`: `-`, `.` and `~`. */
const NEEDS_QUOTING = /[^\w.~-]/;
/** The characters that `encodeURIComponent` keeps, and `quote_plus` does not. */
const LEFT_BY_URI = /[!'()*]/g;

/** Python's `urllib.parse.quote_plus` of well-formed text. */
export function quotePlus(text: string): string {
  if (!NEEDS_QUOTING.test(text)) return text;
  return encodeURIComponent(text)
    .replaceAll("%20", "+")
    .replace(LEFT_BY_URI, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** Python's `urllib.parse.unquote_plus`: invalid percent sequences are kept, and invalid UTF-8 becomes U+FFFD. */
export function unquotePlus(text: string): string {
  const unquoted = (run: string) => Buffer.from(run.replaceAll("%", ""), "hex").toString();
  return text.replaceAll("+", " ").replace(/(?:%[0-9A-Fa-f]{2})+/g, unquoted);
}

/** The folder of a task in `output/` by its names: `{userId}/{taskId}`. */
export type FolderName = TaskId;

/** The rules for reading records: the zone of naive times, and the service's layout. */
export class RecordRules {
  readonly zone: Zone;
  readonly layout: LayoutName;
  /** False for the default, which is checked against the store file (`checkFileLayout`). */
  readonly layoutIsSet: boolean;
  /** As last detected in Redis, so lists from the file keep that order while Redis is away. */
  userScoredBy: UserScoreField = "updated_at";

  constructor(zone: Zone, layout: LayoutName = "plain", layoutIsSet = true) {
    this.zone = zone;
    this.layout = layout;
    this.layoutIsSet = layoutIsSet;
  }

  get allowsColons(): boolean {
    return this.layout === "api_ms";
  }

  /** Whether a task id is unique across users. */
  get taskIdIsUnique(): boolean {
    return this.layout === "api_ms";
  }

  /** Whether tasks of different ids may have one folder. */
  get sharesFolders(): boolean {
    return this.layout === "api_ms";
  }

  /** The names that an id may have in `output/` and `Logs/`: versions of the published service differ in that. */
  readonly namesOf = (id: string): readonly string[] => {
    if (this.layout === "plain" || IS_FILE_NAME.test(id)) return [id];
    return [...new Set([id, ...ENCODINGS.map((encode) => encode(id))])];
  };

  /** The names that the folder of a task, and the one around it, may have: both raw, or both encoded in the same way. */
  readonly foldersOf = ({ userId, taskId }: FolderName): readonly FolderName[] => {
    const raw = { userId, taskId };
    if (this.layout === "plain" || (IS_FILE_NAME.test(userId) && IS_FILE_NAME.test(taskId))) return [raw];
    const all = [raw, ...ENCODINGS.map((encode) => ({ userId: encode(userId), taskId: encode(taskId) }))];
    return [...new Map(all.map((folder) => [keyOf(folder), folder])).values()];
  };

  /** In which order members of the global index compare; null: bytewise, as the ids are. */
  get memberRanks(): ByteRanks | null {
    return this.layout === "api_ms" ? quotedRanks() : null;
  }

  /** The member of the global index; without a user, the task id is the member itself. */
  member(userId: string, taskId: string): string {
    if (this.layout === "plain" || userId === "") return memberOf(userId, taskId);
    return `${quotePlus(userId)}:${quotePlus(taskId)}`;
  }

  times(): TimeReader {
    return new TimeReader(this.zone, { wholeSeconds: this.layout === "api_ms" });
  }
}
