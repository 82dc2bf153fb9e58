import { useEffect } from "preact/hooks";
import { fieldOf, PAGE_PARTS, type PagePart, SORTS } from "../../src/task/query-fields.ts";
import type { Messages } from "../i18n/en.ts";
import { isFiltered, nameOf } from "../model/filter.ts";
import { REFRESH_CHOICES } from "../state/preferences.ts";
import type { View } from "../state/task-list.ts";
import { ageIn, type ServiceClock } from "../time/service-clock.ts";
import { ChoosePage } from "./choice.tsx";
import { useApp, useMessages, useTimes } from "./context.ts";
import { labelOf } from "./filter-form.tsx";
import { Icon, Line } from "./parts.tsx";

/** The filter, the age of the list, and new tasks: above the rows, and visible while they scroll. */
export function ListBar() {
  const { tasks } = useApp();
  const text = useMessages();
  const view = tasks.view.value;
  return (
    <div class="list-bar">
      <ChoosePage />
      <h2 id="tasks" tabIndex={-1}>
        {view === null ? text.tasks : headingOf(view, text)}
      </h2>
      <AppliedFilter />
      <NewTasks />
      <Sort />
      <Refresh />
    </div>
  );
}

function headingOf({ request, answer }: View, text: Messages): string {
  const { total } = answer.page;
  if (answer.page.stopped !== undefined) return text.foundAtLeast(total);
  return isFiltered(request.filter) ? text.found(total) : text.total(total);
}

function AppliedFilter() {
  const { tasks } = useApp();
  const text = useMessages();
  const { clock } = useTimes();
  const { filter } = tasks.request.value;
  const parts = PAGE_PARTS.flatMap((part) => {
    if (part === "sort") return [];
    if (part === "search") return filter[part].map(text.searched);
    if (fieldOf(part).kind === "switch") return filter[part].map(() => text.filterParts[part]);
    if (fieldOf(part).kind === "time") return filter[part].map((value) => timeLabel(value, part, text, clock));
    if (part !== "taskIds") return filter[part].map((value) => labelOf(value, part, text));
    return filter.taskIds.length === 0 ? [] : [text.filteredIds(filter.taskIds.length)];
  });
  if (parts.length === 0) return null;
  return (
    <p class="applied" title={text.filteredBy}>
      <Line text={parts.join(" · ")} />
    </p>
  );
}

/** An age by its name, any other time by the service's clock. */
function timeLabel(value: string, part: PagePart, text: Messages, clock: ServiceClock | null): string {
  const label = labelOf(value, part, text);
  if (label !== value) return label;
  const time = ageIn(value) === undefined ? clock?.input(value, 0).replace("T", " ") : undefined;
  return `${text.filterParts[part]} ${time ?? value}`;
}

/** Rows don't move during reading: a button announces new tasks and shows them on request. */
function NewTasks() {
  const { tasks, announce } = useApp();
  const text = useMessages();
  const waiting = tasks.waiting.value;
  const added = waiting?.added ?? 0;
  const gone = tasks.view.value?.rows.filter(({ isGone }) => isGone).length ?? 0;
  useEffect(() => {
    if (added > 0) announce(text.addedSaid(added));
  }, [added]);
  if (waiting === null) return null;
  return (
    <button type="button" class="button primary small new-tasks" onClick={() => void tasks.show()}>
      {added > 0 ? text.added(added) : gone > 0 ? text.removed(gone) : text.changed}
    </button>
  );
}

/** The order of the list. Tasks of some ids come in the order asked. */
function Sort() {
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

function Refresh() {
  const { tasks, preferences, refreshNow } = useApp();
  const text = useMessages();
  const { clock } = useTimes();
  const view = tasks.view.value;
  const seconds = preferences.refreshSeconds;
  return (
    <div class="refresh">
      {view && clock && <span class="quiet updated">{text.updated(clock.time(view.at))}</span>}
      <select
        name="refresh"
        aria-label={text.refreshEvery}
        value={seconds.value}
        onChange={({ currentTarget }) => {
          seconds.value = Number(currentTarget.value);
        }}
      >
        {REFRESH_CHOICES.map((choice) => (
          <option key={choice} value={choice}>
            {text.refreshEvery} {choice === 0 ? text.never : text.seconds(choice)}
          </option>
        ))}
      </select>
      <button
        type="button"
        class="icon-button small"
        aria-label={text.refresh}
        title={text.refresh}
        onClick={() => void refreshNow()}
      >
        <Icon name="refresh" />
      </button>
    </div>
  );
}
