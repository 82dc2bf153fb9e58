import type { ShownRow } from "../model/hold.ts";
import { useApp, useMessages } from "./context.ts";
import { IconButton, Line } from "./parts.tsx";

/** Chooses a row: with Shift, all rows from the one that was chosen last. */
export function ChooseTask({ row }: { row: ShownRow }) {
  const { chosen, change, tasks, about } = useApp();
  const text = useMessages();
  const isChosen = chosen.has(row.key);
  if (about.health.value?.readOnly) return <span class="choose" />;
  return (
    <label class="choose">
      <input
        type="checkbox"
        name="task"
        disabled={tasks.asking.value || about.readOnly.value}
        aria-label={text.chooseTask(row.taskId)}
        checked={isChosen}
        onMouseDown={(event) => event.shiftKey && event.preventDefault()} // no text is selected
        onClick={(event) => chosen.choose(row.key, event.currentTarget.checked, event.shiftKey)}
        onKeyDown={({ key }) => {
          if (key === "Escape") chosen.clear();
          if (key === "Delete" && isChosen) change.ask("delete", chosen.choice.value);
        }}
      />
    </label>
  );
}

/** Chooses all rows of the page. */
export function ChoosePage() {
  const { chosen, tasks, about } = useApp();
  const text = useMessages();
  if (about.health.value?.readOnly) return <span class="choose" />;
  const isPage = chosen.isPage.value;
  return (
    <label class="choose" title={text.choosePage}>
      <input
        type="checkbox"
        name="page"
        disabled={tasks.asking.value || about.readOnly.value || (tasks.view.value?.rows.length ?? 0) === 0}
        aria-label={text.choosePage}
        checked={isPage}
        indeterminate={!isPage && chosen.choice.value.count > 0}
        onChange={({ currentTarget }) => chosen.choosePage(currentTarget.checked)}
      />
    </label>
  );
}

/** How many tasks are chosen, and what can be done with them. */
export function ChoiceBar() {
  const { chosen, change, confirm } = useApp();
  const text = useMessages();
  const choice = chosen.choice.value;
  const { rows, filter, count } = choice;
  if (count === 0) return null;
  const statuses = filter?.statuses ?? rows.map(({ status }) => status);
  const mayRetry = statuses.includes("error") || filter?.statuses.length === 0;
  return (
    <section class="choice-bar" aria-label={text.chosenTasks}>
      <IconButton name="close" label={text.chooseNone} press={() => chosen.clear()} />
      <p role="status">
        <Line text={text.chosen(count)} />
      </p>
      {chosen.canChooseAll.value ? (
        <button type="button" class="button" onClick={() => void chosen.chooseAll().catch(() => confirm(text.failed))}>
          {text.chooseAll(chosen.total)}
        </button>
      ) : null}
      <span class="spring" />
      {mayRetry ? (
        <button type="button" class="button" onClick={() => change.ask("retry", choice)}>
          {text.retryTasks}
        </button>
      ) : null}
      <button type="button" class="button" onClick={() => change.ask("mark", choice)}>
        {text.mark}
      </button>
      <button type="button" class="button danger" onClick={() => change.ask("delete", choice)}>
        {text.delete}
      </button>
    </section>
  );
}
