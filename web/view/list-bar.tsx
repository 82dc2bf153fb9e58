import { useEffect } from "preact/hooks";
import { fieldOf, PAGE_PARTS, type PagePart, SORTS } from "../../src/task/query-fields.ts";
import type { Messages } from "../i18n/en.ts";
import { type Filter, isFiltered, nameOf } from "../model/filter.ts";
import { REFRESH_CHOICES, TIME_FORMATS } from "../state/preferences.ts";
import type { View } from "../state/task-list.ts";
import { ageIn, type ServiceClock } from "../time/service-clock.ts";
import { ChoosePage } from "./choice.tsx";
import { useApp, useMessages, useTimes } from "./context.ts";
import { labelOf } from "./filter-form.tsx";
import { Icon, Line, Menu } from "./parts.tsx";

/** The number of tasks, the applied filter, and how the list is kept up to date: above the rows, and visible while they scroll. */
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
      <Live />
    </div>
  );
}

function headingOf({ request, answer }: View, text: Messages): string {
  const { total } = answer.page;
  if (answer.page.stopped !== undefined) return text.foundAtLeast(total);
  return isFiltered(request.filter) ? text.found(total) : text.total(total);
}

/** The parts of the filter, each with a button that removes it. A single status is a tab. */
function AppliedFilter() {
  const { tasks, form } = useApp();
  const text = useMessages();
  const { clock } = useTimes();
  const { filter } = tasks.request.value;
  const isTab = filter.statuses.length === 1 || filter.stuck.length > 0;
  const parts = PAGE_PARTS.filter((part) => part !== "sort" && filter[part].length > 0).filter(
    (part) => part !== "stuck" && !(part === "statuses" && isTab),
  );
  const remove = (part: PagePart) => {
    const without = part === "users" ? { users: [], taskIds: [] } : { [part]: [] };
    form.edit(Object.fromEntries(Object.keys(without).map((name) => [name, ""])));
    void form.apply({ ...filter, ...without });
  };
  return (
    <ul class="applied" aria-label={text.filteredBy}>
      {parts.map((part) => {
        const label = labelsOf(part, filter, text, clock);
        const name = text.removePart(label);
        return (
          <li key={part}>
            <button type="button" class="chip-button" aria-label={name} title={name} onClick={() => remove(part)}>
              <Line text={label} />
              <Icon name="close" />
            </button>
          </li>
        );
      })}
    </ul>
  );
}

function labelsOf(part: PagePart, filter: Filter, text: Messages, clock: ServiceClock | null): string {
  if (part === "taskIds" && filter.taskIds.length > 1) return text.filteredIds(filter.taskIds.length);
  return filter[part]
    .map((value) => {
      if (part === "search") return text.searched(value);
      return fieldOf(part).kind === "time" ? timeLabel(value, part, text, clock) : labelOf(value, part, text);
    })
    .join(" · ");
}

/** An age by its name, any other time by the service's clock. */
function timeLabel(value: string, part: PagePart, text: Messages, clock: ServiceClock | null): string {
  const label = labelOf(value, part, text);
  if (label !== value) return label;
  const time = ageIn(value) === undefined ? clock?.input(value, 0).replace("T", " ") : undefined;
  return `${text.filterParts[part as "since" | "until"]} ${time ?? value}`;
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
    <button type="button" class="button primary new-tasks" onClick={() => void tasks.show()}>
      {added > 0 ? text.added(added) : gone > 0 ? text.removed(gone) : text.changed}
    </button>
  );
}

interface OptionsProps<T extends string | number> {
  readonly name: string;
  readonly label: string;
  readonly value: T;
  readonly options: readonly (readonly [value: T, label: string])[];
  choose(value: string): void;
}

function Options<T extends string | number>({ name, label, value, options, choose }: OptionsProps<T>) {
  return (
    <label class="field">
      <span>{label}</span>
      <select name={name} value={value} onChange={({ currentTarget }) => choose(currentTarget.value)}>
        {options.map(([option, words]) => (
          <option key={option} value={option}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}

/** How often the list is read, its order, and how times are shown. */
function Live() {
  const { tasks, preferences, refreshNow, filter: apply } = useApp();
  const text = useMessages();
  const { clock } = useTimes();
  const view = tasks.view.value;
  const { refreshSeconds, times } = preferences;
  const { filter } = tasks.request.value;
  const every = (seconds: number) => (seconds === 0 ? text.never : text.seconds(seconds));
  const isLive = refreshSeconds.value > 0 && tasks.failure.value === null;
  return (
    <Menu kind={isLive ? "live" : "live is-paused"} label={text.live(refreshSeconds.value)}>
      {view && clock && <p class="quiet updated">{text.updated(clock.time(view.at))}</p>}
      <button type="button" class="button" onClick={() => void refreshNow()}>
        {text.refresh}
      </button>
      <Options
        name="refresh"
        label={text.refreshEvery}
        value={refreshSeconds.value}
        options={REFRESH_CHOICES.map((choice) => [choice, every(choice)] as const)}
        choose={(choice) => (refreshSeconds.value = Number(choice))}
      />
      {/* Tasks of some ids are listed in the order asked. */}
      {filter.taskIds.length > 0 ? null : (
        <Options
          name={nameOf("sort")}
          label={text.filterParts.sort}
          value={filter.sort[0] ?? ""}
          options={(["", ...SORTS] as const).map((sort) => [sort, text.sorts[sort]] as const)}
          choose={(sort) => void apply({ ...filter, sort: sort === "" ? [] : [sort] })}
        />
      )}
      <Options
        name="times"
        label={text.times}
        value={times.value}
        options={TIME_FORMATS.map((format) => [format, text.timeFormats[format]] as const)}
        choose={(format) => (times.value = format as typeof times.value)}
      />
    </Menu>
  );
}
