import { useEffect } from "preact/hooks";
import { fieldOf, PAGE_PARTS, type PagePart } from "../../src/task/query-fields.ts";
import type { Messages } from "../i18n/en.ts";
import { countOf, nameOf } from "../model/filter.ts";
import type { App } from "../state/app.ts";
import { REFRESH_CHOICES } from "../state/preferences.ts";
import type { View } from "../state/task-list.ts";
import { ageIn } from "../time/service-clock.ts";
import { ChoosePage } from "./choice.tsx";
import { useApp } from "./context.ts";
import { labelOf } from "./filter-form.tsx";
import { Button, Icon, Line, Menu, Select, SignalSelect } from "./parts.tsx";

/** The number of tasks, the applied filter, and how the list is kept up to date: above the rows, and visible while they scroll. */
export function ListBar() {
  const { tasks, text } = useApp();
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
  const { total, stopped } = answer.body;
  if (stopped !== undefined) return text.foundAtLeast(total);
  return countOf(request.filter) > 0 ? text.found(total) : text.total(total);
}

/** The parts of the filter, each with a button that removes it. A single status is a tab. */
function AppliedFilter() {
  const app = useApp();
  const { tasks, form, text } = app;
  const { filter } = tasks.request.value;
  const isTab = filter.statuses.length === 1 || filter.stuck.length > 0;
  const hidden: readonly PagePart[] = isTab ? ["sort", "stuck", "statuses"] : ["sort"];
  const remove = (part: PagePart) => {
    const without = part === "users" ? { users: [], taskIds: [] } : { [part]: [] };
    form.edit(Object.fromEntries(Object.keys(without).map((name) => [name, ""])));
    void form.apply({ ...filter, ...without });
  };
  return (
    <ul class="applied" aria-label={text.filteredBy}>
      {PAGE_PARTS.filter((part) => !hidden.includes(part) && filter[part].length > 0).map((part) => {
        const label = labelsOf(part, filter[part], app);
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

/** The values of a part as people see them: an age by its name, any other time by the service's clock. */
function labelsOf(part: PagePart, values: readonly string[], { text, clock }: App): string {
  if (part === "taskIds" && values.length > 1) return text.filteredIds(values.length);
  if (part === "search") return `“${values[0]}”`;
  const labels = values.map((value) => {
    const label = labelOf(value, part, text);
    if (label !== value || fieldOf(part).kind !== "time") return label;
    const time = ageIn(value) === undefined ? clock?.input(value, 0).replace("T", " ") : undefined;
    return `${text.filterParts[part]} ${time ?? value}`;
  });
  return labels.join(" · ");
}

/** Rows don't move during reading: a button announces new tasks and shows them on request. */
function NewTasks() {
  const { tasks, announce, text } = useApp();
  const waiting = tasks.waiting.value;
  const added = waiting?.added ?? 0;
  const gone = tasks.view.value?.rows.filter(({ isGone }) => isGone).length ?? 0;
  const label = added > 0 ? text.added(added) : gone > 0 ? text.removed(gone) : text.changed;
  useEffect(() => {
    if (added > 0) announce(text.addedSaid(added));
  }, [added]);
  return waiting && <Button kind="primary new-tasks" label={label} press={() => tasks.show()} />;
}

/** How often the list is read, its order, and how times are shown. */
function Live() {
  const { tasks, preferences, refreshNow, filter: apply, text, clock } = useApp();
  const view = tasks.view.value;
  const { refreshSeconds } = preferences;
  const { filter } = tasks.request.value;
  const isLive = refreshSeconds.value > 0 && tasks.failure.value === null;
  return (
    <Menu kind={isLive ? "live done" : "live wait"} label={text.live(isLive ? refreshSeconds.value : 0)}>
      {view && clock && <p class="quiet updated">{text.updated(clock.time(String(view.at)))}</p>}
      <Button label={text.refresh} press={refreshNow} />
      <Select
        isTitled
        name="refresh"
        label={text.refreshEvery}
        value={String(refreshSeconds.value)}
        options={Object.fromEntries(REFRESH_CHOICES.map((choice) => [choice, text.every(choice)]))}
        choose={(choice) => (refreshSeconds.value = Number(choice))}
      />
      {/* Tasks of some ids are listed in the order asked. */}
      {filter.taskIds.length === 0 && (
        <Select
          isTitled
          name={nameOf("sort")}
          label={text.filterParts.sort}
          value={filter.sort[0] ?? ""}
          options={text.sorts}
          choose={(sort) => apply({ ...filter, sort: sort === "" ? [] : [sort] })}
        />
      )}
      <SignalSelect isTitled name="times" label={text.times} options={text.timeFormats} choice={preferences.times} />
    </Menu>
  );
}
