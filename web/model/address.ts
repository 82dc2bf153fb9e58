import { splitIds } from "../../src/task/ids.ts";
import { SHOWN_STATUSES } from "../../src/task/status.ts";
import type { Filter } from "./filter.ts";

/** Where somebody is in the list. */
export interface Place {
  readonly filter: Filter;
  /** From 1. */
  readonly page: number;
}

/** An address longer than this is of use to nobody; thousands of ids stay out of it. */
const LONGEST = 2000;

/**
 * The part of the address behind `#`, so that a page can be reloaded, kept and passed on. It never reaches the server,
 * whose log then names no user. Empty for the first page without a filter.
 */
export function hashOf({ filter, page }: Place): string {
  const params = new URLSearchParams();
  if (filter.userId !== "") params.set("user", filter.userId);
  if (filter.taskIds.length > 0) params.set("ids", filter.taskIds.join(" "));
  if (filter.statuses.length > 0) params.set("status", filter.statuses.join(","));
  if (page > 1) params.set("page", String(page));
  if (params.toString().length > LONGEST) params.delete("ids");
  return params.toString();
}

/** The place that an address names; what makes no sense in it is left out. */
export function placeOf(hash: string): Place {
  const params = new URLSearchParams(hash.replace(/^#/, ""));
  const userId = params.get("user") ?? "";
  const words = (params.get("status") ?? "").split(",");
  const page = Number(params.get("page") ?? "1");
  return {
    filter: {
      userId,
      taskIds: userId === "" ? [] : splitIds(params.get("ids") ?? ""),
      statuses: SHOWN_STATUSES.filter((status) => words.includes(status)),
    },
    page: Number.isSafeInteger(page) && page >= 1 ? page : 1,
  };
}
