import { SORTS } from "../../src/task/query-fields.ts";
import { nameOf } from "../model/filter.ts";
import { useApp, useMessages } from "./context.ts";

/** The order of the list. Tasks of some ids come in the order asked. */
export function Sort() {
  const { tasks, filter: apply } = useApp();
  const text = useMessages();
  const { filter } = tasks.request.value;
  if (filter.taskIds.length > 0) return null;
  const choose = (sort: string) => void apply({ ...filter, sort: sort === "" ? [] : [sort] });
  return (
    <select
      class="sort"
      name={nameOf("sort")}
      aria-label={text.filterParts.sort}
      value={filter.sort[0] ?? ""}
      onChange={({ currentTarget }) => choose(currentTarget.value)}
    >
      {(["", ...SORTS] as const).map((sort) => (
        <option key={sort} value={sort}>
          {text.sorts[sort]}
        </option>
      ))}
    </select>
  );
}
