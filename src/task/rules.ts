import { memberOf, type TaskId, uniqueTasks } from "./ids.ts";
import { TimeReader, type Zone } from "./time.ts";

/** How a service lays out its tasks in Redis and on the disk (docs/contract.md, Deployments). */
const LAYOUTS = {
  plain: { isPublished: false, userScoredBy: "updated_at" },
  api_ms: { isPublished: true, userScoredBy: "updated_at" },
  api_ms_v3: { isPublished: true, userScoredBy: "created_at" },
} as const;
export type LayoutName = keyof typeof LAYOUTS;
export const LAYOUT_NAMES = Object.keys(LAYOUTS) as LayoutName[];

/** Whose requests and answers `serve` uses. */
export type DialectName = Exclude<LayoutName, "api_ms_v3">;

/** The time that scores a task in its user's index. */
export type UserScoreField = "updated_at" | "created_at";

const NO_FILE_NAME = /[^A-Za-z0-9_-]/gu;
const IS_FILE_NAME = /^[A-Za-z0-9_-]+$/;

/** The encoded name of an id of the published service: other ids may have it too. */
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

/** Python's `urllib.parse.unquote`: invalid percent sequences are kept, and invalid UTF-8 becomes U+FFFD, while decodeURIComponent would throw. */
export function unquote(text: string): string {
  return text.replace(/(?:%[0-9a-f]{2})+/gi, (run) => Buffer.from(run.replaceAll("%", ""), "hex").toString());
}

/** Python's `urllib.parse.unquote_plus`. */
export function unquotePlus(text: string): string {
  return unquote(text.replaceAll("+", " "));
}

/** The rules for reading records: the zone of naive times, and the service's layout. */
export class RecordRules {
  /** Ids are quoted in keys and may have colons, task ids are unique, times are whole seconds, and tasks may share a folder. */
  readonly isPublished: boolean;
  readonly userScoredBy: UserScoreField;

  constructor(
    readonly zone: Zone,
    readonly layout: LayoutName = "plain",
    /** False for the default, which is checked against the store file (`checkFileLayout`). */
    readonly layoutIsSet = true,
  ) {
    this.isPublished = LAYOUTS[layout].isPublished;
    this.userScoredBy = LAYOUTS[layout].userScoredBy;
  }

  /** The names that an id may have in `output/` and `Logs/`: versions of the published service differ in that. */
  readonly namesOf = (id: string): readonly string[] => {
    if (!this.isPublished || IS_FILE_NAME.test(id)) return [id];
    return [...new Set([id, ...ENCODINGS.map((encode) => encode(id))])];
  };

  /** The names that the folder of a task, and the one around it, may have: both raw, or both encoded in the same way. */
  readonly foldersOf = ({ userId, taskId }: TaskId): readonly TaskId[] => {
    const raw = { userId, taskId };
    if (!this.isPublished || (IS_FILE_NAME.test(userId) && IS_FILE_NAME.test(taskId))) return [raw];
    const all = [raw, ...ENCODINGS.map((encode) => ({ userId: encode(userId), taskId: encode(taskId) }))];
    return uniqueTasks(all);
  };

  /** The members by which tasks compare in the global index; null: they compare bytewise, as the ids do. */
  get memberOrder(): ((id: TaskId) => string) | null {
    return this.isPublished ? ({ userId, taskId }) => this.member(userId, taskId) : null;
  }

  /** The member of the global index; without a user, the task id is the member itself. */
  member(userId: string, taskId: string): string {
    if (!this.isPublished || userId === "") return memberOf({ userId, taskId });
    return `${quotePlus(userId)}:${quotePlus(taskId)}`;
  }

  times(): TimeReader {
    return new TimeReader(this.zone, { wholeSeconds: this.isPublished });
  }
}
