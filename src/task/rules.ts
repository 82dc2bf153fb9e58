import { memberOf } from "./ids.ts";
import { type ByteRanks, fileNameOf, type LayoutName, quotedRanks, quotePlus, type UserScoreField } from "./layouts.ts";
import { TimeReader } from "./time.ts";
import type { Zone } from "./zone.ts";

/** The folder of a task in `output/` by its names: `{userId}/{taskId}`. */
export interface FolderName {
  readonly userId: string;
  readonly taskId: string;
}

/** What decides how records are read: whose wall clock their naive times are of, and how the service lays them out. */
export class RecordRules {
  readonly zone: Zone;
  readonly layout: LayoutName;
  /** False for the default, which is checked against the store file (`layout-check.ts`). */
  readonly layoutIsSet: boolean;
  /** As last detected in Redis, so lists from the file keep that order while Redis is away. */
  userScoredBy: UserScoreField = "updated_at";

  constructor(zone: Zone, layout: LayoutName = "plain", layoutIsSet = true) {
    this.zone = zone;
    this.layout = layout;
    this.layoutIsSet = layoutIsSet;
  }

  /** Whether user ids may hold `:`. */
  get allowsColons(): boolean {
    return this.layout === "api_ms";
  }

  /** Whether a task id names one task, whoever's it is. */
  get taskIdIsUnique(): boolean {
    return this.layout === "api_ms";
  }

  /** Whether tasks of different ids may have one folder. */
  get sharesFolders(): boolean {
    return this.layout === "api_ms";
  }

  /** The names that an id may have in `output/` and `Logs/`: versions of the published service differ in that. */
  readonly namesOf = (id: string): readonly string[] => {
    const encoded = this.layout === "api_ms" ? fileNameOf(id) : id;
    return encoded === id ? [id] : [id, encoded];
  };

  /** The names that the folder of a task, and the one around it, may have: both raw, or both encoded. */
  readonly foldersOf = ({ userId, taskId }: FolderName): readonly FolderName[] => {
    const raw = { userId, taskId };
    if (this.layout === "plain") return [raw];
    const encoded = { userId: fileNameOf(userId), taskId: fileNameOf(taskId) };
    return encoded.userId === userId && encoded.taskId === taskId ? [raw] : [raw, encoded];
  };

  /** In which order members of the global index compare; null: bytewise, as the ids are. */
  get memberRanks(): ByteRanks | null {
    return this.layout === "api_ms" ? quotedRanks() : null;
  }

  /** The member of the global index. Without a user it is what stands there. */
  member(userId: string, taskId: string): string {
    if (this.layout === "plain" || userId === "") return memberOf(userId, taskId);
    return `${quotePlus(userId)}:${quotePlus(taskId)}`;
  }

  /** A reader of the times of records and hashes. */
  times(): TimeReader {
    return new TimeReader(this.zone, { wholeSeconds: this.layout === "api_ms" });
  }
}
